"""shadowing: a copy of (some of) the requests goes to an Upstream (Gloo, RouteShadowing)."""

from collections.abc import Iterable
from typing import ClassVar

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.routing import RouteShadowing
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.percent import percent_faults
from daemun.features.printable import control_faults
from daemun.features.shadows import shadow
from daemun.ir.route import Use


class Shadowing(Feature[RouteShadowing]):
    """Envoy's mirroring, in place of the mirrors of the HTTPRoute. The copy's Host ends with `-shadow`, as in Gloo."""

    kind: ClassVar = "shadowing"
    replaces: ClassVar = ("RequestMirror",)

    def faults(self, spec: RouteShadowing, where: str) -> Iterable[Fault]:
        """A share that is none, or nobody to copy to."""
        yield from percent_faults(spec.percentage, f"{where}.percentage")
        if spec.upstream is None:
            yield f"{where}.upstream", "is missing", "Name the Upstream that gets the copies."
        yield from control_faults(spec.host_rewrite_literal, f"{where}.hostRewriteLiteral")

    def upstreams(self, spec: RouteShadowing) -> Iterable[tuple[str, ResourceRef]]:
        """The one that gets the copies."""
        if spec.upstream is not None:
            yield "upstream", spec.upstream

    def does(self, spec: RouteShadowing, use: Use, scene: Scene) -> str:
        """How much is copied, and to whom."""
        del scene
        backend = use.backends[0]
        if backend is None:
            return "copies nothing: the Upstream for the copies cannot be used"
        return f"sends a copy of {spec.percentage:g} % of the requests to {backend.cluster} and drops the answers"

    def on_route(self, spec: RouteShadowing, use: Use, draft: Draft) -> None:
        """One mirror. An Upstream that cannot be used is left out; the policy's status says so."""
        share, same = round(spec.percentage * 10_000), spec.disable_shadow_host_suffix_append
        shadow(draft, use.backends[0], share, same_host=same, host=spec.host_rewrite_literal)
