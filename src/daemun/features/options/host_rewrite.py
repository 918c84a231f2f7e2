"""hostRewrite and its kin: another Host on the way to the backend (Gloo, RouteOptions).

An object has one of the four ways at most. The URLRewrite filter of an HTTPRoute comes after them.
"""

from collections.abc import Iterable
from typing import ClassVar

from daemun.api.gloo.common import RegexMatchAndSubstitute
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.patterns import substituted, substitution_faults
from daemun.ir.route import Use


class HostRewrite(Feature[str]):
    """A Host that is given."""

    kind: ClassVar = "hostRewrite"

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        return f"replaces the host by {spec}"

    def on_route(self, spec: str, use: Use, draft: Draft) -> None:
        """As Envoy's host_rewrite_literal."""
        del use
        if draft.forwards:
            draft.action.host_rewrite_literal = spec


class AutoHostRewrite(Feature[bool]):
    """The hostname of the endpoint, where it has one (those of Upstreams with hostnames do)."""

    kind: ClassVar = "autoHostRewrite"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        return "replaces the host by the endpoint's hostname" if spec else "leaves the host as it is"

    def on_route(self, spec: bool, use: Use, draft: Draft) -> None:
        """As Envoy's auto_host_rewrite."""
        del use
        if draft.forwards:
            draft.action.auto_host_rewrite.value = spec


class HostRewritePathRegex(Feature[RegexMatchAndSubstitute]):
    """What a regex makes of the path."""

    kind: ClassVar = "hostRewritePathRegex"

    def faults(self, spec: RegexMatchAndSubstitute, where: str) -> Iterable[Fault]:
        """A regex that is none."""
        return substitution_faults(spec, where)

    def does(self, spec: RegexMatchAndSubstitute, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        regex = spec.pattern.regex if spec.pattern else ""
        return f"replaces the host by the path, in which {regex} is replaced by {spec.substitution}"

    def on_route(self, spec: RegexMatchAndSubstitute, use: Use, draft: Draft) -> None:
        """As Envoy's host_rewrite_path_regex."""
        del use
        if draft.forwards:
            draft.action.host_rewrite_path_regex.CopyFrom(substituted(spec))


class HostRewriteHeader(Feature[str]):
    """The value of another header, where the request has it."""

    kind: ClassVar = "hostRewriteHeader"

    def faults(self, spec: str, where: str) -> Iterable[Fault]:
        """A name that no header can have."""
        if not spec or spec.startswith(":") or any(one <= " " or one >= "\x7f" for one in spec):
            yield where, f"{spec!r} is not the name of a header", ""

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        return f"replaces the host by the value of header {spec.lower()}"

    def on_route(self, spec: str, use: Use, draft: Draft) -> None:
        """As Envoy's host_rewrite_header."""
        del use
        if draft.forwards:
            draft.action.host_rewrite_header = spec


class AppendXForwardedHost(Feature[bool]):
    """The host that the client asked for, in x-forwarded-host, where it is replaced."""

    kind: ClassVar = "appendXForwardedHost"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """What is added."""
        del use, scene
        return "adds the client's host to x-forwarded-host where it is replaced" if spec else "adds no x-forwarded-host"

    def on_route(self, spec: bool, use: Use, draft: Draft) -> None:
        """As Envoy's append_x_forwarded_host, which does nothing where the host stays."""
        del use
        if draft.forwards:
            draft.action.append_x_forwarded_host = spec
