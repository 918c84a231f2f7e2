"""httpConnectionManagerSettings: how a listener speaks HTTP (Gloo, HttpConnectionManagerSettings). A file a family."""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from envoy.extensions.filters.http.router.v3 import router_pb2 as router_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.features.constraints import broken
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.options.hcm import clients, limits, paths, protocols, traces
from daemun.features.times import duration_faults
from daemun.features.websockets import refuse_websockets
from daemun.ir.route import Use

_FAMILIES = (clients.put_clients, limits.put_limits, paths.put_paths, protocols.put_protocols)


class HttpConnectionManagerSettings(Feature[Spec]):
    """Envoy's HTTP connection manager. What is not set stays as Daemun has it for the edge (docs/edge-defaults.md)."""

    kind: ClassVar = "httpConnectionManagerSettings"
    serves: ClassVar = traces.SERVES

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """What Envoy would refuse."""
        found = [
            fault for name in limits.TIMES for fault in duration_faults(getattr(spec, name), _at(spec, name, where))
        ]
        found += [*paths.faults(spec, where), *protocols.faults(spec, where), *traces.faults(spec, where)]
        yield from found
        if not found:
            draft = ManagerDraft(hcm_v3.HttpConnectionManager(stat_prefix="tried"), router_v3.Router())
            for family in _FAMILIES:
                family(spec, draft)
            for at, text in broken(draft.proto):
                if at != "routeSpecifier" and at:
                    yield where, f"{at} {text}", "Envoy takes no other."

    def upstreams(self, spec: Spec) -> Iterable[tuple[str, Any]]:
        """Where spans go."""
        return traces.upstreams(spec)

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which settings are made."""
        del use, scene
        names = [one.encode_name for one in msgspec.structs.fields(spec) if _is_set(spec, one)]
        return f"sets for the connection: {', '.join(names)}" if names else "leaves connections as they are"

    def on_manager(self, spec: Spec, use: Use, draft: ManagerDraft) -> None:
        """Puts in each family of fields, then what is said of traces."""
        for family in _FAMILIES:
            family(spec, draft)
        traces.put_tracing(spec, use, draft)
        if any(one.websocket is not None and one.websocket.enabled is False for one in spec.upgrades):
            refuse_websockets(draft)


def _at(spec: Spec, name: str, where: str) -> str:
    return next(f"{where}.{one.encode_name}" for one in msgspec.structs.fields(spec) if one.name == name)


def _is_set(spec: Spec, field: Any) -> bool:
    return bool(getattr(spec, field.name) != field.default)
