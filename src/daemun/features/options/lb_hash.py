"""lbHash: requests that are alike go to the same endpoint (Gloo, RouteActionHashConfig)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.routing import HashPolicy, RouteActionHashConfig
from daemun.features.feature import Fault, OnAction, Scene
from daemun.features.printable import cookie_faults, name_faults
from daemun.features.times import duration, duration_faults
from daemun.ir.route import Use


class LbHash(OnAction[RouteActionHashConfig]):
    """Envoy's hash policies of a route. They count where the backend chooses by hash (ringHash or maglev)."""

    kind: ClassVar = "lbHash"

    def faults(self, spec: RouteActionHashConfig, where: str) -> Iterable[Fault]:
        """Policies that say nothing to hash."""
        for index, policy in enumerate(spec.hash_policies):
            at = f"{where}.hashPolicies[{index}]"
            if policy.cookie is not None:
                yield from cookie_faults(policy.cookie.name, policy.cookie.path, f"{at}.cookie")
                yield from duration_faults(policy.cookie.ttl, f"{at}.cookie.ttl")
            elif policy.header:
                yield from name_faults(policy.header, f"{at}.header")
            elif not policy.source_ip:
                yield at, "says nothing of a request to hash", "Set one of header, cookie and sourceIp."

    def does(self, spec: RouteActionHashConfig, use: Use, scene: Scene) -> str:
        """What of a request decides where it goes."""
        del use, scene
        told = ", then ".join(map(_told, spec.hash_policies)) or "nothing"
        return f"chooses the endpoint by {told}, if the backend chooses by hash"

    def put(self, spec: RouteActionHashConfig, action: route_v3.RouteAction) -> None:
        """One policy after the other; after a `terminal` one that has something to hash, no more."""
        for one in spec.hash_policies:
            policy = action.hash_policy.add(terminal=one.terminal)
            if one.header:
                policy.header.header_name = one.header
            elif one.cookie is not None:
                policy.cookie.name, policy.cookie.path = one.cookie.name, one.cookie.path
                if one.cookie.ttl is not None:
                    policy.cookie.ttl.CopyFrom(duration(one.cookie.ttl))
            else:
                policy.connection_properties.source_ip = True


def _told(policy: HashPolicy) -> str:
    if policy.header:
        return f"header {policy.header.lower()}"
    if policy.cookie is not None:
        return f"cookie {policy.cookie.name}"
    return "the client's address"
