"""What a VirtualService does with requests, in turns: who may take one, and what keeps the written order."""

from collections.abc import Iterator

import msgspec

from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.options import RouteOptions
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.gloo.classic.delegation import Placing
from daemun.gloo.migrate.bench import Bench
from daemun.gloo.migrate.matches import Lost, carried
from daemun.gloo.migrate.options import together
from daemun.gloo.migrate.order import Clash, Step, ordered
from daemun.gloo.migrate.references import homed
from daemun.ir.route import Match

_SHOWN = 4


class Turn(msgspec.Struct):
    """Who may take a request: a route, or one of its matchers where that decides what is done. With all its options."""

    placing: Placing
    matcher: Matcher
    options: RouteOptions | None
    matches: list[Match] = msgspec.field(default_factory=list)
    steps: list[Step] = msgspec.field(default_factory=list)

    @property
    def new_prefix(self) -> str | None:
        """What is put in the place of the prefix that matched, in a redirect or on the way to a backend."""
        redirect = self.placing.route.redirect_action
        if redirect is not None:
            return redirect.prefix_rewrite
        forwards = self.placing.route.route_action is not None
        return self.options.prefix_rewrite if forwards and self.options else None

    @property
    def changed(self) -> bool:
        """Whether it is not as it was written, for the sake of the order."""
        return [one.match for one in self.steps] != self.matches


class Plan(msgspec.Struct):
    """The turns of a VirtualService, in written order."""

    name: Name
    turns: list[Turn]


def options_of(bench: Bench, chain: tuple[Placing, ...]) -> RouteOptions | None:
    """The options of routes that delegate to each other, the innermost first, with those that they refer to.

    References in them are as they are read in the namespace of the outermost.
    """
    layers: list[RouteOptions | None] = []
    here = chain[-1].by.namespace

    def layer(options: RouteOptions | None, home: str) -> None:
        layers.append(options if home == here else homed(options, home))

    for one in chain:
        layer(one.route.options, one.by.namespace)
        refs = one.route.options_config_refs
        for index, ref in enumerate(refs.delegate_options if refs else ()):
            name = Name(ref.namespace or one.by.namespace, ref.name)
            found = bench.world.route_options(name)
            if found is None:
                where = f"{one.where}.optionsConfigRefs.delegateOptions[{index}]"
                bench.report.warning(one.by, "NotFound", where, f"RouteOption {name} does not exist")
            layer(found, name.namespace)
    return together(layers)


def plan(bench: Bench, name: Name) -> Plan:
    """The plan of a VirtualService; what is lost on the way is told."""
    return _Planning(bench, name).plan()


class _Planning:
    """One plan in the making."""

    def __init__(self, bench: Bench, name: Name) -> None:
        self._bench = bench
        self._name = name
        self._turns: list[Turn] = []
        self._loose: dict[Ref, list[tuple[str, str]]] = {}

    def plan(self) -> Plan:
        """The whole plan of the VirtualService, its rules in the order that they are tried in."""
        flat = self._bench.world.flat[self._name]
        for problem in flat.problems:
            say = self._bench.report.warning if problem.warning else self._bench.report.error
            say(problem.ref, problem.code, problem.where, problem.text, problem.mend)
        written = [step for placing in flat.placings for step in self._written(placing)]
        found = ordered(written, self._same)
        for step in found.steps:
            self._turns[step.turn].steps.append(step)
        self._tell_loose()
        for clash in found.dead:
            self._tell_dead(clash)
        for clash in found.clashes:
            self._tell_clash(clash)
        return Plan(self._name, self._turns)

    def _written(self, placing: Placing) -> Iterator[Step]:
        """The matches of a route, with its turn."""
        options = options_of(self._bench, (placing, *placing.above))
        for index, asked in enumerate(placing.asked):
            if not index or self._turns[-1].new_prefix is not None:
                self._turns.append(Turn(placing, asked.matcher, options))
            try:
                found = carried(asked, characters=self._bench.wishes.characters)
            except Lost as why:
                mend = f"{why.mend} It is left out: its requests go to the routes after it."
                self._bench.report.error(placing.by, why.code, asked.where, why.text, mend)
                continue
            if found.loose:
                self._loose.setdefault(placing.by, []).append((asked.where, found.loose))
            for match in found.matches:
                self._turns[-1].matches.append(match)
                yield Step(match, match, len(self._turns) - 1)

    def _same(self, one: int, other: int) -> bool:
        """Whether two turns do the same with a request, whichever of their matches it fits."""
        first, second = self._turns[one], self._turns[other]
        if first.new_prefix is not None or first.placing.by != second.placing.by:
            return False
        bare = [msgspec.structs.replace(each.placing.route, matchers=(), name="") for each in (first, second)]
        return bare[0] == bare[1] and first.options == second.options

    def _tell_loose(self) -> None:
        for ref, found in self._loose.items():
            prefixes = list(dict.fromkeys(prefix for _, prefix in found))
            more = f" and {len(prefixes) - _SHOWN} more" if len(prefixes) > _SHOWN else ""
            shown = ", ".join(prefixes[:_SHOWN])
            text = f"prefixes of characters become prefixes of path elements: {shown}{more}"
            example = prefixes[0].rstrip("/")
            takes = f"{example} too" if prefixes[0].endswith("/") else f"no {example}x any more"
            mend = f"{prefixes[0]} takes {takes}; with --prefixes characters it stays as it was."
            self._bench.report.warning(ref, "PrefixOfElements", found[0][0], text, mend)

    def _tell_dead(self, clash: Clash) -> None:
        early, late = (self._turns[one.turn].placing for one in clash)
        text = f"never takes a request, since {early.by} {early.where} before it takes them all"
        self._bench.report.warning(late.by, "NeverTaken", clash.late.match.where, text, "It is left out.")

    def _tell_clash(self, clash: Clash) -> None:
        early, late = (self._turns[one.turn].placing for one in clash)
        text = f"is more specific for Gateway API than {early.by} {early.where}, which stands before it"
        mend = "Requests that fit both may go to it now: make one of the two narrower."
        self._bench.report.error(late.by, "OrderChanges", clash.late.match.where, text, mend)


def virtual_service(name: Name) -> Ref:
    """A VirtualService."""
    return Ref(GLOO_GATEWAY, "VirtualService", *name)
