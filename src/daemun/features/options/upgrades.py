"""upgrades: protocols that a route's connections may be upgraded to (Gloo, ProtocolUpgradeConfig)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.routing import ProtocolUpgradeConfig
from daemun.features.composite import composite, nothing
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, OnAction, Scene, disabled_filter
from daemun.features.websockets import FILTER, WEBSOCKET, refusal
from daemun.ir.route import Use

Spec = tuple[ProtocolUpgradeConfig, ...]


class Upgrades(OnAction[Spec]):
    """Envoy's upgrade configs of a route. WebSocket is on everywhere unless it is switched off here."""

    kind: ClassVar = "upgrades"
    rare: ClassVar = "upgrades"

    def families(self, spec: Spec, alone: bool) -> Iterable[str]:
        """The filter is needed where something is off."""
        del alone
        return () if dict(map(_named, spec)).get(WEBSOCKET, True) else (self.rare,)

    def http_filter(self) -> hcm_v3.HttpFilter:
        """A place for the refusal."""
        return disabled_filter(FILTER, composite(FILTER))

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """As Envoy has it, and once more for requests whose route is found later."""
        super().on_route(spec, use, draft)
        wanted = dict(map(_named, spec)).get(WEBSOCKET)
        if wanted is not None and draft.forwards:
            draft.per_route(FILTER, nothing() if wanted else refusal())

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A protocol that is there twice, or none."""
        seen = set()
        for index, one in enumerate(spec):
            name, _ = _named(one)
            if not name:
                yield f"{where}[{index}]", "names no protocol", "Set websocket or connect."
            elif name in seen:
                yield f"{where}[{index}]", f"{name} is there twice", "Remove one of them."
            seen.add(name)

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which protocols."""
        del use, scene
        told = [f"{'lets' if on else 'does not let'} connections become {name}" for name, on in map(_named, spec)]
        return ", ".join(told) or "changes nothing about upgrades"

    def put(self, spec: Spec, action: route_v3.RouteAction) -> None:
        """On if nothing else is said."""
        for one in spec:
            name, on = _named(one)
            config = action.upgrade_configs.add(upgrade_type=name, enabled={"value": on})
            if one.connect_terminate is not None:
                config.connect_config.SetInParent()


def _named(one: ProtocolUpgradeConfig) -> tuple[str, bool]:
    """The protocol as Envoy calls it, and whether it is on."""
    if one.websocket is not None:
        return WEBSOCKET, one.websocket.enabled is not False
    if one.connect is not None:
        return "CONNECT", one.connect.enabled is not False
    if one.connect_terminate is not None:
        return "CONNECT", one.connect_terminate.enabled is not False
    return "", False
