"""Servers of authorization, as Settings and listeners name them (Gloo, extauth.Settings)."""

from collections.abc import Callable, Iterator

import msgspec
import re2

from daemun.api.gloo.extauth import ExtAuthHttpService, ExtAuthSettings
from daemun.api.gloo.settings import Settings
from daemun.base.durations import nanoseconds
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.auth.finding import is_header
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.auth.asked import Body, OverHttp, Server, Servers
from daemun.ir.backend import OWN_SERVER, BackendKey, Protocol
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE

_MILLISECOND = 10**6
_QUIET = re2.Options()
_QUIET.log_errors = False
_TIMEOUT = 200
_OWN_TIMEOUT = 10_000
"""Daemun's server may have to ask others first."""
_BODY = 4096
_HTTP_STATUSES = frozenset(
    {100, *range(200, 209), 226, *range(300, 306), 307, 308, *range(400, 418), *range(421, 425), 426, 428, 429, 431}
    | {*range(500, 509), 510, 511}
)
"""Those that Envoy has a name for."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """The servers, and what is wrong with them."""

    servers: Servers
    errors: tuple[Finding, ...] = ()


def servers_rule(
    upstreams: FindUpstream, *, own: bool
) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Found]]]:
    """The rule from the Settings that count to the servers they name. `own`: there is a server of Daemun's."""

    def servers(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Found]]:
        if name != SETTINGS:
            return
        ref = Ref(GLOO, "Settings", *name)
        errors: list[Finding] = []
        spec = settings.spec
        named = {}
        mine = own_server(spec.extauth, own=own)
        if spec.extauth is not None and spec.extauth.extauthz_server_ref is not None:
            named[""] = server(reader, upstreams, ref, "spec.extauth", spec.extauth, errors)
        elif spec.extauth is not None:
            errors.extend(faults(spec.extauth, "spec.extauth"))
        for key, one in spec.named_extauth.items():
            named[key] = server(reader, upstreams, ref, f"spec.namedExtauth.{key}", one, errors)
        yield name, Found(Servers(mine, named), tuple(errors))

    return servers


def servers_of(reader: Reader, found: Collection[Name, Found], *, own: bool) -> Servers:
    """The servers that there are now."""
    one = reader.get(found, SETTINGS)
    return one.servers if one is not None else Servers(own_server(None, own=own))


def own_server(spec: ExtAuthSettings | None, *, own: bool) -> Server:
    """Daemun's own server. Whatever server Settings name, how it is asked is as they say."""
    backend = OWN_SERVER if own else None
    if spec is None:
        return Server(backend, _OWN_TIMEOUT)
    made = _server(spec, backend)
    timeout = made.timeout if spec.request_timeout else _OWN_TIMEOUT
    return msgspec.structs.replace(made, http=None, authority="", timeout=timeout)


def server(
    reader: Reader, upstreams: FindUpstream, by: Ref, where: str, spec: ExtAuthSettings, errors: list[Finding]
) -> Server:
    """A server of somebody else's. One that cannot be used is there without a backend."""
    wrong = list(faults(spec, where))
    errors.extend(wrong)
    if wrong:
        return Server(None)
    if spec.extauthz_server_ref is None or not spec.extauthz_server_ref.name:
        errors.append(Finding("Invalid", f"{where}.extauthzServerRef", "names no Upstream", "Name one."))
        return Server(None)
    protocol: Protocol = "http" if spec.http_service is not None else "h2c"
    found = upstreams(reader, by, f"{where}.extauthzServerRef", spec.extauthz_server_ref, protocol)
    if isinstance(found, Finding):
        errors.append(found)
        return Server(None)
    return _server(spec, found)


def faults(spec: ExtAuthSettings, where: str) -> Iterator[Finding]:
    """What of it Envoy could not do."""
    if spec.status_on_error and spec.status_on_error not in _HTTP_STATUSES:
        yield Finding("Invalid", f"{where}.statusOnError", f"{spec.status_on_error} is no status", "Use 403, say.")
    if spec.request_timeout and nanoseconds(spec.request_timeout) < _MILLISECOND:
        yield Finding("Invalid", f"{where}.requestTimeout", "is too short", "Use at least 1ms.")
    if spec.user_id_header and not is_header(spec.user_id_header):
        yield Finding("Invalid", f"{where}.userIdHeader", "is not the name of a header", "Use x-user-id, say.")
    if spec.http_service is not None:
        yield from _http_faults(spec.http_service, f"{where}.httpService")


def _http_faults(spec: ExtAuthHttpService, where: str) -> Iterator[Finding]:
    if spec.path_prefix and not spec.path_prefix.startswith("/"):
        yield Finding("Invalid", f"{where}.pathPrefix", "does not begin with /", "Write /check, say.")
    for name in spec.request.headers_to_add if spec.request else ():
        if not is_header(name):
            yield Finding("Invalid", f"{where}.request.headersToAdd", f"{name!r} is not the name of a header")
    for index, regex in enumerate(spec.request.allowed_headers_regex if spec.request else ()):
        try:
            fine = re2.compile(regex, _QUIET).programsize <= RE2_MAX_PROGRAM_SIZE
        except (re2.error, UnicodeError, ValueError):
            fine = False
        if not fine:
            text = "is not an RE2 expression, or too large a one"
            yield Finding("Invalid", f"{where}.request.allowedHeadersRegex[{index}]", text, "Mend it.")


def _server(spec: ExtAuthSettings, backend: BackendKey | None) -> Server:
    body = spec.request_body
    return Server(
        backend=backend,
        timeout=max(1, nanoseconds(spec.request_timeout) // _MILLISECOND) if spec.request_timeout else _TIMEOUT,
        http=_http(spec.http_service) if spec.http_service is not None else None,
        authority=spec.grpc_service.authority if spec.grpc_service is not None else "",
        user_header=spec.user_id_header.lower() if is_header(spec.user_id_header) else "",
        lenient=spec.failure_mode_allow,
        body=Body(body.max_request_bytes or _BODY, body.allow_partial_message, body.pack_as_bytes) if body else None,
        clear_route_cache=spec.clear_route_cache,
        error=spec.status_on_error if spec.status_on_error in _HTTP_STATUSES else 0,
        stats=spec.stat_prefix,
    )


def _http(spec: ExtAuthHttpService) -> OverHttp:
    request, response = spec.request, spec.response
    return OverHttp(
        prefix=spec.path_prefix,
        shown=request.allowed_headers if request else (),
        shown_regexes=request.allowed_headers_regex if request else (),
        added=dict(request.headers_to_add) if request else {},
        to_backend=response.allowed_upstream_headers if response else (),
        to_backend_appended=response.allowed_upstream_headers_to_append if response else (),
        to_client=response.allowed_client_headers if response else (),
    )
