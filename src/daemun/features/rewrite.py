"""URLRewrite: another host or path on the way to the backend (Gateway API, HTTPURLRewriteFilter)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.filters import HTTPURLRewriteFilter
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.paths import path_does, path_faults, set_new_path
from daemun.ir.route import Use


class URLRewrite(Feature[HTTPURLRewriteFilter]):
    """Envoy rewrites in the route's action."""

    kind: ClassVar = "URLRewrite"

    def faults(self, spec: HTTPURLRewriteFilter, where: str) -> Iterable[Fault]:
        """Paths that no request can carry."""
        return path_faults(spec.path, where)

    def does(self, spec: HTTPURLRewriteFilter, use: Use, scene: Scene) -> str:
        """What is replaced."""
        told = [f"the host by {spec.hostname}"] if spec.hostname else []
        told.extend([path_does(spec.path, use.prefix or scene.match)] if spec.path else [])
        return f"replaces {' and '.join(told)}" if told else "replaces nothing"

    def on_route(self, spec: HTTPURLRewriteFilter, use: Use, draft: Draft) -> None:
        """Host and path of the request that the backend gets."""
        if not draft.forwards:
            return
        if spec.hostname:
            draft.action.host_rewrite_literal = spec.hostname
        if spec.path:
            # In place of what a policy says: Envoy takes only one of the two.
            draft.action.ClearField("prefix_rewrite")
            draft.action.ClearField("regex_rewrite")
            set_new_path(spec.path, draft.match, draft.action, "regex_rewrite", use.prefix)

    def on_backend(self, spec: HTTPURLRewriteFilter, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """A share may have a host of its own, but no path."""
        if spec.path:
            return False
        if spec.hostname:
            backend.host_rewrite_literal = spec.hostname
        return True
