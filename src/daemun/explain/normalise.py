"""What Envoy makes of a request before it looks for a route, with the options of `envoy.listeners.connection_manager`.

Every statement here was tried against Envoy 1.40; tests/laws/test_explain_against_envoy.py keeps it true.
"""

import re
from collections.abc import Iterable

import msgspec

from daemun.explain.request import Header, Request
from daemun.explain.result import Change, Outcome

_METHODS = """
    ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY
    OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK
    UNLOCK UNSUBSCRIBE
"""
_JOINED = """
    accept accept-encoding access-control-request-headers access-control-request-method authorization
    cache-control content-type expect grpc-timeout if-match origin referer user-agent via x-client-trace-id
    x-envoy-attempt-count x-envoy-is-timeout-retry x-forwarded-host x-forwarded-port
"""
_REMOVED_NAMES = """
    connection keep-alive proxy-connection transfer-encoding upgrade x-envoy-decorator-operation
    x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-expected-rq-timeout-ms
    x-envoy-force-trace x-envoy-hedge-on-per-try-timeout x-envoy-internal x-envoy-ip-tags x-envoy-max-retries
    x-envoy-original-host x-envoy-original-path x-envoy-original-url x-envoy-retriable-header-names
    x-envoy-retriable-status-codes x-envoy-retry-grpc-on x-envoy-retry-on x-envoy-upstream-alt-stat-name
    x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response
    x-envoy-upstream-rq-timeout-ms x-envoy-upstream-stream-duration-ms x-forwarded-client-cert
"""
METHODS = frozenset(_METHODS.split())
"""What Envoy's HTTP/1 parser takes with a path."""
JOINED = frozenset(_JOINED.split())
"""Headers whose repeated values, if not empty, Envoy joins with a comma. Of any other, each is matched by itself."""
_REMOVED = frozenset(_REMOVED_NAMES.split())
_UPGRADE = frozenset({"connection", "upgrade"})
_HOST = re.compile(r"[A-Za-z0-9!$%&'()*+,\-.:;=@\[\]_~]*")
_TARGET = re.compile(r"[!-~]*")
_ESCAPED = re.compile(r"%(?:2[fF]|5[cC])")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_DOTS = re.compile(r"/(\.\.?);[^/]*")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
_SLASHES_STAY = ("KEEP_UNCHANGED", "IMPLEMENTATION_SPECIFIC_DEFAULT")
_UNSAFE = re.compile(r'["<>^`{|}]')


class Seen(msgspec.Struct, frozen=True):
    """The request as routing sees it. `hostname` is `host` without its port and in lower case."""

    method: str
    path: str
    query: str | None
    host: str
    hostname: str
    headers: tuple[Header, ...]

    @property
    def target(self) -> str:
        """Path and query."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header (its name in lower case), as they are matched."""
        if name == "host":
            return (self.host,)
        found = tuple(value for key, value in self.headers if key == name)
        return (_joined(found),) if found and name in JOINED else found


class Ways(msgspec.Struct, frozen=True):
    """What a port does with paths and header names; see the fields of Envoy's connection manager."""

    normalize: bool = True
    merge: bool = True
    slashes: str = "UNESCAPE_AND_REDIRECT"
    underscores: str = "REJECT_REQUEST"
    any_method: bool = False


USUAL = Ways()
"""As it is unless a policy says otherwise."""


def normalise(request: Request, ways: Ways = USUAL) -> tuple[Seen, tuple[Change, ...], Outcome | None]:
    """The request as routing sees it, what was changed for that, and the answer if it does not get that far."""
    changes: list[Change] = []
    host = _host(request.host)
    if host != request.host:
        changes.append(Change("host", request.host, host, "the dot at the end of the host is taken off"))
    hostname = host[: _port_at(host)].lower()
    if hostname != host:
        changes.append(Change("hostname", host, hostname, "the host is matched in lower case and without its port"))
    path, escaped = _path(request.path, changes, ways)
    seen = Seen(
        method=request.method,
        path=path or "/",
        query=request.query,
        host=host,
        hostname=hostname,
        headers=tuple(_headers(request, changes, ways)),
    )
    answer = _refusal(request, ways)
    if answer is None and path is None:
        answer = Outcome("answered", "Envoy answers 400: %00 may not stand in a path", 400)
    if answer is None and escaped and ways.slashes == "REJECT_REQUEST":
        answer = Outcome("answered", "Envoy answers 400: escaped slashes (%2F, %5C) may not stand in a path", 400)
    if answer is None and escaped and ways.slashes == "UNESCAPE_AND_REDIRECT":
        why = "Envoy redirects to the path with its escaped slashes (%2F, %5C) written out, so that all see the same"
        answer = Outcome("redirected", why, 307, seen.target)
    return seen, tuple(changes), answer


