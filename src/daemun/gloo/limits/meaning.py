"""What Gloo's fields about rate limits come to on hosts and routes, and on listeners."""

from collections.abc import Callable, Iterable

import msgspec

from daemun.api.gloo.common import Empty
from daemun.api.gloo.ratelimit import (
    IngressRateLimit,
    MetadataAction,
    MetadataKey,
    MetadataPathSegment,
    RateLimitAction,
    RateLimitConfigRefs,
    RateLimitRouteExtension,
    RateLimitServerSettings,
    RateLimitVhostExtension,
)
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gloo.auth.finding import INVALID, Allowed
from daemun.gloo.limits import actions
from daemun.gloo.limits.configs import GROUP, KIND, Door
from daemun.gloo.limits.limited import OURS, SLOTS, Computed, Limited, LimitServer, Rate
from daemun.gloo.limits.quotas import Reading
from daemun.gloo.limits.servers import Found, found_of, of_spec
from daemun.gloo.policies.policy import Meant
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.auth import USER
from daemun.ir.quotas import Descriptor, Limits, Quota
from daemun.ir.route import Use

SERVER_FIELD, POLICY = "ratelimitServer", "rateLimitPolicy"
_UNLIMITED = Quota(2**32 - 1, 1)
_USERS = (
    MetadataKey("envoy.filters.http.ext_authz", (MetadataPathSegment(USER),)),
    MetadataKey("envoy.filters.http.jwt_authn", (MetadataPathSegment("daemun.claims"), MetadataPathSegment("sub"))),
)
"""Where Envoy knows who a user is: from who was asked whether he may come in, or from his token."""


class Inputs(msgspec.Struct, frozen=True):
    """RateLimitConfigs and servers, and how they may be referred to; `own`: there is a service of Daemun's."""

    doors: Collection[Name, Door]
    servers: Collection[Name, Found]
    upstreams: FindUpstream
    allowed: Allowed
    own: bool


Meaning = Callable[[Reader, Ref, str, object], Meant]


def meanings(of: Inputs) -> dict[str, Callable[[Reader, Ref, str, object], Meant]]:
    """What each of the fields comes to."""
    return {field: _meaning(of, field) for field in (*SLOTS, SERVER_FIELD) if field != POLICY}


def standing(servers: Collection[Name, Found], *, own: bool) -> Callable[[Reader], tuple[Use, ...]]:
    """What is on every listener that does not say otherwise."""
    return lambda reader: (Use(SERVER_FIELD, found_of(reader, servers, own=own), "spec.ratelimitServer"),)


def _meaning(of: Inputs, field: str) -> Meaning:
    def meant(reader: Reader, by: Ref, where: str, value: object) -> Meant:
        match value:
            case RateLimitServerSettings():
                return _listener(reader, of, by, where, value)
            case RateLimitConfigRefs():
                return _configs(reader, of, by, where, value)
            case IngressRateLimit():
                return _basic(reader, of, by, where, value)
            case RateLimitRouteExtension() | RateLimitVhostExtension():
                rates = tuple(actions.rates(value.rate_limits))
                include = isinstance(value, RateLimitRouteExtension) and value.include_vh_rate_limits
                local = value.local_ratelimit if field == "ratelimit" else None
                limited = Limited(rates, include, local, told=", ".join(map(described, rates)))
                server = found_of(reader, of.servers, own=of.own).custom
                return asked(limited, server, where) if rates else Meant(limited)
        return Meant()

    return meant


def asked(limited: Limited, server: LimitServer, where: str, errors: Iterable[Finding] = ()) -> Meant:
    """Limits that a server is asked about. Where there is none it is as if it did not answer, and that is told."""
    if server.backend is not None:
        return Meant(limited, (server.backend,), tuple(errors))
    passes = "requests are answered with 500" if server.strict else "requests are not limited"
    text = f"there is no rate limit service, so {passes}"
    mend = "Set ratelimitServer.ratelimitServerRef in Settings, or install Daemun's service."
    return Meant(limited, (), tuple(errors), (Finding("NoServer", where, text, mend),))


