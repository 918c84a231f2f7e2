"""Which rule has the last word, where one delegates to another: the one above, also where they say it in other words.

Of the same kind of feature `gatewayapi.routes.delegations` and `gloo.policies.merge` have said so already.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.ir.route import Use

_ASPECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "RequestHeaderModifier": ("request headers",),
        "ResponseHeaderModifier": ("response headers",),
        "headerManipulation": ("request headers", "response headers"),
        "RequestMirror": ("mirrors",),
        "shadowing": ("mirrors",),
        "CORS": ("cors",),
        "cors": ("cors",),
        "retry": ("retries",),
        "retries": ("retries",),
        "timeout": ("timeout",),
        "prefixRewrite": ("path",),
        "regexRewrite": ("path",),
        "hostRewrite": ("host",),
        "autoHostRewrite": ("host",),
        "hostRewriteHeader": ("host",),
        "hostRewritePathRegex": ("host",),
    }
)
"""What features are about, where several kinds are about the same."""
_FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"URLRewrite": {"host": "hostname", "path": "path"}, "timeouts": {"timeout": "request"}}
)
"""The same for those that are about several things, each by the field that is set then."""


def settled(uses: Iterable[tuple[int, Use]]) -> Iterator[Use]:
    """What is left of the uses of several levels, the highest number for what is highest."""
    every = tuple(uses)
    highest: dict[str, tuple[int, str]] = {}
    for level, use in every:
        for aspect in _aspects(use):
            highest[aspect] = max(highest.get(aspect, (level, use.kind)), (level, use.kind))
    for level, use in every:
        lost = [one for one in _aspects(use) if highest[one][0] > level and highest[one][1] != use.kind]
        if not lost:
            yield use
        elif use.kind in _FIELDS and (left := set(_aspects(use)) - set(lost)):
            gone = {field: None for aspect, field in _FIELDS[use.kind].items() if aspect not in left}
            yield msgspec.structs.replace(use, spec=msgspec.structs.replace(use.spec, **gone))


def _aspects(use: Use) -> tuple[str, ...]:
    fields = _FIELDS.get(use.kind)
    if fields is None:
        return _ASPECTS.get(use.kind, ())
    return tuple(aspect for aspect, field in fields.items() if getattr(use.spec, field) is not None)
