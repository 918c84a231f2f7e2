"""Egress: a request goes to the host outside that it names, if that is allowed.

What is not is answered with 403 before its name is looked up, by a route in front of the one that forwards. That the
host is good in the end, and its address too, is for the cluster to see (`envoy.egress`): whatever else a request
passes may change its Host.
"""

from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.ir.egress import Allowed
from daemun.ir.route import Use

AUTHORITY = ":authority"
_FORBIDDEN = 403


class Egress(Feature[Allowed]):
    """A backend of the kind Egress. It has a route of its own, as the answer to others is one."""

    kind: ClassVar = "Egress"

    def does(self, spec: Allowed, use: Use, scene: Scene) -> str:
        """Where it may go."""
        del use, scene
        ports = ", ".join(map(str, spec.ports))
        return f"goes to the host that it names, if {spec.by} allows that: {', '.join(spec.hosts)} (port {ports})"

    def on_route(self, spec: Allowed, use: Use, draft: Draft) -> None:
        """Refuse what is not allowed. It comes last: whatever rewrites the Host has been here, and who may come in."""
        del use
        if not draft.forwards:
            return
        action = draft.action
        if action.host_rewrite_literal:
            host = _with_port(action.host_rewrite_literal, spec)
            if spec.permits(host):
                action.host_rewrite_literal = host
            else:
                draft.proto.direct_response.status = _FORBIDDEN
        elif action.host_rewrite_header:
            name = action.host_rewrite_header
            _refuse(draft, spec, name)
            _refuse(draft, spec, AUTHORITY, without=name)
        elif not action.HasField("host_rewrite_path_regex"):
            # What a regex makes of the path only the cluster sees.
            _refuse(draft, spec, AUTHORITY)


def matchers(spec: Allowed, name: str, *, invert: bool = False) -> list[route_v3.HeaderMatcher]:
    """One for each host that is allowed: of several that are inverted all must hold, so that none is matched."""
    return [
        route_v3.HeaderMatcher(name=name, string_match={"safe_regex": {"regex": one}}, invert_match=invert)
        for one in spec.regexes
    ]


def _with_port(host: str, spec: Allowed) -> str:
    """A name that is given for the Host has no port; it is the one that is allowed, if that is just one."""
    if spec.permits(host) or len(spec.ports) != 1:
        return host
    return f"{host}:{spec.ports[0]}"


def _refuse(draft: Draft, spec: Allowed, name: str, without: str = "") -> None:
    """A route for what has another value in this header than allowed, and for those `without` another header."""
    refusal = route_v3.Route()
    refusal.CopyFrom(draft.proto)
    refusal.match.headers.extend(matchers(spec, name, invert=True))
    if without:
        refusal.match.headers.add(name=without, present_match=True, invert_match=True)
    refusal.direct_response.status = _FORBIDDEN
    draft.extra.append(refusal)
