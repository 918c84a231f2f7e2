"""What a virtual host begins with: its name, and a leaf for each feature that a policy puts on all of its requests.

Protobuf merges the fields of messages that stand one after another (its encoding, "Last One Wins"), so each feature
writes its own fields and is a leaf by itself: a change of one policy touches one leaf per host, and one that Envoy
rejects is put out alone.
"""

import functools
from collections.abc import Iterator

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.envoy.extensions import filters_for
from daemun.envoy.routes import ROUTES, frame
from daemun.envoy.scopes import ON, whole_side
from daemun.features import BY_KIND, MOVES, moves, ordered, rare_of
from daemun.features.drafts import WHOLE, HostDraft
from daemun.features.fence import HOST, METADATA, fence
from daemun.features.tokens import reads
from daemun.features.unsent import resend_unsent
from daemun.ir.listener import FrontendKey
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf
from daemun.ir.route import Use
from daemun.ir.uses import ListenerUses

_CLOSED = wire.delimited(
    ROUTES,
    route_v3.Route(
        name="closed", match={"prefix": ""}, direct_response=route_v3.DirectResponseAction(status=500)
    ).SerializeToString(),
)
"""Before all other routes it answers for all of them: something that guards the host cannot be done."""
_RETRIES = "retries"


def _resending() -> bytes:
    every = route_v3.VirtualHost()
    resend_unsent(every.retry_policy)
    return wire.encoded(every)


_UNSENT = _resending()
"""What no backend has seen of a request is sent to another one. Routes that say something of retries have their own."""


def _switching() -> bytes:
    every = route_v3.VirtualHost()
    every.typed_per_filter_config[WHOLE].Pack(ON, deterministic=True)
    return wire.encoded(every)


_WHOLE = _switching()
_SWITCH = b"whole"


def opening(domain: str, origin: Origin, port: FrontendKey, uses: ListenerUses | None, *, read: bool) -> Iterator[Leaf]:
    """The leaves of a virtual host of a port before its routes.

    A retry policy of its own takes the place of everybody's. `read`: the port itself may read what tokens say.
    """
    own = uses is not None and any(use.kind == _RETRIES for use in uses.on_hosts())
    yield Leaf(frame(domain) + (b"" if own else _UNSENT), origin, reads=read, blank=True)
    if uses is None:
        return
    if any(BY_KIND[use.kind].guards for use in uses.on_hosts()):
        named = route_v3.VirtualHost()
        named.metadata.filter_metadata[METADATA].update({HOST: domain})
        yield Leaf(wire.encoded(named), origin)
    if moves(uses.on_hosts()):
        every = route_v3.VirtualHost()
        fence(every)
        yield Leaf(wire.encoded(every), origin, filters=filters_for(port, frozenset({MOVES})), covers=True)
    if uses.closed:
        yield Leaf(_CLOSED, origin)
    for use in ordered(uses.on_hosts()):
        if BY_KIND[use.kind].works("on_host"):
            yield _leaf(use, origin, port)


@functools.lru_cache(maxsize=4096)
def switch(origin: Origin, port: FrontendKey, *, whole: bool) -> Leaf:
    """What a virtual host that is found at the first look says to the filters for all requests of its port: they run,
    for the route is known. On a port without any (`whole`) it says nothing: each name costs every request of a host
    that says something else, too.

    Where a listener has such filters no host says nothing, and none has them before all hosts of the port say it.
    """
    if whole:
        return Leaf(_WHOLE, origin, identity=_SWITCH, blank=True)
    return Leaf(b"", origin, fallback=_WHOLE, identity=_SWITCH, side=whole_side(port, on=False), blank=True)


def _leaf(use: Use, origin: Origin, port: FrontendKey) -> Leaf:
    feature = BY_KIND[use.kind]
    data, needs = _said(use, heard=False)
    told = _said(use, heard=True)[0] if feature.tells else data
    forms = (data, told) if told != data else None
    # Without what guards it a host must not serve; without anything else it may.
    fallback = _CLOSED if feature.guards else b""
    at = Origin(use.by, use.where) if use.by else origin
    filters = filters_for(port, frozenset(rare_of((use,))))
    blank = not feature.guards and data != _CLOSED
    return Leaf(data, at, needs, fallback, filters=filters, covers=True, forms=forms, reads=reads(data), blank=blank)


def _said(use: Use, *, heard: bool) -> tuple[bytes, tuple[str, ...]]:
    draft = HostDraft()
    draft.heard = heard
    BY_KIND[use.kind].on_host(use.spec, use, draft)
    return _CLOSED if draft.closed else wire.encoded(draft.proto), tuple(sorted(draft.needs))
