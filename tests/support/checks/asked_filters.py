"""Whether all that routes and hosts say to filters is said to filters that are asked for.

Envoy ignores what is said to a filter that is not there: a guard would be open.
"""

from collections.abc import Iterator
from typing import Any

from envoy.config.core.v3 import extension_pb2
from envoy.config.route.v3 import scoped_route_pb2
from envoy.extensions.filters.http.ratelimit.v3 import rate_limit_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from daemun.envoy.scopes import MISSES
from daemun.features.filter_chain import filter_chain, filters_of
from daemun.ir.resource import EXTENSION, SCOPE, Leaf, Part, encode
from daemun.translate import Translation

_SAID = "typed_per_filter_config"


def unasked(made: Translation) -> list[str]:
    """Which leaves say something to a filter without asking for it, and to which."""
    families: dict[str, dict[str, str]] = {key.proxy: {} for key in made.resources}
    for key, part in made.resources.items():
        if key.type_url == EXTENSION and key.resource.startswith(MISSES):
            families[key.proxy] |= _families(part)
    found = set()
    for key, part in made.resources.items():
        if key.type_url == SCOPE:
            for leaf in part.leaves:
                asked = {family for _, family in leaf.filters}
                for name in _said(part, leaf):
                    family = families[key.proxy].get(name)
                    if family is not None and family not in asked:
                        found.add(f"{leaf.origin}: {name} ({family})")
    return sorted(found)


def _families(part: Part) -> dict[str, str]:
    """The filters that are there only where they are asked for, with the family to ask for."""
    found: dict[str, str] = {}
    for leaf in (*part.leaves, *part.spare):
        for family in leaf.gives:
            whole = extension_pb2.TypedExtensionConfig.FromString(encode(Part(part.tags, (leaf,), 0)))
            chain = filter_chain("", ())
            chain.typed_config.value = whole.typed_config.value
            found |= {one.name: family for one in filters_of(chain)}
    return found


def _said(part: Part, leaf: Leaf) -> set[str]:
    """The filters that a leaf says something to, on a host, a route or a backend's share of one."""
    return set(_names(scoped_route_pb2.ScopedRouteConfiguration.FromString(encode(Part(part.tags, (leaf,), 0)))))


def _names(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name == _SAID:
            yield from (name for name, said in value.items() if not _asks_nothing(said))
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else (value,):
                yield from _names(inner)


def _asks_nothing(said: Any) -> bool:
    """Whether it only keeps a filter out, or only lets pass what a host says."""
    name = said.TypeName()
    message = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))()
    said.Unpack(message)
    if isinstance(message, rate_limit_pb2.RateLimitPerRoute):
        return not message.rate_limits
    return bool(getattr(message, "disabled", False))
