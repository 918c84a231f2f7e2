"""Which RouteTables stay objects of their own: HTTPRoutes that others delegate to.

Delegation between HTTPRoutes is stricter than between RouteTables: below a prefix, with matches that are narrower, and
sorted by Gateway API's precedence. Where that would make a difference the routes of a table stand in the HTTPRoutes of
those who delegate to it.
"""

from collections.abc import Iterator

import msgspec

from daemun.base.names import Ref
from daemun.gloo.classic.delegation import Placing
from daemun.gloo.delegation.matches import below
from daemun.gloo.migrate.bench import Bench
from daemun.gloo.migrate.matches import Lost, carried
from daemun.gloo.migrate.order import tied
from daemun.gloo.migrate.plans import Plan, Turn, options_of
from daemun.ir.route import Match

_Chain = tuple[tuple[Ref, str], ...]


class Use(msgspec.Struct):
    """A table in its place: the route that delegates to it, and the turns of its routes."""

    parent: Placing
    turns: list[Turn] = msgspec.field(default_factory=list)


class Delegated(msgspec.Struct):
    """The tables that are delegated to. Those in `governed` are below routes with options."""

    tables: set[Ref]
    governed: set[Ref]

    def owner(self, placing: Placing, root: Ref) -> Ref:
        """The object in whose HTTPRoute a route stands."""
        return next((one.by for one in (placing, *placing.above) if one.by in self.tables), root)


def delegated(bench: Bench, plans: list[Plan]) -> Delegated:
    """The tables for which it makes no difference."""
    uses = _uses(plans)
    good = set() if bench.wishes.flatten else {ref for ref, found in uses.items() if _fits(bench, found)}
    governed = {
        ref
        for ref, found in uses.items()
        if any(options_of(bench, (one.parent, *one.parent.above)) is not None for one in found)
    }
    found = Delegated(good, governed)
    while True:
        ties = {ref for plan in plans for ref in _ties(plan, found)}
        if not ties:
            return found
        found.tables -= ties


def _uses(plans: list[Plan]) -> dict[Ref, list[Use]]:
    """Every table in every place."""
    found: dict[tuple[Ref, int, _Chain], Use] = {}
    for number, plan in enumerate(plans):
        for turn in plan.turns:
            nodes = (turn.placing, *turn.placing.above)
            for at, parent in enumerate(nodes[1:]):
                chain = tuple((one.by, one.where) for one in nodes[at + 1 :])
                found.setdefault((nodes[at].by, number, chain), Use(parent)).turns.append(turn)
    by_table: dict[Ref, list[Use]] = {}
    for (table, _, _), use in found.items():
        by_table.setdefault(table, []).append(use)
    return by_table


def _fits(bench: Bench, uses: list[Use]) -> bool:
    """Whether a table is the same in all its places, and below each of them as Gateway API has it."""
    return len({_said(use) for use in uses}) == 1 and all(_below(bench, use) for use in uses)


def _said(use: Use) -> tuple[tuple[Ref, str, tuple[Match, ...]], ...]:
    return tuple((one.placing.by, one.placing.where, tuple(one.matches)) for one in use.turns)


def _below(bench: Bench, use: Use) -> bool:
    chain = (use.parent, *use.parent.above)
    above = options_of(bench, chain)
    if above is not None and (above.prefix_rewrite is not None or above.regex_rewrite is not None):
        return False
    if any(turn.changed for turn in use.turns):
        return False
    levels = [matches_of(bench, one) for one in chain]
    if not all(levels) or any(one.path_type != "Prefix" for matches in levels for one in matches):
        return False
    matches = [one for turn in use.turns for one in turn.matches]
    return all(_within(own, above) for own, above in zip((matches, *levels), levels, strict=False))


def _within(own: list[Match], above: list[Match]) -> bool:
    """Whether each match is below just one of those above, as it is."""
    for one in own:
        found = [below(parent, one, lambda _: True) for parent in above]
        kept = [each for each in found if each is not None]
        if len(kept) != 1 or (one.path_type == "Regex" and "|" in one.path):
            return False
    return True


def matches_of(bench: Bench, placing: Placing) -> list[Match]:
    """The matches of a route that delegates; none where they cannot be carried over."""
    try:
        found = [carried(one, characters=bench.wishes.characters).matches for one in placing.asked]
    except Lost:
        return []
    return [one for each in found for one in each]


def _ties(plan: Plan, found: Delegated) -> Iterator[Ref]:
    """The tables between whose routes, and those of others, only the place decides."""
    root = Ref("", "", *plan.name)
    steps = [(step, found.owner(turn.placing, root)) for turn in plan.turns for step in turn.steps]
    for at, (late, owner) in enumerate(steps):
        for early, other in steps[:at]:
            if other != owner and tied(early, late):
                yield from {owner, other} & found.tables
