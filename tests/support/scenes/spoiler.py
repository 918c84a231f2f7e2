"""What Envoy rejects, put in below all checks: a stand-in for every mistake that they do not know yet.

A `Spoiler` stands between a translation and its xDS server. It knows resources by the objects that they come from, so
it does not depend on how they are laid out.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from daemun.base.digest import digest
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, LISTENER, SECRET, Leaf, Part, PartKey
from daemun.plane.plane import ControlPlane

Change = tuple[PartKey, Part | None]
Spoil = Callable[[Any], None]
"""Makes a message bad."""

MESSAGES: dict[str, type[Any]] = {
    "Cluster": Cluster,
    "ClusterLoadAssignment": ClusterLoadAssignment,
    "Listener": Listener,
    "Secret": Secret,
    "Route": VirtualHost,
}
"""What can be spoiled. The leaves of routes are pieces of a VirtualHost, whatever these travel in."""
_TYPES = {"Cluster": CLUSTER, "ClusterLoadAssignment": ENDPOINT, "Listener": LISTENER, "Secret": SECRET}


class Spoiler:
    """Spoils what comes from one place in one object, from now on and until it is mended."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._send, self._send_much = plane.xds.apply, plane.xds.apply_much
        self._bad: tuple[str, str, str, Spoil] | None = None
        plane.xds.apply = self._apply  # type: ignore[method-assign]  # that is what it is for
        plane.xds.apply_much = self._apply_much  # type: ignore[method-assign]

    def spoil(self, kind: str, name: str, where: str, how: Spoil) -> None:
        """Spoil the messages of this kind that come from the object `Kind/name`, from this field or below it."""
        self._bad = (kind, name, where, how)
        self._again()

    def mend(self) -> None:
        """What is wanted from now on is what the translation made."""
        self._bad = None
        self._again()

    def remove(self) -> None:
        """Stand in the way no longer."""
        self.mend()
        self._plane.xds.apply = self._send  # type: ignore[method-assign]  # that is what it is for
        self._plane.xds.apply_much = self._send_much  # type: ignore[method-assign]

    def _again(self) -> None:
        self._apply(list(self._plane.translation.resources.items()))

    def _apply(self, changes: Iterable[Change]) -> None:
        self._send(self._changed(changes))

    async def _apply_much(self, changes: Iterable[Change]) -> None:
        """What took more than a turn of the event loop, as a change of listeners may on a busy machine."""
        await self._send_much(self._changed(changes))

    def _changed(self, changes: Iterable[Change]) -> list[Change]:
        return [(key, self._part(key, value)) for key, value in changes]

    def _part(self, key: PartKey, value: Part | None) -> Part | None:
        if value is None or self._bad is None:
            return value
        leaves = tuple(self._leaf(key, one) for one in value.leaves)
        if leaves == value.leaves:
            return value
        return msgspec.structs.replace(value, leaves=leaves, digest=digest(*(one.data for one in leaves)))

    def _leaf(self, key: PartKey, leaf: Leaf) -> Leaf:
        assert self._bad is not None
        kind, name, where, how = self._bad
        if key.type_url != _TYPES.get(kind, key.type_url) or not _is_from(leaf.origin, name, where):
            return leaf
        message = MESSAGES[kind].FromString(leaf.data)
        for one in message.routes if kind == "Route" else (message,):
            how(one)
        return msgspec.structs.replace(leaf, data=message.SerializeToString())


def _is_from(origin: Origin, name: str, where: str) -> bool:
    at = origin.where
    below = not where or at == where or at.startswith((f"{where}.", f"{where}["))
    return f"{origin.ref.kind}/{origin.ref.name}" == name and below