def _upgrades(request: Request) -> bool:
    """Whether a WebSocket is asked for. An upgrade to anything else is not heard."""
    headers = [(name.lower(), value.lower()) for name, value in request.headers]

    def tokens(wanted: str) -> set[str]:
        return {token.strip() for name, value in headers if name == wanted for token in value.split(",")}

    return "upgrade" in tokens("connection") and "websocket" in tokens("upgrade")


def _refusal(request: Request, ways: Ways) -> Outcome | None:
    """The answer of the HTTP parser, which knows nothing of routes."""
    why = ""
    bad = next((name for name, _ in request.headers if "_" in name), None)
    if request.method not in METHODS and not ways.any_method:
        hint = "; methods are written in capitals" if request.method.upper() in METHODS else ""
        why = f"{request.method} is not a method that it takes{hint}"
    elif not _TARGET.fullmatch(request.target):
        why = "the URL has characters that must be percent-encoded"
    elif not _HOST.fullmatch(request.host):
        why = f"{request.host!r} is not a host"
    elif bad is not None and ways.underscores == "REJECT_REQUEST":
        why = f"a header name with an underscore ({bad}) is rejected, since backends may read it as another"
    return Outcome("answered", f"Envoy answers 400: {why}", 400) if why else None


def _host(host: str) -> str:
    """The host without the dot of a fully qualified name, before the port or at the end."""
    dot = host.rfind(".")
    if dot >= 0 and host[dot + 1 : dot + 2] in ("", ":"):
        return host[:dot] + host[dot + 1 :]
    return host


def _port_at(host: str) -> int | None:
    colon = host.rfind(":")
    return colon if colon > host.rfind("]") else None


def _headers(request: Request, changes: list[Change], ways: Ways) -> list[Header]:
    """The headers in lower case, without those that only Envoy may set and those that end at every hop."""
    kept: list[Header] = []
    upgrading = _UPGRADE if _upgrades(request) else frozenset()
    for name, value in request.headers:
        key = name.lower()
        if (key in _REMOVED and key not in upgrading) or (key == "te" and value != "trailers"):
            changes.append(Change(f"header {name}", value, "", "Envoy removes it before routing"))
        elif "_" in key and ways.underscores == "DROP_HEADER":
            changes.append(Change(f"header {name}", value, "", "a header name with an underscore is dropped"))
        elif key == "x-forwarded-proto":
            changes.append(Change(f"header {name}", value, request.scheme, "Envoy says itself how the request came"))
        elif key in {"x-request-id", "x-envoy-external-address"}:
            changes.append(Change(f"header {name}", value, "", "Envoy sets it itself"))
        else:
            kept.append((key, value))
    forwarded = _joined([*(value for key, value in kept if key == "x-forwarded-for"), "<client>"])
    own = [
        ("x-forwarded-proto", request.scheme),
        ("x-forwarded-for", forwarded),
        ("x-request-id", "<new>"),
        ("x-envoy-external-address", "<client>"),
    ]
    return [*(header for header in kept if header[0] != "x-forwarded-for"), *own]


def _joined(values: Iterable[str]) -> str:
    return ",".join(value for value in values if value)


def _path(path: str, changes: list[Change], ways: Ways) -> tuple[str | None, bool]:
    """The path as Envoy normalises it (None: not a path), and whether slashes were escaped in it."""
    unescaped = path
    if ways.slashes not in _SLASHES_STAY:
        unescaped = _ESCAPED.sub(lambda found: "/" if found[0].lower() == "%2f" else "\\", path)
    if "%00" in unescaped and ways.normalize:
        return None, False
    normal = (
        ("what follows ';' behind a plain '.' or '..' is taken off", lambda value: _DOTS.sub(r"/\1", value)),
        ("a percent-encoded letter, digit, '-', '.', '_' or '~' is the same as the plain one", _decoded),
        ("'\\' is the same as '/'", lambda value: value.replace("\\", "/")),
        ("'.' and '..' are resolved", _without_dots),
    )
    merge = (("adjacent slashes are merged", _merged),)
    now = unescaped
    for why, step in (*(normal if ways.normalize else ()), *(merge if ways.merge else ())):
        after = step(now)
        if after != now:
            changes.append(Change("path", now, after, why))
        now = after
    return now, unescaped != path


def _decoded(path: str) -> str:
    def plain(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if _UNRESERVED.fullmatch(char) else found[0]

    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", _PERCENT.sub(plain, path))


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for at, segment in enumerate(segments):
        if segment not in {".", ".."}:
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if at == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def _merged(path: str) -> str:
    if "//" not in path:
        return path
    middle = "/".join(segment for segment in path.split("/") if segment)
    return f"/{middle}/" if path.endswith("/") else f"/{middle}"
