"""stats: requests that are counted under a name (Gloo, VirtualCluster)."""

from collections.abc import Iterable
from typing import ClassVar

from daemun.api.gloo.routing import Stats as Spec
from daemun.features.drafts import HostDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.regexes import regex_faults
from daemun.ir.route import Use


class Stats(Feature[Spec]):
    """Envoy's virtual clusters of a virtual host."""

    kind: ClassVar = "stats"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Patterns that are none."""
        for index, one in enumerate(spec.virtual_clusters):
            at = f"{where}.virtualClusters[{index}]"
            if not one.name:
                yield f"{at}.name", "is missing", "Say how they are to be called."
            if not one.pattern:
                yield f"{at}.pattern", "is missing", "Say which paths are to be counted."
            yield from regex_faults(one.pattern, f"{at}.pattern")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Under which names."""
        del use, scene
        return f"counts requests by their paths as {', '.join(one.name for one in spec.virtual_clusters)}"

    def on_host(self, spec: Spec, use: Use, draft: HostDraft) -> None:
        """By path and, where it is given, by method."""
        del use
        for one in spec.virtual_clusters:
            cluster = draft.proto.virtual_clusters.add(name=one.name)
            cluster.headers.add(name=":path", string_match={"safe_regex": {"regex": one.pattern}})
            if one.method:
                cluster.headers.add(name=":method", string_match={"exact": one.method})
