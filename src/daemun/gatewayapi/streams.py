"""Routes of streams: who takes what comes in. Nothing is read of a stream that could choose between several routes."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.hostnames import owner
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, FrontendKey, Listener, StreamKey


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Whose the streams are that come in somewhere: a listener's and, if it has one for them, a route's."""

    listener: Listener
    route: Ref | None


def streams_of(ref: Ref, resolved: ResolvedRoute) -> Iterator[StreamKey]:
    """Where a route of streams wants to take them."""
    del ref
    if resolved.route.streams:
        for attachment in resolved.attachments:
            yield from attachment.streams()


def streams_of_frontend(key: FrontendKey, frontend: Frontend) -> Iterator[StreamKey]:
    """Where streams come in even without routes."""
    for listener in frontend.listeners:
        if not listener.http:
            yield StreamKey(key, listener.hostname)


def holder_rule(
    frontends: Collection[FrontendKey, Frontend], by_stream: Index[StreamKey, Ref, ResolvedRoute]
) -> Callable[[Reader, StreamKey, StreamKey], Iterator[tuple[StreamKey, Holder]]]:
    """The rule from where streams come in to who takes them.

    A server name belongs to the most specific listener, and only to its routes; of these the oldest takes everything
    (Gateway API, "Conflicts").
    """

    def holder(reader: Reader, key: StreamKey, _: StreamKey) -> Iterator[tuple[StreamKey, Holder]]:
        frontend = reader.get(frontends, key.frontend)
        if frontend is None:
            return
        owned_by = owner(key.hostname, tuple(listener.hostname for listener in frontend.listeners))
        mine = next((one for one in frontend.listeners if one.hostname == owned_by), None)
        if mine is None or mine.http:
            return
        routes = [one for one in reader.find(by_stream, key) if _serves(one, mine, key)]
        first = min(routes, key=lambda one: one.route.age, default=None)
        if first is not None or key.hostname == mine.hostname:
            yield key, Holder(mine, first.ref if first else None)

    return holder


def _serves(resolved: ResolvedRoute, listener: Listener, key: StreamKey) -> bool:
    return any(one.frontend == key.frontend and one.is_to(listener) for one in resolved.attachments)


def overtaken(reader: Reader, holders: Collection[StreamKey, Holder], resolved: ResolvedRoute) -> Iterator[Finding]:
    """What a route of streams does not get though it is accepted: nothing in its status would tell."""
    for key in streams_of(resolved.ref, resolved):
        holder = reader.get(holders, key)
        if holder is None or holder.route == resolved.ref:
            continue
        name = f" for {key.hostname}" if key.hostname else ""
        if holder.route is None:
            text = f"listener {holder.listener.name} is more specific and has what comes in{name}"
        else:
            text = f"the older {holder.route} takes all that comes in{name} on listener {holder.listener.name}"
        yield Finding("Overtaken", "spec.parentRefs", text, "Give it a listener or a hostname of its own.")
