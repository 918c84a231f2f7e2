"""VirtualServices and RouteTables as HTTPRoutes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from daemun.api.gloo.common import RegexMatchAndSubstitute
from daemun.api.gloo.options import RouteOptions
from daemun.base.names import GATEWAY, GLOO_GATEWAY, GLOO_KUBE_GATEWAY, Name, Ref
from daemun.gloo.classic.delegation import Placing
from daemun.gloo.classic.matchers import path_of
from daemun.gloo.delegation.delegators import OVERRIDES
from daemun.gloo.migrate.actions import act, no_path
from daemun.gloo.migrate.bench import Bench, Doc, chunks, label, plain
from daemun.gloo.migrate.delegation import Delegated, matches_of
from daemun.gloo.migrate.gateways import Section
from daemun.gloo.migrate.matches import document
from daemun.gloo.migrate.options import Draft, put
from daemun.gloo.migrate.order import Step
from daemun.gloo.migrate.parents import hostnames, parents
from daemun.gloo.migrate.paths import modifier, substitution
from daemun.gloo.migrate.plans import Plan, Turn, options_of, virtual_service
from daemun.gloo.migrate.references import permit

_MOST_RULES = 16
_MOST_MATCHES = 64
_MOST_MATCHES_OF_ALL = 128


class Line(NamedTuple):
    """A rule as it is written, and what it came from."""

    rule: Doc
    note: str


class Routes:
    """Makes HTTPRoutes: those of VirtualServices, and once each those of the tables that are delegated to."""

    def __init__(self, bench: Bench, delegated: Delegated) -> None:
        self._bench = bench
        self._delegated = delegated
        self._tables: dict[Ref, list[Name]] = {}

    def convert(self, plan: Plan, sections: Sequence[Section]) -> None:
        """Make the HTTPRoutes of a VirtualService that is served at these listeners."""
        ref = virtual_service(plan.name)
        at = len(self._bench.made)
        writing = _Writing(self._bench, self._delegated, self, ref)
        lines = list(writing.lines(plan.turns))
        if not lines:
            text = "none of its routes could be carried over"
            self._bench.report.warning(ref, "NothingLeft", "", text, "Its hosts are answered with 404, as before.")
            lines = [writing.nothing()]
        after, self._bench.made[at:] = self._bench.made[at:], []
        parts = list(_parts(lines))
        self._tell_split(ref, lines, parts)
        for number, part in enumerate(parts):
            for turn, (hosts, where) in enumerate(hostnames(self._bench, ref, sections)):
                suffix = (f"-{number + 1:02}" if number else "") + (f"-hosts-{turn + 1}" if turn else "")
                spec = {"parentRefs": parents(self._bench, ref, where), **({"hostnames": hosts} if hosts else {})}
                self._make(ref, writing, f"{writing.name.name}{suffix}", spec, part)
        self._bench.made.extend(after)

    def table(self, ref: Ref, turns: list[Turn]) -> list[Name]:
        """The HTTPRoutes of a table, made if they are not yet."""
        if ref not in self._tables:
            at = len(self._bench.made)
            writing = _Writing(self._bench, self._delegated, self, ref)
            lines = list(writing.lines(turns))
            after, self._bench.made[at:] = self._bench.made[at:], []
            parts = list(_parts(lines))
            self._tell_split(ref, lines, parts)
            names = [
                f"{writing.name.name}-{number + 1:02}" if number else writing.name.name for number in range(len(parts))
            ]
            for name, part in zip(names, parts, strict=True):
                self._make(ref, writing, name, {}, part)
            self._bench.made.extend(after)
            self._tables[ref] = [Name(ref.namespace, name) for name in names]
        return self._tables[ref]

    def _make(self, ref: Ref, writing: "_Writing", name: str, spec: Doc, part: list[Line]) -> None:
        notes = [f"rules[{index}]: {one.note}" for index, one in enumerate(part)]
        annotations = {OVERRIDES: "*"} if writing.overridden else None
        whole = {**spec, "rules": [one.rule for one in part]}
        home = Name(ref.namespace, name)
        self._bench.make(GATEWAY, "HTTPRoute", home, whole, f"From {ref}.", *notes, annotations=annotations)

    def _tell_split(self, ref: Ref, lines: list[Line], parts: list[list[Line]]) -> None:
        if len(parts) > 1:
            text = f"its routes come to {len(lines)} rules: they are spread over {len(parts)} HTTPRoutes"
            mend = "Keep their names in this order: of equal matches the first wins."
            self._bench.report.warning(ref, "Split", "", text, mend)


class _Writing:
    """The rules of one object's HTTPRoutes. `overridden`: those below it have the last word about options."""

    def __init__(self, bench: Bench, delegated: Delegated, routes: Routes, ref: Ref) -> None:
        self._bench = bench
        self._delegated = delegated
        self._routes = routes
        self._ref = ref
        self.name = bench.name(GATEWAY, "HTTPRoute", ref.namespace, ref.name)
        self.overridden = False

    def lines(self, turns: list[Turn]) -> Iterator[Line]:
        """The rules, in order."""
        below: dict[tuple[Ref, str], dict[Ref, list[Turn]]] = {}
        for turn in turns:
            chain = self._chain(turn.placing)
            if chain[0].by != self._ref and chain[0].by in self._delegated.tables:
                parent = chain[1]
                below.setdefault((parent.by, parent.where), {}).setdefault(chain[0].by, []).append(turn)
        for turn in turns:
            chain = self._chain(turn.placing)
            if chain[0].by == self._ref or chain[0].by not in self._delegated.tables:
                yield from self._own(turn, chain)
                continue
            tables = below.pop((chain[1].by, chain[1].where), None)
            if tables is not None:
                yield self._delegation(chain[1:], tables)

    def nothing(self) -> Line:
        """A rule that finds nothing: the host stays its own."""
        name = self._bench.shared(
            GLOO_KUBE_GATEWAY, "DirectResponse", self.name.namespace, f"{self.name.name}-404", {"status": 404}
        )
        ref = {"group": GLOO_KUBE_GATEWAY, "kind": "DirectResponse", "name": name}
        rule = {"filters": [{"type": "ExtensionRef", "extensionRef": ref}]}
        return Line({"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], **rule}, "no route is left")

    def _chain(self, placing: Placing) -> tuple[Placing, ...]:
        """A route and those that delegate to it, from the one of the outermost table that is delegated to, below this
        object, to the one in this object.
        """
        nodes = (placing, *placing.above)
        mine = next((at for at, one in enumerate(nodes) if one.by == self._ref), len(nodes) - 1)
        first = next((at for at in range(mine - 1, -1, -1) if nodes[at].by in self._delegated.tables), 0)
        return nodes[first : mine + 1]

    def _delegation(self, chain: tuple[Placing, ...], tables: dict[Ref, list[Turn]]) -> Line:
        """A rule that leaves its requests to tables."""
        names = [name for ref, turns in tables.items() for name in self._routes.table(ref, turns)]
        rule: Doc = {"matches": [document(one) for one in matches_of(self._bench, chain[0])]}
        options = options_of(self._bench, chain)
        if options is not None:
            self.overridden = True
            rule["filters"] = [self._policy(chain[0], options)]
        rule["backendRefs"] = [
            {
                "group": GATEWAY,
                "kind": "HTTPRoute",
                "name": one.name,
                **({} if one.namespace == self.name.namespace else {"namespace": one.namespace}),
            }
            for one in names
        ]
        return Line(rule, f"{chain[0].by} {chain[0].where}, which delegates")

    def _own(self, turn: Turn, chain: tuple[Placing, ...]) -> Iterator[Line]:
        """The rules of a route that stands in this object."""
        if not turn.steps:
            return
        note = f"{turn.placing.by} {turn.placing.where}"
        if turn.changed and len(turn.steps) > len({one.origin for one in turn.steps}):
            note += ", with matches that keep it before those after it"
        options = options_of(self._bench, chain)
        if turn.new_prefix is None:
            rule = self._rule(turn, options, None)
            for part in chunks(turn.steps, _MOST_MATCHES):
                yield Line({"matches": [document(one.match) for one in part], **rule}, note)
            return
        for step in turn.steps:
            yield Line({"matches": [document(step.match)], **self._rule(turn, options, step)}, note)

    def _rule(self, turn: Turn, options: RouteOptions | None, step: Step | None) -> Doc:
        """A rule without its matches."""
        draft = Draft(forwards=turn.placing.route.route_action is not None)
        act(self._bench, turn.placing, self.name, draft)
        if step is not None:
            options = self._new_path(turn, options, step, draft)
        if options is not None and self._ref not in self._delegated.governed:
            options = put(options, draft)
        if options is not None and plain(options):
            draft.filters.append(self._policy(turn.placing, options))
        return draft.document()

    def _policy(self, placing: Placing, options: RouteOptions) -> Doc:
        """The filter that puts options on a rule."""
        wanted = f"{self.name.name}-{placing.route.name or _number(placing.where)}"
        spec = {"options": plain(options)}
        permit(self._bench, "RouteOption", self.name.namespace, options)
        note = f"From {placing.by} {placing.where}."
        name = self._bench.shared(GLOO_GATEWAY, "RouteOption", self.name.namespace, wanted, spec, note)
        ref = {"group": GLOO_GATEWAY, "kind": "RouteOption", "name": name}
        return {"type": "ExtensionRef", "extensionRef": ref}

    def _new_path(self, turn: Turn, options: RouteOptions | None, step: Step, draft: Draft) -> RouteOptions | None:
        """Say the new path; returns the options that are left."""
        value = turn.new_prefix or ""
        path = modifier(step.match, turn.matcher, value)
        redirect = next((one for one in draft.filters if "requestRedirect" in one), None)
        if redirect is not None:
            spec = redirect["requestRedirect"]
            if path:
                spec["path"] = path
            elif path is None:
                where = f"{turn.placing.where}.redirectAction.prefixRewrite"
                text = f"a redirect cannot put {value!r} in the place of the characters {path_of(turn.matcher)[1]!r}"
                if no_path(self._bench, turn.placing, where, text, spec):
                    draft.filters.remove(redirect)
            return options
        assert options is not None  # noqa: S101 - there is a new prefix in them
        rest = msgspec.structs.replace(options, prefix_rewrite=None)
        if options.regex_rewrite is not None:
            return rest  # Envoy takes only one of the two: this one.
        if path is None:
            pattern = substitution(turn.matcher, value)
            return msgspec.structs.replace(rest, regex_rewrite=msgspec.convert(pattern, RegexMatchAndSubstitute))
        if path:
            draft.rewrite["path"] = path
        return rest


def _number(where: str) -> str:
    """A short word for a route: its number."""
    return label(where.rpartition("routes[")[2].rstrip("]"))


def _parts(lines: list[Line]) -> Iterator[list[Line]]:
    """The rules of one HTTPRoute after the other, as many as it takes."""
    part: list[Line] = []
    matches = 0
    for line in lines:
        count = len(line.rule["matches"])
        if part and (len(part) == _MOST_RULES or matches + count > _MOST_MATCHES_OF_ALL):
            yield part
            part, matches = [], 0
        part.append(line)
        matches += count
    if part:
        yield part
