"""healthCheck: a path at which the proxy says whether it takes requests (Gloo, HealthCheck)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.health_check.v3 import health_check_pb2

from daemun.api.gloo.listener_filters import ListenerHealthCheck as Spec
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.ir.route import Use


class HealthCheck(Feature[Spec]):
    """Envoy's health check filter: 200 on every host, and 503 once Envoy was told to fail it."""

    kind: ClassVar = "healthCheck"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A path that is none."""
        if not spec.path.startswith("/"):
            yield f"{where}.path", f"{spec.path!r} is not a path", "Begin it with '/'."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which path answers."""
        del use, scene
        return f"answers {spec.path} itself: whether the proxy takes requests"

    def on_manager(self, spec: Spec, use: Use, draft: ManagerDraft) -> None:
        """Whatever the host is, and before routes."""
        del use
        config = health_check_pb2.HealthCheck(pass_through_mode={"value": False})
        config.headers.add(name=":path", string_match={"exact": spec.path})
        draft.always(self.kind, "envoy.filters.http.health_check", config)
