"""Matchers of VirtualServices that get no requests, which Settings may want told (Gloo, warnRouteShortCircuiting)."""

from collections.abc import Callable, Iterator

from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Index, Reader
from daemun.gloo.classic.hosts import KIND
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.routes import Resolved
from daemun.gloo.settings.scope import Scopes, scope_of
from daemun.ir.route import RouteKey
from daemun.ir.shadows import takers

_MEND = "Remove one of them, or have this one stand before it."


def service_of(_: RouteKey, resolved: Resolved) -> Iterator[Ref]:
    """The VirtualService that a piece is of; for an index."""
    yield resolved.route.ref


def hidden_rule(
    pieces: Index[Ref, RouteKey, Resolved], scopes: Scopes
) -> Callable[[Reader, Name, object], Iterator[tuple[RouteKey, Problems]]]:
    """The rule from a VirtualService to its matchers that others hide. Where nobody asks, nothing is compared."""

    def hidden(reader: Reader, name: Name, _: object) -> Iterator[tuple[RouteKey, Problems]]:
        if not scope_of(reader, scopes).tells_hidden:
            return
        ref, report = Ref(GLOO_GATEWAY, KIND, *name), Report()
        rules = [
            (rule.order, route.author(rule), rule)
            for one in reader.find(pieces, ref)
            for route in (one.route.route,)
            for rule in route.rules
        ]
        rules.sort(key=lambda one: one[0])
        found = [(by, match) for _, by, rule in rules for match in rule.matches]
        taken = list(takers([match for _, match in found]))
        # A matcher with several methods is several matches here.
        alive = {(by, match.where) for (by, match), at in zip(found, taken, strict=True) if at is None}
        for (by, match), at in zip(found, taken, strict=True):
            if at is not None and (by, match.where) not in alive:
                other, winner = found[at]
                text = f"it gets no requests: {other} {winner.where}, before it, takes them all"
                report.warning(by, "Shadowed", match.where, text, _MEND)
        if report.problems:
            yield Ref(GLOO_GATEWAY, "hidden matchers", *name), report.problems

    return hidden
