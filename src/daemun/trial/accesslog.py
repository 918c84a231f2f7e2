"""Access logs as requests: Daemun's and Gloo's lines of JSON, Envoy's own text, and the common and combined format."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from daemun.explain import Request, request_from
from daemun.trial.sample import Sample

_QUOTED = re.compile(r'"(?P<method>[A-Z]+) (?P<target>\S+)(?: (?P<protocol>HTTP/[0-9.]+))?"')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ENVOY = re.compile(r"^\[\d{4}-\d\d-\d\dT")
_NAMES = {
    "method": ("method", ":method", "requestMethod", "http_method", "req_method"),
    "host": ("host", "authority", ":authority", "requestHost", "http_host", "vhost"),
    "path": ("path", ":path", "requestPath", "uri", "request_uri", "x-envoy-original-path"),
    "scheme": ("scheme", ":scheme", "x-forwarded-proto"),
}


class Read(msgspec.Struct):
    """What was read: the requests, each once with how often it came, and the lines that are none."""

    samples: list[Sample]
    lines: int = 0
    skipped: int = 0


def read(lines: Iterable[str], host: str = "", scheme: str = "http", port: int = 0) -> Read:
    """The requests in a log. `host` is theirs where the log does not say it, and so is `port`."""
    counts: dict[Request, int] = {}
    found = Read([])
    for line in lines:
        if not line.strip():
            continue
        found.lines += 1
        request = next(_requests(line.strip(), host, scheme, port), None)
        if request is None:
            found.skipped += 1
        else:
            counts[request] = counts.get(request, 0) + 1
    found.samples = [Sample(request, None, "the log", count) for request, count in counts.items()]
    return found


def _requests(line: str, host: str, scheme: str, port: int) -> Iterator[Request]:
    said = _of_json(line) if line.startswith("{") else _of_text(line)
    method, target = said.get("method", ""), said.get("path", "")
    at = said.get("host", "") or host
    if not at or not target.startswith("/"):
        return
    known = said.get("scheme", "") or scheme
    if port and not re.search(r":\d+$", at):
        at = f"{at}:{port}"
    try:
        yield request_from(method, f"{known}://{at}{target}")
    except ValueError:
        return


def _of_json(line: str) -> dict[str, str]:
    try:
        said: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    if not isinstance(said, dict):
        return {}
    found = {}
    for what, names in _NAMES.items():
        values = (said.get(name) for name in names)
        found[what] = next((one for one in values if isinstance(one, str) and one not in ("", "-")), "")
    return found


def _of_text(line: str) -> dict[str, str]:
    asked = _QUOTED.search(line)
    if asked is None:
        return {}
    found = {"method": asked["method"], "path": asked["target"]}
    if _ENVOY.match(line):
        # "X-FORWARDED-FOR" "USER-AGENT" "X-REQUEST-ID" ":AUTHORITY" "UPSTREAM_HOST" end Envoy's own format.
        strings = _STRING.findall(line[asked.end() :])
        if len(strings) >= 4:
            found["host"] = strings[-2] if strings[-2] != "-" else ""
    return found
