"""Routes of streams: who takes what comes in. Nothing is read of a stream that could choose between several routes."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.hostnames import breadth
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.owners import HostOwner, owner_of
from daemun.ir.listener import HostKey, Listener
from daemun.ir.route import RouteKey


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Whose the streams are that come in somewhere: a listener's and, if it has one for them, a rule's of a route.

    The route's hostnames may be `broader` than where they come in.
    """

    listener: Listener
    route: Ref | None
    rule: int = 0
    broader: int = 0


def streams_of(key: RouteKey, resolved: ResolvedRoute) -> Iterator[HostKey]:
    """Where a route of streams wants to take them."""
    del key
    if resolved.route.streams:
        for attachment in resolved.attachments:
            yield from attachment.keys()


def holder_rule(
    owners: Collection[HostKey, HostOwner], by_stream: Index[HostKey, RouteKey, ResolvedRoute]
) -> Callable[[Reader, HostKey, HostKey], Iterator[tuple[HostKey, Holder]]]:
    """The rule from where streams come in to who takes them.

    A server name belongs to the most specific listener, and only to its routes; of these the one with the most specific
    hostname takes everything, or else the oldest (Gateway API, "Conflicts").
    """

    def holder(reader: Reader, key: HostKey, _: HostKey) -> Iterator[tuple[HostKey, Holder]]:
        owner = owner_of(reader, owners, key)
        if owner is None or owner.listener.http:
            return
        mine = owner.listener
        routes = [one for one in reader.find(by_stream, key) if one.is_on(mine, key.frontend)]
        first = min(routes, key=lambda one: (_broader(one, key), one.route.age), default=None)
        if first is not None:
            yield key, Holder(mine, first.ref, first.rule_on(mine, key), _broader(first, key))
        elif key.hostname == mine.hostname:
            yield key, Holder(mine, None)

    return holder


def overtaken(reader: Reader, holders: Collection[HostKey, Holder], resolved: ResolvedRoute) -> Iterator[Finding]:
    """What a route of streams does not get though it is accepted: nothing in its status would tell."""
    for key in streams_of(resolved.key, resolved):
        holder = reader.get(holders, key)
        if holder is None or holder.route == resolved.ref:
            continue
        name = f" for {key.hostname}" if key.hostname else ""
        if holder.route is None:
            text = f"listener {holder.listener.name} is more specific and has what comes in{name}"
        else:
            how = "more specific" if holder.broader < _broader(resolved, key) else "older"
            text = f"the {how} {holder.route} takes all that comes in{name} on listener {holder.listener.name}"
        yield Finding("Overtaken", "spec.parentRefs", text, "Give it a listener or a hostname of its own.")


def _broader(resolved: ResolvedRoute, key: HostKey) -> int:
    return breadth(resolved.route.hostnames, key.hostname)
