"""The fence: who is looked for again comes to no route or host whose guards he has not passed.

Scripts, transcoders and servers may change a request so that it is for another route (`Feature.moves`). Envoy asks
nobody again whom the new route would have asked before, and may not even have the filters that it wants. So where that
can happen it is noted first what guards the route; and at the end, before the router, a request whose route has other
guards than were noted, or is of another host, is answered with 403.

The first note is for those that hit their scope. Of others all filters are there, so what transformations of the early
stage lead to is guarded as it says, and the second note, behind them, counts.
"""

from collections.abc import Iterator
from typing import ClassVar

from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.common.set_filter_state.v3 import value_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_v3
from envoy.extensions.filters.http.set_filter_state.v3 import set_filter_state_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.api.expr.v1alpha1 import syntax_pb2 as cel

from daemun.features.drafts import WHOLE, Further, ManagerDraft
from daemun.features.feature import Feature, Scene
from daemun.features.filter_chain import filter_chain, filters_of
from daemun.ir.route import Use

FAMILY = "moves"
"""The family of the filters: those that may move requests need them."""
METADATA, HOST, GUARDS, OWN = "daemun.guards", "host", "guards", "own"
"""Where a host with guards says which it is, and a route which guards it has, some in the place of its host's."""
_FIRST, _NOTED, _FENCE = "daemun.guards.first", "daemun.guards.noted", "daemun.guards"
_SEEN = {
    HOST: f"%METADATA(VIRTUAL_HOST:{METADATA}:{HOST})%",
    GUARDS: f"%METADATA(ROUTE:{METADATA}:{GUARDS})%",
    OWN: f"%METADATA(ROUTE:{METADATA}:{OWN})%",
}
_NONE = b"-"
"""What Envoy writes for what is not there."""
_ON = route_v3.FilterConfig(config={})


class _Place(Feature[None]):
    """A filter at a place of its own. No field has its kind."""

    rare: ClassVar = FAMILY

    def does(self, spec: None, use: Use, scene: Scene) -> str:
        """Nothing by itself."""
        del spec, use, scene
        return "does nothing: it is a place in the chain"


class GuardsFirst(_Place):
    """Notes the guards of the route that was found first."""

    kind: ClassVar = "guards.first"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The note, disabled."""
        return _disabled(_FIRST, *_seen("noted"))


class GuardsNoted(_Place):
    """Notes those of the route that early transformations have led to."""

    kind: ClassVar = "guards.noted"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The note, disabled."""
        return _disabled(_NOTED, *_seen("noted"))


class Fence(_Place):
    """Lets pass who has passed the guards of the route that he comes to."""

    kind: ClassVar = "guards"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The fence, disabled."""
        rules = rbac_v3.RBAC()
        rules.rules.action = rules_v3.RBAC.ALLOW
        policy = rules.rules.policies["guarded"]
        policy.permissions.add(any=True)
        policy.principals.add(any=True)
        policy.condition.CopyFrom(_as_noted())
        rbac = hcm_v3.HttpFilter(name="daemun.guards.fence")
        rbac.typed_config.Pack(rules, deterministic=True)
        return _disabled(_FENCE, *_seen("now"), rbac)


def fence(proto: route_v3.Route | route_v3.VirtualHost) -> None:
    """Switch on the first note and the fence, for a route or host from which requests may be moved."""
    for name in (_FIRST, _FENCE):
        proto.typed_per_filter_config[name].Pack(_ON, deterministic=True)


def fence_all(draft: ManagerDraft) -> None:
    """The same for all requests of a port."""
    for place in (GuardsFirst(), Fence()):
        chain = filter_chain(WHOLE, filters_of(place.http_filter()))
        chain.disabled = True
        draft.filters.append(Further(place.kind, place.kind, chain))


def _disabled(name: str, *filters: hcm_v3.HttpFilter) -> hcm_v3.HttpFilter:
    chain = filter_chain(name, filters)
    chain.disabled = True
    return chain


def _key(when: str, what: str) -> str:
    return f"{METADATA}.{when}.{what}"


def _seen(when: str) -> Iterator[hcm_v3.HttpFilter]:
    """Writes down what the route is."""
    # This one changes nothing, but looks what the route says of it: else what is seen may be the route of before.
    looks = hcm_v3.HttpFilter(name="daemun.guards.look")
    looks.typed_config.Pack(header_mutation_pb2.HeaderMutation(), deterministic=True)
    yield looks
    config = set_filter_state_pb2.Config()
    for what, text in _SEEN.items():
        value = value_pb2.FilterStateValue(object_key=_key(when, what), factory_key="envoy.string")
        value.format_string.text_format_source.inline_string = text
        config.on_request_headers.append(value)
    found = hcm_v3.HttpFilter(name=f"daemun.guards.{when}.filter")
    found.typed_config.Pack(config, deterministic=True)
    yield found


def _as_noted() -> cel.Expr:
    """Of the same host, and with the same guards; or with none, and none was in the place of the host's."""
    host = _call("_==_", _state("noted", HOST), _state("now", HOST))
    same = _call("_==_", _state("noted", GUARDS), _state("now", GUARDS))
    none = _call("_&&_", _none(_state("now", GUARDS)), _none(_state("noted", OWN)))
    return _call("_&&_", host, _call("_||_", same, none))


def _call(function: str, *of: cel.Expr) -> cel.Expr:
    return cel.Expr(call_expr=cel.Expr.Call(function=function, args=of))


def _state(when: str, what: str) -> cel.Expr:
    state = cel.Expr(ident_expr={"name": "filter_state"})
    return _call("_[_]", state, cel.Expr(const_expr={"string_value": _key(when, what)}))


def _none(state: cel.Expr) -> cel.Expr:
    return _call("_==_", state, cel.Expr(const_expr={"bytes_value": _NONE}))
