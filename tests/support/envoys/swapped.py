"""One Envoy for many worlds: its listeners stay, and its routes are swapped by files in a few milliseconds.

Everything else is as Daemun makes it; what would come by ADS comes from files or is static. All clusters lead to one
more listener of the same Envoy, which tells in headers what it got.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from envoy.config.core.v3 import config_source_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from daemun.envoy.misses import misses
from daemun.envoy.scopes import head, scope_key
from daemun.features import HEAVY, http_filters
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE
from daemun.ir.listener import FrontendKey
from daemun.ir.resource import CLUSTER, ENDPOINT, LISTENER, SCOPE, SECRET
from daemun.provision.binary import find
from daemun.translate import Translation
from support.checks.render import messages
from support.envoys.envoy import bring

CANARY = "version.canary"
_SCOPES = "scopes.pb"
INSECURE = ssl.create_default_context()
INSECURE.check_hostname = False
INSECURE.verify_mode = ssl.CERT_NONE
_TYPES = "type.googleapis.com/envoy.extensions.filters"
_SECONDS = 20


class Got(NamedTuple):
    """What came back: from Envoy (`route` is its name, empty for none) and, by headers, from the backend."""

    status: int
    route: str = ""
    location: str = ""
    cluster: str = ""
    path: str = ""
    host: str = ""
    origin: str = ""


class SwappedEnvoy:
    """Started with the listeners, clusters and secrets of a translation; `show` swaps in the routes of another."""

    def __init__(self, first: Translation, echo: int) -> None:
        self._names: dict[int, str] = {}  # of ports behind TLS: a server name that gets there
        self.folder = Path(tempfile.mkdtemp(prefix="dmn-"))
        self._version = 0
        config = self.folder / "envoy.json"
        config.write_text(json.dumps(self._bootstrap(first, echo)))
        self._log = (self.folder / "log").open("w")
        command = [find(), "-c", config, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env={"PATH": os.environ.get("PATH", "")}
        )
        try:
            self.show(first)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End Envoy and remove its files."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder)

    def show(self, made: Translation) -> None:
        """Swap in the routes, and return when they are served."""
        self._version += 1
        scopes = {name: message for (_, kind, name), message in messages(made).items() if kind == SCOPE}
        for message in scopes.values():
            for key, value in (("x-route", "%ROUTE_NAME%"), ("x-cluster", "%UPSTREAM_CLUSTER_RAW%")):
                message.route_configuration.response_headers_to_add.add().header.MergeFrom(_header(key, value))
        ports = [int(name.partition("/")[0]) for name in scopes if name.endswith("/*")]
        self._write([*scopes.values(), *map(self._canary_of, ports)])
        for port in ports:
            _until(lambda port=port: self._canary(port) == str(self._version), self._explain)  # type: ignore[misc]  # mypy infers no lambda with defaults

    def ask(
        self,
        port: int,
        method: str,
        target: str,
        host: str,
        headers: Iterable[tuple[str, str]] = (),
        context: ssl.SSLContext | None = None,
        sni: str | None = None,
    ) -> Got:
        """One request, as it is, on a connection of its own."""
        with _connected(port, context, sni) as connection:
            lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
            if not any(name.lower() == "connection" for name, _ in headers):
                lines.append("Connection: close")
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            given = {name.lower(): value for name, value in response.getheaders()}
            response.close()
        names = ("x-route", "location", "x-cluster", "x-seen-path", "x-seen-host", "access-control-allow-origin")
        route, location, cluster, *seen = (given.get(name, "") for name in names)
        return Got(response.status, "" if route in {"-", "no-route"} else route, location, cluster, *seen)

    def _canary_of(self, port: int) -> Any:
        """A scope that tells which version of the routes is served."""
        frontend = FrontendKey("", port)
        scope = head(scope_key(frontend, CANARY), marked=False, hit=True)
        route = scope.route_configuration.virtual_hosts.add(name=CANARY, domains=[CANARY]).routes.add()
        route.match.prefix = "/"
        route.direct_response.status = 200
        route.direct_response.body.inline_string = str(self._version)
        return scope

    def _canary(self, port: int) -> str:
        sni = self._names.get(port)
        try:
            with _connected(port, None if sni is None else INSECURE, sni or None) as connection:
                connection.sendall(f"GET / HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\n\r\n".encode())
                response = http.client.HTTPResponse(connection)
                response.begin()
                with response:
                    return response.read().decode()
        except (OSError, http.client.HTTPException):
            return ""

    def _explain(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def _write(self, scopes: Iterable[Any]) -> None:
        response = discovery_pb2.DiscoveryResponse(version_info=str(self._version), type_url=SCOPE)
        for scope in scopes:
            response.resources.add().Pack(scope)
        draft = self.folder / "draft"
        draft.write_bytes(response.SerializeToString())
        draft.replace(self.folder / _SCOPES)

    def _bootstrap(self, first: Translation, echo: int) -> dict[str, Any]:
        found = messages(first)
        listeners, clusters, secrets = [], {}, []
        for (_, kind, name), message in found.items():
            if kind == LISTENER:
                for chain in message.filter_chains:
                    self._local(chain, message.address.socket_address.port_value)
                listeners.append(message)
            elif kind == SECRET:
                secrets.append(message)
            elif kind == CLUSTER:
                message.ClearField("eds_cluster_config")
                message.type = message.STATIC
                clusters[name] = message
        self._write(message for (_, kind, _), message in found.items() if kind == SCOPE)
        for (_, kind, name), message in found.items():
            if kind == ENDPOINT:
                clusters[name].load_assignment.MergeFrom(message)
        limits = {"re2.max_program_size.error_level": RE2_MAX_PROGRAM_SIZE}
        plain = [json_format.MessageToDict(one, preserving_proto_field_name=True) for one in listeners]
        return {
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": {"pipe": {"path": str(self.folder / "admin"), "mode": 0o600}}},
            "layered_runtime": {"layers": [{"name": "test", "static_layer": limits}]},
            "static_resources": {
                "listeners": [*plain, _echo(echo)],
                "clusters": [json_format.MessageToDict(one) for one in clusters.values()],
                "secrets": [json_format.MessageToDict(one) for one in secrets],
            },
        }

    def _local(self, chain: Any, port: int) -> None:
        """Routes from a file, certificates from the bootstrap."""
        manager = hcm_v3.HttpConnectionManager()
        chain.filters[0].typed_config.Unpack(manager)
        source = config_source_pb2.ConfigSource(resource_api_version=config_source_pb2.ApiVersion.V3)
        source.path_config_source.path = str(self.folder / _SCOPES)
        manager.scoped_routes.rds_config_source.CopyFrom(source)
        manager.scoped_routes.scoped_rds.scoped_rds_config_source.CopyFrom(source)
        # What the routes need that are shown later is not known yet.
        ways = {one.name: one for one in misses(FrontendKey("", port), http_filters())}
        bring(manager, {**HEAVY, **ways})
        chain.filters[0].typed_config.Pack(manager)
        if chain.HasField("transport_socket"):
            server_name = "".join(chain.filter_chain_match.server_names).replace("*", "w")
            self._names[port] = server_name
            tls = tls_pb2.DownstreamTlsContext()
            chain.transport_socket.typed_config.Unpack(tls)
            for reference in tls.common_tls_context.tls_certificate_sds_secret_configs:
                reference.ClearField("sds_config")
            chain.transport_socket.typed_config.Pack(tls)


@contextlib.contextmanager
def _connected(port: int, context: ssl.SSLContext | None, sni: str | None) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as plain:
        if context is None:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname=sni) as secured:
            yield secured


def _until(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.001)


def _header(key: str, value: str) -> Any:
    from envoy.config.core.v3 import base_pb2

    return base_pb2.HeaderValue(key=key, value=value)


def _echo(port: int) -> dict[str, Any]:
    seen = {"x-seen-path": "%REQUEST_HEADER(:PATH)%", "x-seen-host": "%REQUEST_HEADER(:AUTHORITY)%"}
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200},
        "response_headers_to_add": [{"header": {"key": key, "value": value}} for key, value in seen.items()],
    }
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "echo",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"virtual_hosts": [{"name": "echo", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}},
        ],
    }
    return {
        "name": "echo",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }
