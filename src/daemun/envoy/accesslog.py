"""Access logs: a line of JSON for everything that came in, for those who ask for it."""

from collections.abc import Mapping

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.extensions.access_loggers.file.v3 import file_pb2


def log_to(path: str, fields: Mapping[str, str]) -> accesslog_pb2.AccessLog:
    """An access log in a file, with these fields (Envoy's command operators)."""
    config = file_pb2.FileAccessLog(path=path)
    for field, value in fields.items():
        config.log_format.json_format[field] = value
    log = accesslog_pb2.AccessLog(name="envoy.access_loggers.file")
    log.typed_config.Pack(config, deterministic=True)
    return log
