"""Make before break, the second half: what may be removed, and when.

Additions go out at once, in the order of `ir.resource.TYPES`; that the new is ready before it is used is the business
of `warm`. Removals come last and in reverse: nothing is taken away while something in the client still uses it.
"""

from collections.abc import Mapping

from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SCOPE
from daemun.xds.stream import Stream
from daemun.xds.subscription import Subscription
from daemun.xds.wanted import HEAD
from daemun.xds.warm import Led, Place


class Removals:
    """Decides whether the client may be told now that a resource is gone."""

    def __init__(self, stream: Stream, subscriptions: Mapping[str, Subscription]) -> None:
        self._stream = stream
        self._subscriptions = subscriptions

    def allowed(self, type_url: str, name: str, now: float) -> bool:
        """Whether nothing in the client can still use the resource."""
        own = self._subscriptions[type_url]
        if type_url == EXTENSION:
            # Connections that drain have it. When the last of them is closed, the client asks for it no more.
            return False
        if type_url == LISTENER:
            # Nothing uses a listener, and another one may be waiting for its address.
            return True
        if own.client.brought(name) and now < own.settled_at:
            # The client brought it from an earlier stream, and perhaps something else that uses it.
            return False
        if type_url == CLUSTER:
            return not self._stream.users.need(name) and not self._foreign_users()
        if type_url == ENDPOINT and self._leaving(name):
            return False
        if type_url == SCOPE and self._stream.users.need(Led(name)):
            return False
        return self._in_the_way(own, name) or (self._quiet(LISTENER) and self._replaced(own, name, now))

    def _in_the_way(self, own: Subscription, name: str) -> bool:
        """Whether something waits until the client has no such leaves, or until all of them are known."""
        holds, copy = self._stream.holds, own.client.get(name)
        if copy is None or copy.opaque:
            return copy is not None and bool(holds.sides())
        return any(leaf.side and holds.waited_for(leaf.side) for part in copy.parts.values() for leaf in part.leaves)

    def _foreign_users(self) -> bool:
        """Whether the client has listeners or routes of which it is not known which clusters they need."""
        return any(sub.client.has_foreign() for sub in map(self._subscriptions.get, (LISTENER, SCOPE, ROUTE)) if sub)

    def _leaving(self, cluster: str) -> bool:
        """Whether this cluster is about to be removed, too, but still there."""
        clusters = self._subscriptions.get(CLUSTER)
        return clusters is not None and clusters.client.has(cluster) and not self._stream.wanted.get(CLUSTER, cluster)

    def _replaced(self, own: Subscription, name: str, now: float) -> bool:
        """Whether the only clusters that are missing are long in coming, and this need not stay for what waits."""
        clusters = self._subscriptions.get(CLUSTER)
        if clusters is not None and not clusters.quiet() and not clusters.still(now):
            return False
        copy = own.client.get(name)
        if copy is None:
            return True
        leaves = (leaf for part in copy.parts.values() for leaf in part.leaves)
        return not self._stream.stays.stay(Place(own.type_url, name, HEAD), leaves, now)

    def _quiet(self, type_url: str) -> bool:
        """Whether the client has all additions and changes of this type."""
        sub = self._subscriptions.get(type_url)
        return sub is None or sub.quiet()
