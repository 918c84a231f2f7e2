"""prefixRewrite and regexRewrite: another path on the way to the backend (Gloo, RouteOptions)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.common import RegexMatchAndSubstitute
from daemun.features.feature import Fault, OnAction, Scene
from daemun.features.patterns import substituted, substitution_faults
from daemun.features.printable import path_text_faults
from daemun.ir.route import Use


class PrefixRewrite(OnAction[str]):
    """Puts something else in the place of the characters that matched. An HTTPRoute's own URLRewrite comes after it."""

    kind: ClassVar = "prefixRewrite"

    def faults(self, spec: str, where: str) -> Iterable[Fault]:
        """What no path begins with."""
        yield from path_text_faults(spec, where)
        if spec and not spec.startswith("/"):
            yield where, f"{spec!r} does not begin with '/', so what is sent on would have no path", f"Use /{spec}."

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """What is replaced."""
        del use
        return f"replaces {scene.match.path} at the start of the path by {spec}"

    def put(self, spec: str, action: route_v3.RouteAction) -> None:
        """As Envoy's prefix_rewrite."""
        action.prefix_rewrite = spec


class RegexRewrite(OnAction[RegexMatchAndSubstitute]):
    """Replaces what a regex matches of the path. Of this and `prefixRewrite` this counts: Envoy takes only one."""

    kind: ClassVar = "regexRewrite"
    replaces: ClassVar = ("prefixRewrite",)

    def faults(self, spec: RegexMatchAndSubstitute, where: str) -> Iterable[Fault]:
        """A regex that is none, or what no path can be."""
        yield from substitution_faults(spec, where)
        yield from path_text_faults(spec.substitution, f"{where}.substitution")

    def does(self, spec: RegexMatchAndSubstitute, use: Use, scene: Scene) -> str:
        """What is replaced."""
        del use, scene
        return f"replaces {spec.pattern.regex if spec.pattern else ''} in the path by {spec.substitution}"

    def put(self, spec: RegexMatchAndSubstitute, action: route_v3.RouteAction) -> None:
        """As Envoy's regex_rewrite."""
        action.regex_rewrite.CopyFrom(substituted(spec))
