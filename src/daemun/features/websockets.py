"""The refusal of WebSockets that a route or its listener does not want, for requests whose route is found late.

Envoy decides about an upgrade when it first looks for the route, and where it finds none then it lets all pass. So for
those that look again (`envoy.misses`) a filter answers as Envoy does for all others.
"""

from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_v3

from daemun.features.composite import always, composite
from daemun.features.drafts import ManagerDraft

KIND = "upgrades"
FILTER = "daemun.upgrades"
WEBSOCKET = "websocket"


def refuse_websockets(draft: ManagerDraft) -> None:
    """Have a listener refuse those that no route of its own lets in."""
    place = composite(FILTER)
    place.xds_matcher.CopyFrom(refusal().xds_matcher)
    draft.whole(KIND, FILTER, place)


def refusal() -> matching_v3.ExtensionWithMatcherPerRoute:
    """403 for who asks for a WebSocket."""
    config = rbac_v3.RBAC()
    config.rules.action = rules_v3.RBAC.DENY
    policy = config.rules.policies[WEBSOCKET]
    header = policy.permissions.add().header
    header.name = "upgrade"
    header.string_match.exact = WEBSOCKET
    header.string_match.ignore_case = True
    policy.principals.add(any=True)
    action = composite_v3.ExecuteFilterAction()
    action.typed_config.name = "envoy.filters.http.rbac"
    action.typed_config.typed_config.Pack(config, deterministic=True)
    return always(FILTER, action)
