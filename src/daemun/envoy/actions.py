"""One rule and one match as an Envoy route: the match, where the request goes, and the features on the way."""

from collections.abc import Iterator

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.type.v3 import percent_pb2

from daemun.envoy.matches import route_match
from daemun.features import BY_KIND, Draft, guards_of, in_force, moves, ordered
from daemun.features.fence import GUARDS, METADATA, OWN, fence
from daemun.ir.route import Backend, Match, Rule, Use

NO_BACKEND = "no-backend"
"""A cluster that never exists: the share of a backend that cannot be used is answered with an error."""
_ERRORS = {500: route_v3.RouteAction.INTERNAL_SERVER_ERROR, 503: route_v3.RouteAction.SERVICE_UNAVAILABLE}
_MILLION = 1_000_000
_HOST = {"RequestHeaderModifier", "URLRewrite"}
_BALANCER = "envoy.lb"
"""Where Envoy's load balancer looks for the values of a subset."""


def build(
    name: str, rule: Rule, match: Match, port: int, tls: bool, *, heard: bool = False
) -> tuple[list[route_v3.Route], tuple[str, ...]]:
    """The Envoy routes for one match of a rule, and the clusters that must be warm for them.

    `heard`: something may read what tokens say.
    """
    if rule.broken:
        return [answer(name, match, rule.error, rule.body)], ()
    backends = [backend for backend in rule.backends if backend.weight]
    protos: list[route_v3.Route] = []
    needs: set[str] = set()
    of_rule = tuple(in_force(rule.uses))
    every = rule.every_use()
    moving, guards, own = moves(every), *guards_of(every, name.removesuffix(match.where))
    for share in _shares(backends):
        draft = Draft(route_v3.Route(name=name, match=route_match(match)), match, port, tls)
        draft.heard = heard
        uses, shared = _levels(of_rule, share)
        _forward(draft, share.backends, shared, rule)
        if moving:
            fence(draft.proto)
        if share.upto < _MILLION:
            fraction = draft.proto.match.runtime_fraction.default_value
            fraction.numerator = share.upto
            fraction.denominator = percent_pb2.FractionalPercent.MILLION
        # Redirects are last: their further routes are copies, and get what the others have done.
        for use in ordered(uses):
            BY_KIND[use.kind].on_route(use.spec, use, draft)
        for proto in (*draft.extra, draft.proto):
            # Who has passed other guards does not come here (`fence`).
            if guards:
                proto.metadata.filter_metadata[METADATA].update({GUARDS: guards} | ({OWN: "yes"} if own else {}))
        if draft.closed:
            # Last, so that nothing, a redirect for instance, opens it again.
            draft.proto.direct_response.status = 500
        protos.extend((*draft.extra, draft.proto))
        needs |= draft.needs
    return protos, tuple(sorted(needs))


def answer(name: str, match: Match, status: int, body: str = "") -> route_v3.Route:
    """A route that answers by itself."""
    proto = route_v3.Route(name=name, match=route_match(match))
    _answer(proto, status, body)
    return proto


def _answer(proto: route_v3.Route, status: int, body: str) -> None:
    proto.direct_response.status = status
    if body:
        proto.direct_response.body.inline_string = body


class _Share(msgspec.Struct):
    """Backends that one Envoy route can serve. `alone`: one backend, whose filters go on the route itself.

    `upto` is the share of all requests, in millionths, that this route and those before it take.
    """

    backends: list[Backend]
    alone: bool
    upto: int = _MILLION


def _shares(backends: list[Backend]) -> Iterator[_Share]:
    """How many Envoy routes it takes to serve these backends.

    Usually one, with weighted clusters. A filter that Envoy cannot put on a weighted cluster (a redirect, a mirror, a
    new path) needs a route for its backend alone; the routes then share the requests by Envoy's runtime fractions,
    which are all drawn from the same random number and so add up.
    """
    if len(backends) == 1:
        yield _Share(backends, alone=True)
        return
    if all(_fits_cluster(use) for backend in backends for use in backend.uses):
        yield _Share(backends, alone=False)
        return
    total = sum(backend.weight for backend in backends)
    sofar = 0
    for backend in backends:
        sofar += backend.weight
        yield _Share([backend], alone=True, upto=round(sofar * _MILLION / total))


def _fits_cluster(use: Use) -> bool:
    """Whether Envoy can do this for just one of several weighted clusters."""
    return BY_KIND[use.kind].on_backend(use.spec, route_v3.WeightedCluster.ClusterWeight())


def _levels(of_rule: tuple[Use, ...], share: _Share) -> tuple[tuple[Use, ...], tuple[Use, ...]]:
    """What goes on the Envoy route, and what of the rule goes on each of its weighted clusters instead.

    Envoy lets a route have the last word over its weighted clusters. Here the backend has it, as the more specific: so
    a feature that a backend uses as well is put on the clusters, the rule's first; both that can say the Host together.
    """
    if share.alone:
        return (*of_rule, *share.backends[0].uses), ()
    kinds = {use.kind for backend in share.backends for use in backend.uses}
    if not kinds.isdisjoint(_HOST):
        kinds |= _HOST
    shared = tuple(use for use in of_rule if use.kind in kinds and _fits_cluster(use))
    return tuple(use for use in of_rule if use not in shared), shared


def _forward(draft: Draft, backends: list[Backend], shared: tuple[Use, ...], rule: Rule) -> None:
    """Where the request goes: an error where there is nowhere (Gateway API, backendRefs of a rule)."""
    if all(backend.key is None for backend in backends):
        _answer(draft.proto, rule.error, rule.body)
        return
    action = draft.action
    # Gateway API has no default timeout; Envoy's is 15 s. Zero switches it off.
    action.timeout.SetInParent()
    action.cluster_not_found_response_code = _ERRORS[rule.error]
    if len(backends) == 1 and backends[0].key is not None:
        action.cluster = draft.cluster(backends[0].key)
        _choose(action, backends[0])
        return
    for backend in backends:
        name = NO_BACKEND if backend.key is None else draft.cluster(backend.key)
        weighted = action.weighted_clusters.clusters.add(name=name)
        weighted.weight.value = backend.weight
        _choose(weighted, backend)
        for use in (*shared, *backend.uses):
            BY_KIND[use.kind].on_backend(use.spec, weighted)


def _choose(to: route_v3.RouteAction | route_v3.WeightedCluster.ClusterWeight, backend: Backend) -> None:
    """Of the backend's endpoints only those of a subset."""
    if backend.subset:
        to.metadata_match.filter_metadata[_BALANCER].update(dict(backend.subset))
