"""hostRewrite and its kin: another Host on the way to the backend (Gloo, RouteOptions).

An object has one of the four ways at most. The URLRewrite filter of an HTTPRoute comes after them.
"""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.common import RegexMatchAndSubstitute
from daemun.features.feature import Fault, OnAction, Scene
from daemun.features.patterns import substituted, substitution_faults
from daemun.features.printable import control_faults, length_faults
from daemun.ir.route import Use


class HostRewrite(OnAction[str]):
    """A Host that is given."""

    kind: ClassVar = "hostRewrite"

    def faults(self, spec: str, where: str) -> Iterable[Fault]:
        """What no Host can be."""
        yield from control_faults(spec, where)
        yield from length_faults(spec, where)

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        return f"replaces the host by {spec}"

    def put(self, spec: str, action: route_v3.RouteAction) -> None:
        """As Envoy's host_rewrite_literal."""
        action.host_rewrite_literal = spec


class AutoHostRewrite(OnAction[bool]):
    """The hostname of the endpoint, where it has one (those of Upstreams with hostnames do)."""

    kind: ClassVar = "autoHostRewrite"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        return "replaces the host by the endpoint's hostname" if spec else "leaves the host as it is"

    def put(self, spec: bool, action: route_v3.RouteAction) -> None:
        """As Envoy's auto_host_rewrite."""
        action.auto_host_rewrite.value = spec


class HostRewritePathRegex(OnAction[RegexMatchAndSubstitute]):
    """What a regex makes of the path."""

    kind: ClassVar = "hostRewritePathRegex"

    def faults(self, spec: RegexMatchAndSubstitute, where: str) -> Iterable[Fault]:
        """A regex that is none, or what no Host can be."""
        yield from substitution_faults(spec, where)
        yield from control_faults(spec.substitution, f"{where}.substitution")

    def does(self, spec: RegexMatchAndSubstitute, use: Use, scene: Scene) -> str:
        """What it becomes."""
        del use, scene
        regex = spec.pattern.regex if spec.pattern else ""
        return f"replaces the host by the path, in which {regex} is replaced by {spec.substitution}"

    def put(self, spec: RegexMatchAndSubstitute, action: route_v3.RouteAction) -> None:
        """As Envoy's host_rewrite_path_regex."""
        action.host_rewrite_path_regex.CopyFrom(substituted(spec))


class HostRewriteHeader(OnAction[str]):
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

    def put(self, spec: str, action: route_v3.RouteAction) -> None:
        """As Envoy's host_rewrite_header."""
        action.host_rewrite_header = spec


class AppendXForwardedHost(OnAction[bool]):
    """The host that the client asked for, in x-forwarded-host, where it is replaced."""

    kind: ClassVar = "appendXForwardedHost"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """What is added."""
        del use, scene
        return "adds the client's host to x-forwarded-host where it is replaced" if spec else "adds no x-forwarded-host"

    def put(self, spec: bool, action: route_v3.RouteAction) -> None:
        """As Envoy's append_x_forwarded_host, which does nothing where the host stays."""
        action.append_x_forwarded_host = spec
