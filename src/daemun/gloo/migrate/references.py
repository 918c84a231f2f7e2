"""References in options: a policy refers from its own namespace, and across namespaces only where that is granted."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.ratelimit import RateLimitConfigRef
from daemun.base.names import GLOO, GLOO_GATEWAY, Name, Ref
from daemun.gloo.auth import finding as auth
from daemun.gloo.limits import configs as limits
from daemun.gloo.migrate.bench import Bench

S = TypeVar("S", bound=msgspec.Struct)
_Reference = ResourceRef | RateLimitConfigRef
_UPSTREAMS = frozenset(
    {
        "caching_service_ref",
        "collector_upstream_ref",
        "ext_proc_server_ref",
        "extauthz_server_ref",
        "ratelimit_server_ref",
        "tap_server",
        "upstream",
        "upstream_ref",
    }
)
"""The fields that name an Upstream."""


def homed(options: S | None, home: str) -> S | None:
    """Options that were written in a namespace: their references say so, where they left it out."""
    return None if options is None else _homed(options, home)


def _homed(value: Any, home: str) -> Any:
    if isinstance(value, _Reference):
        return value if value.namespace or not value.name else msgspec.structs.replace(value, namespace=home)
    if isinstance(value, msgspec.Struct):
        old = {name: getattr(value, name) for name in value.__struct_fields__}
        new = {name: _homed(one, home) for name, one in old.items()}
        changed = {name: one for name, one in new.items() if one is not old[name]}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items = tuple(_homed(one, home) for one in value)
        return items if any(one is not other for one, other in zip(items, value, strict=True)) else value
    return value


def permit(bench: Bench, kind: str, namespace: str, options: msgspec.Struct) -> None:
    """See to it that a policy may refer to the Upstreams, AuthConfigs and RateLimitConfigs that its options name."""
    for group, named, ref in _targets(options):
        target = Name(ref.namespace or namespace, ref.name)
        bench.permit((GLOO_GATEWAY, kind, namespace), Ref(group, named, *target))


def _targets(value: Any) -> Iterator[tuple[str, str, _Reference]]:
    if isinstance(value, RateLimitConfigRef):
        yield limits.GROUP, limits.KIND, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            one = getattr(value, name)
            if isinstance(one, ResourceRef) and name in _UPSTREAMS:
                yield GLOO, "Upstream", one
            elif isinstance(one, ResourceRef) and name == "config_ref":
                yield auth.GROUP, auth.KIND, one
            else:
                yield from _targets(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from _targets(one)
