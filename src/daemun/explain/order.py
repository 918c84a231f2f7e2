"""All matches of a virtual host in Envoy's order, the one that takes the request, and why the others do not."""

from collections.abc import Iterator

import msgspec

from daemun.base.names import Ref
from daemun.envoy.routes import Standing, hosts_of, rank, route_name
from daemun.explain.further import fitting
from daemun.explain.matching import misses, path_fits, reads
from daemun.explain.normalise import Seen
from daemun.explain.result import Candidate, Miss
from daemun.gatewayapi.hostnames import breadth
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, HostKey, Listener
from daemun.ir.route import Match, Rule
from daemun.translate import Translation

_SHOWN = 40
_PRECEDENCE = (
    "an exact path wins over a regular expression, and that over a prefix",
    "the longer path wins",
    "the match that names a method wins",
    "the match with more headers wins",
    "the match with more query parameters wins",
)


_GRPC_PRECEDENCE = (
    "more of the gRPC service's name is given",
    "more of the gRPC method's name is given",
    *_PRECEDENCE[2:],
)


class Placed(msgspec.Struct, frozen=True):
    """One match of a rule of a route, and where it stands."""

    standing: Standing
    resolved: ResolvedRoute
    rule: Rule
    match: Match

    @property
    def author(self) -> Ref:
        """The object that the rule is written in."""
        return self.resolved.route.author(self.rule)

    @property
    def envoy_route(self) -> str:
        """The name of its Envoy route."""
        return route_name(self.author, self.match)


class Choice(msgspec.Struct, frozen=True):
    """The candidates around the winner. `further`: the request does not fit the winner's match but a further route that
    a feature made of it, such as that of the CORS preflight.
    """

    before: tuple[Candidate, ...]
    omitted: int
    winner: Placed | None
    further: bool
    after: tuple[Candidate, ...]


def entries(translation: Translation, key: HostKey, listener: Listener) -> list[Placed]:
    """The matches that the virtual host is made of, in order."""
    found: list[Placed] = []
    for ref, resolved in translation.routes.items():
        if resolved.is_on(listener, key.frontend) and key in hosts_of(ref, resolved):
            found.extend(_entries(resolved, key.hostname))
    found.sort(key=lambda entry: entry.standing)
    return found


def _entries(resolved: ResolvedRoute, hostname: str) -> Iterator[Placed]:
    broader = breadth(resolved.route.hostnames, hostname)
    for at, rule in enumerate(resolved.route.rules):
        for index, match in enumerate(rule.matches):
            yield Placed((broader, rank(resolved.route, match, at, index)), resolved, rule, match)


def choose(found: list[Placed], frontend: Frontend, seen: Seen) -> Choice:
    """The first that fits takes the request."""
    before: list[Candidate] = []
    after: list[Candidate] = []
    winner: Placed | None = None
    further = False
    for entry in found:
        missing = tuple(misses(entry.match, seen))
        fits = not missing
        if winner is not None:
            if fits:
                after.append(candidate(entry, _lost(winner, entry)))
        elif fits or _further_fits(entry, frontend, seen):
            winner, further = entry, not fits
        else:
            before.append(candidate(entry, "; ".join(miss.why for miss in missing), missing))
    kept = _nearest(before)
    return Choice(tuple(kept), len(before) - len(kept), winner, further, tuple(after[:_SHOWN]))


def candidate(entry: Placed, why: str, missing: tuple[Miss, ...] = ()) -> Candidate:
    """An entry as it is told."""
    return Candidate(
        route=entry.author,
        rule=entry.rule.where,
        name=entry.rule.name,
        match=entry.match.where,
        reads=reads(entry.match),
        envoy_route=entry.envoy_route,
        why=why,
        misses=missing,
        through=entry.resolved.through,
    )


def asks_preflight(seen: Seen) -> bool:
    """Whether a browser asks if it may send a request of another origin (Fetch standard, "CORS-preflight request")."""
    wanted = [any(seen.values(name)) for name in ("origin", "access-control-request-method")]
    return seen.method == "OPTIONS" and all(wanted)


def _further_fits(entry: Placed, frontend: Frontend, seen: Seen) -> bool:
    """Whether the request takes a further route of the match, such as that of the CORS preflight."""
    if not entry.rule.uses or not path_fits(entry.match, seen.path):
        return False
    port, tls = frontend.listeners[0].port, frontend.tls
    return bool(fitting(entry.envoy_route, entry.rule, entry.match, port, tls, seen))


def _nearest(before: list[Candidate]) -> list[Candidate]:
    """Those that miss the least, still in order."""
    if len(before) <= _SHOWN:
        return before
    nearest = sorted(range(len(before)), key=lambda at: (_missing_path(before[at]), len(before[at].misses), at))
    return [before[at] for at in sorted(nearest[:_SHOWN])]


def _missing_path(one: Candidate) -> bool:
    return any(miss.part == "path" for miss in one.misses)


def _lost(winner: Placed, loser: Placed) -> str:
    """The criterion that put the loser after the winner (Gateway API, HTTPRoute.spec.hostnames and rules.matches)."""
    (broader, first), (broadest, second) = winner.standing, loser.standing
    if broader != broadest:
        return "lower precedence: the more specific hostname wins"
    grpc = winner.match.chars is not None and loser.match.chars is not None
    told_by = _GRPC_PRECEDENCE if grpc else _PRECEDENCE
    pairs = zip(first[0], second[0], told_by, strict=True)
    decided = next((told for one, other, told in pairs if one != other), None)
    if decided is not None:
        return f"lower precedence: {decided}"
    if winner.resolved.whole == loser.resolved.whole:
        return "lower precedence: it stands further down in the same route"
    mine, theirs = first[1][0], second[1][0]
    if first[1][:3] == second[1][:3]:
        return "lower precedence: of one root the rule counts that delegates, then the age of those it delegates to"
    if mine != theirs:
        return f"lower precedence: the older route wins ({mine or 'no date'} before {theirs or 'no date'})"
    return "lower precedence: of equally old routes the first by namespace and name wins"
