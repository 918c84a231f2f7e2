"""envoyMetadata: what filters and logs may read of a route (Gloo, RouteOptions)."""

from collections.abc import Iterable
from typing import Any, ClassVar

from google.protobuf import json_format, struct_pb2

from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.tokens import is_own
from daemun.ir.route import Use

Spec = dict[str, dict[str, Any]]


class EnvoyMetadata(Feature[Spec]):
    """Envoy's metadata of a route, by namespace."""

    kind: ClassVar = "envoyMetadata"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """What a route says of itself is not what Daemun says of it."""
        for namespace in spec:
            if is_own(namespace):
                yield f"{where}.{namespace}", "is one of Daemun's own namespaces", "Choose another."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which namespaces."""
        del use, scene
        return f"carries metadata of {', '.join(spec)}"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """As it is written."""
        del use
        for namespace, values in spec.items():
            found = json_format.ParseDict(values, struct_pb2.Struct())
            draft.proto.metadata.filter_metadata[namespace].CopyFrom(found)
