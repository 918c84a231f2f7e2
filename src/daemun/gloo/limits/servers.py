"""Rate limit services, as Settings and listeners name them (Gloo, ratelimit.Settings), and the limits in Settings."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.ratelimit import RateLimitServerSettings
from daemun.api.gloo.settings import Settings
from daemun.base.durations import nanoseconds
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.limits import quotas
from daemun.gloo.limits.limited import CUSTOM, LimitServer, LimitServers
from daemun.gloo.served.fields import NOT_SERVED
from daemun.gloo.settings.scope import NAMESPACE, SETTINGS
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.backend import OWN_LIMITS, BackendKey
from daemun.ir.quotas import Limits

_MILLISECOND = 10**6
_TIMEOUT = 100
_GLOO_OWN = Name(NAMESPACE, "rate-limit")
"""The Upstream of Gloo's own service, which its installation brings. Where it is gone, Daemun's is in its place."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """The servers and the limits of Settings, and what is wrong with them."""

    servers: LimitServers
    limits: Limits = Limits("settings", CUSTOM)
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def servers_rule(
    upstreams: FindUpstream, *, own: bool
) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Found]]]:
    """The rule from the Settings that count to the servers they name. `own`: there is a service of Daemun's."""

    def servers(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Found]]:
        if name != SETTINGS:
            return
        ref = Ref(GLOO, "Settings", *name)
        spec = settings.spec
        errors: list[Finding] = []
        warnings: list[Finding] = []
        found = of_spec(reader, upstreams, ref, "spec.ratelimitServer", spec.ratelimit_server, errors, own=own)
        limits = Limits("settings", CUSTOM)
        if spec.ratelimit is not None and found.custom.backend == OWN_LIMITS:
            reading = quotas.Reading()
            tree = reading.tree(spec.ratelimit.descriptors, "spec.ratelimit.descriptors")
            sets = reading.sets(spec.ratelimit.set_descriptors, "spec.ratelimit.setDescriptors")
            limits = Limits("settings", CUSTOM, tree, sets)
            errors += reading.errors
        elif spec.ratelimit is not None:
            text = "is not served: the limits are for Daemun's service, and another one is asked, or none"
            warnings.append(Finding(NOT_SERVED, "spec.ratelimit", text, "Tell them to the service that is asked."))
        yield name, Found(found, limits, tuple(errors), tuple(warnings))

    return servers


def found_of(reader: Reader, found: Collection[Name, Found], *, own: bool) -> LimitServers:
    """The servers that there are now."""
    one = reader.get(found, SETTINGS)
    return one.servers if one is not None else _alone(own=own)


def of_spec(
    reader: Reader,
    upstreams: FindUpstream,
    by: Ref,
    where: str,
    spec: RateLimitServerSettings | None,
    errors: list[Finding],
    *,
    own: bool,
) -> LimitServers:
    """The servers that a field names. One that cannot be used is there without a backend."""
    if spec is None:
        return _alone(own=own)
    if spec.request_timeout and nanoseconds(spec.request_timeout) < _MILLISECOND:
        errors.append(Finding("Invalid", f"{where}.requestTimeout", "is too short", "Use at least 1ms."))
        spec = msgspec.structs.replace(spec, request_timeout=None)
    ours = OWN_LIMITS if own else None
    if spec.ratelimit_server_ref is None:
        return LimitServers(_server(spec, ours), _server(spec, ours))
    ref = spec.ratelimit_server_ref
    named: BackendKey | None = None
    found = upstreams(reader, by, f"{where}.ratelimitServerRef", ref, "h2c")
    if not isinstance(found, Finding):
        named = found
    elif own and Name(ref.namespace or by.namespace, ref.name) == _GLOO_OWN:
        named = OWN_LIMITS
    else:
        errors.append(found)
    # Another service cannot know the limits that stand in objects here, unless there is no other.
    return LimitServers(_server(spec, named), _server(spec, ours or named))


def _alone(*, own: bool) -> LimitServers:
    ours = LimitServer(OWN_LIMITS if own else None)
    return LimitServers(ours, ours)


def _server(spec: RateLimitServerSettings, backend: BackendKey | None) -> LimitServer:
    return LimitServer(
        backend=backend,
        timeout=nanoseconds(spec.request_timeout) // _MILLISECOND if spec.request_timeout else _TIMEOUT,
        strict=spec.deny_on_fail,
        headers=spec.enable_x_ratelimit_headers,
        early=spec.rate_limit_before_auth,
        authority=spec.grpc_service.authority if spec.grpc_service is not None and backend != OWN_LIMITS else "",
    )