def described(rate: Rate) -> str:
    """The descriptor in words, for `explain`."""
    return " and ".join(_entry(one) for one in rate.entries)


def _entry(one: RateLimitAction | Computed) -> str:
    if isinstance(one, Computed):
        return one.key
    if one.request_headers is not None:
        return f"{one.request_headers.descriptor_key} from header {one.request_headers.header_name}"
    if one.generic_key is not None:
        return f"generic_key {one.generic_key.descriptor_value}"
    if one.header_value_match is not None:
        return f"header_match {one.header_value_match.descriptor_value}"
    if one.metadata is not None:
        return f"{one.metadata.descriptor_key} from metadata"
    names = {"source_cluster": "source_cluster", "destination_cluster": "destination_cluster"}
    return next((name for field, name in names.items() if getattr(one, field) is not None), "remote_address")


def _configs(reader: Reader, of: Inputs, by: Ref, where: str, value: RateLimitConfigRefs) -> Meant:
    rates: list[Rate] = []
    errors: list[Finding] = []
    names: list[str] = []
    if not value.refs:
        errors.append(Finding(INVALID, f"{where}.refs", "is empty", "Name a RateLimitConfig."))
    for index, one in enumerate(value.refs):
        at = f"{where}.refs[{index}]"
        target = Ref(GROUP, KIND, one.namespace or by.namespace, one.name)
        mend = of.allowed(reader, by, target)
        if mend:
            text = f"{target} is in another namespace, which has not granted it"
            errors.append(Finding("RefNotPermitted", at, text, mend))
            continue
        door = reader.get(of.doors, target.key)
        if door is None:
            errors.append(absent(INVALID, at, target, "So nothing passes."))
        elif door.fault:
            text = f"{target} cannot be used, so nothing passes ({door.fault.rstrip('.')})"
            errors.append(Finding(INVALID, at, text, "See its status."))
        else:
            rates += door.rates
            names.append(str(target.key))
    told = f"the limits of {' and '.join(f'RateLimitConfig {name}' for name in names)}"
    server = found_of(reader, of.servers, own=of.own).ours
    return asked(Limited(tuple(rates), told=told), server, where, errors)


def _basic(reader: Reader, of: Inputs, by: Ref, where: str, value: IngressRateLimit) -> Meant:
    """Those that are known have a limit each, and the others each address.

    The first weighs more, so that the second does not hold for those that are known.
    """
    root = f"{by}/{where.removeprefix('spec.')}"
    reading = Reading()
    known = reading.quota(value.authorized_limits, f"{where}.authorizedLimits")
    others = reading.quota(value.anonymous_limits, f"{where}.anonymousLimits")
    descriptors = [Descriptor("user", quota=known or _UNLIMITED, weight=1)]
    found = [Rate((actions.named(root), RateLimitAction(metadata=MetadataAction("user", key)))) for key in _USERS]
    if others is not None:
        descriptors.append(Descriptor("remote_address", quota=others))
        found.append(Rate((actions.named(root), RateLimitAction(remote_address=Empty()))))
    limits = Limits(root, OURS, (Descriptor("generic_key", root, descriptors=tuple(descriptors)),))
    told = [
        f"{quota.requests} requests in {quota.seconds} s of {whom}"
        for quota, whom in ((known, "each known user"), (others, "each address of others"))
        if quota is not None
    ]
    limited = Limited(tuple(found), quotas=(limits,), told=" and ".join(told))
    if not told and not reading.errors:
        return Meant()
    return asked(limited, found_of(reader, of.servers, own=of.own).ours, where, reading.errors)


def _listener(reader: Reader, of: Inputs, by: Ref, where: str, spec: RateLimitServerSettings) -> Meant:
    """A listener's own servers in place of those of Settings."""
    wrong: list[Finding] = []
    found = of_spec(reader, of.upstreams, by, where, spec, wrong, own=of.own)
    backends = {one.backend for one in (found.custom, found.ours) if one.backend is not None}
    # A server that cannot be used stays, as one that does not answer.
    return Meant(found, tuple(sorted(backends)), warnings=tuple(wrong))
