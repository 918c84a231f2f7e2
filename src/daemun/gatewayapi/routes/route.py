"""Routes resolved: parents, rules, filters and backends in one path for every kind of route (laws 8 and 9)."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from daemun.api.filters import RouteFilter
from daemun.api.meta import BackendObjectReference, LocalObjectReference
from daemun.api.routes import HTTPBackendRef
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding, place
from daemun.gatewayapi.mesh.parents import stood_for
from daemun.gatewayapi.resolved import Attachment, Delegation, ParentResult, ResolvedRoute
from daemun.gatewayapi.routes import backends
from daemun.gatewayapi.routes.backends import resolve_backend
from daemun.gatewayapi.routes.conflicts import UseIndex, rival
from daemun.gatewayapi.routes.delegations import ROUTE, Inherited, allowed, cycles, delegates, delegations, over
from daemun.gatewayapi.routes.extensions import NOTHING, Extend, Extended, Level
from daemun.gatewayapi.routes.kinds import PlainRule
from daemun.gatewayapi.routes.parents import Candidate, Reached
from daemun.ir.backend import BackendKey, Protocol
from daemun.ir.route import Backend, Match, Route, RouteKey, Rule, Use

_NOTHING_ABOVE = Inherited()
_FIELDS = msgspec.structs.fields(RouteFilter)
Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


class Checks(msgspec.Struct, frozen=True):
    """What the features know about their own specs; handed in, because features stand above this package.

    `match` finds faults that make a match unusable, `rule` those that make a whole rule so. `settled` is what is left
    of the uses of several levels, where the rule of a higher one delegates to those below.
    """

    match: Callable[[Match], Iterable[Fault]]
    rule: Callable[[Rule], Iterable[Fault]]
    settled: Callable[[Iterable[tuple[int, Use]]], Iterable[Use]]


class Inputs(msgspec.Struct, frozen=True):
    """What rules are resolved by."""

    backends: backends.Inputs
    checks: Checks
    extend: Extend


def route_rule(
    uses: UseIndex, of: Inputs
) -> Callable[[Reader, RouteKey, Candidate], Iterator[tuple[RouteKey, ResolvedRoute]]]:
    """The rule from a route with parents to a route with everything."""

    def resolve(reader: Reader, key: RouteKey, candidate: Candidate) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
        yield key, _resolved(reader, of, _without_rivals(reader, uses, candidate))

    return resolve


def reached_rule(of: Inputs) -> Callable[[Reader, RouteKey, Reached], Iterator[tuple[RouteKey, ResolvedRoute]]]:
    """The rule from a route that others delegate to, to the same with everything. Its hosts are its root's to lose."""

    def resolve(reader: Reader, key: RouteKey, reached: Reached) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
        found = _resolved(reader, of, reached)
        not_resolved = (*reached.not_resolved, *found.not_resolved)
        way = {"through": reached.through, "chosen": reached.chosen, "not_resolved": not_resolved}
        yield key, msgspec.structs.replace(found, **way)

    return resolve


def _resolved(reader: Reader, of: Inputs, candidate: Candidate) -> ResolvedRoute:
    builder = Rules(reader, of, candidate)
    rules = builder.rules()
    ref, kind = candidate.ref, candidate.kind
    through = candidate.through if isinstance(candidate, Reached) else ()
    return ResolvedRoute(
        ref=ref,
        generation=candidate.resource.metadata.generation,
        route=Route(ref, candidate.age, candidate.hostnames, rules, kind.streams),
        parents=candidate.parents,
        attachments=candidate.attachments,
        not_resolved=(*builder.not_resolved, *cycles(builder.delegations, ref, through)),
        dropped=tuple(builder.dropped),
        policies=tuple(builder.policies),
        options=tuple(builder.options),
        delegations=tuple(builder.delegations),
        open=candidate.open,
    )


def _without_rivals(reader: Reader, uses: UseIndex, candidate: Candidate) -> Candidate:
    kept: list[Attachment] = []
    lost: dict[tuple[Ref, str], Finding] = {}
    for attachment in candidate.attachments:
        finding = rival(reader, uses, candidate, attachment)
        if finding is None:
            kept.append(attachment)
        else:
            lost[attachment.owner, attachment.listener] = finding
    if not lost:
        return candidate
    parents: list[ParentResult] = []
    for parent in candidate.parents:
        left = tuple(name for name in parent.listeners if (parent.owner, name) not in lost)
        if parent.listeners and not left:
            why = lost[parent.owner, parent.listeners[0]]
            parents.append(msgspec.structs.replace(parent, listeners=(), refused=(why,)))
        else:
            parents.append(msgspec.structs.replace(parent, listeners=left))
    return msgspec.structs.replace(candidate, parents=tuple(parents), attachments=tuple(kept))


class Rules:
    """Resolves the rules of one route and gathers what is found on the way."""

    def __init__(self, reader: Reader, of: Inputs, candidate: Candidate) -> None:
        self._reader = reader
        self._of = of
        self._ref = candidate.ref
        self._kind = candidate.kind
        self._plain = candidate.rules
        self._stood_for = stood_for(candidate.ref, candidate.kind.spec(candidate.resource))
        self.not_resolved: list[Finding] = []
        self.dropped: list[Finding] = []
        self.policies: dict[Name, None] = {}
        self.options: dict[Ref, None] = {}
        self.delegations: list[Delegation] = []

    def rules(self) -> tuple[Rule, ...]:
        """The rules as they will be served."""
        found = [(at, rule) for at, plain in enumerate(self._plain) for rule in self._rule(plain)]
        if not self.delegations:
            return tuple([rule for _, rule in found])
        # The rules of one that delegates stand among those that it delegates to, which come first.
        return tuple([msgspec.structs.replace(rule, order=(*rule.order, at, 1)) for at, rule in found])

    def handed_down(self, plain: PlainRule) -> tuple[tuple[Use, ...], str]:
        """What a rule asks for on behalf of those that it delegates to, and why it cannot be had, if so."""
        asked = self._asked(plain)
        faults = [Finding("UnsupportedValue", *fault) for fault in self._of.checks.rule(Rule(plain.where, uses=asked))]
        uses = tuple(msgspec.structs.replace(use, by=self._ref) for use in asked)
        return uses, f"{self._ref} {faults[0]}" if faults else ""

    def _rule(self, plain: PlainRule) -> Iterator[Rule]:
        """The rule as it will be served; none when no match of it can be, or nothing ever gets there."""
        if plain.idle:
            self.dropped.append(Finding("UnsupportedValue", plain.where, plain.idle, "Remove the rule."))
            return
        matches = tuple(match for match in plain.matches if self._usable(match))
        if plain.matches and not matches:
            return
        uses, extended, backends = self._asked(plain), self._extended(plain), tuple(self._backends(plain))
        delegated = self._delegates(plain, matches, fit=not extended.broken)
        above = plain.above or _NOTHING_ABOVE
        rule = Rule(
            where=plain.where,
            name=plain.name,
            matches=matches,
            uses=self._settled(plain, (*over(uses, above.uses), *extended.uses), extended),
            backends=backends,
            broken=extended.broken or above.broken,
            error=extended.error or self._kind.error,
            body=extended.body,
            order=above.order,
        )
        faults = [Finding("UnsupportedValue", *fault) for fault in self._of.checks.rule(rule)]
        self.dropped.extend(faults)
        if above.broken:
            self.dropped.append(Finding("UnsupportedValue", plain.where, f"what delegates to it fails: {above.broken}"))
        if backends or not delegated:
            yield msgspec.structs.replace(rule, broken=str(faults[0])) if faults and not rule.broken else rule

    def _delegates(self, plain: PlainRule, matches: tuple[Match, ...], fit: bool) -> bool:
        """Whether the rule's requests are for other routes to take. If it is not `fit` nobody gets any of them."""
        if self._kind.kind != ROUTE or not any(map(delegates, plain.backend_refs)):
            return False
        found = tuple(delegations(plain.backend_refs, plain.where, self._ref.namespace))
        for match in matches:
            if match.path_type != "Prefix":
                text = "a rule that delegates is for a prefix, so nothing is delegated by this match"
                finding = Finding("UnsupportedValue", f"{match.where}.path.type", text, "Use PathPrefix.")
                self.dropped.append(finding)
        if fit and any(match.path_type == "Prefix" for match in matches):
            self.delegations.extend(found)
        return bool(found)

    def _asked(self, plain: PlainRule) -> tuple[Use, ...]:
        """What the rule's own filters and fields ask for."""
        fields = (Use(kind, spec, f"{plain.where}.{kind}") for kind, spec in plain.fields)
        return (*self._filters(plain.where, plain.filters), *fields)

    def _backends(self, plain: PlainRule) -> Iterator[Backend]:
        above = plain.above.uses if plain.above else ()
        for index, ref in enumerate(plain.backend_refs):
            if self._kind.kind == ROUTE and delegates(ref):
                continue
            where = place(f"{plain.where}.backendRefs", index)
            key = self._backend(where, ref, self._kind.protocol, of_rule=True)
            own = ref.filters if isinstance(ref, HTTPBackendRef) else ()
            called = self._of.backends.call(self._reader, where, key, tuple(_extension_refs(where, own)))
            self.not_resolved.extend(called.findings)
            uses = (*allowed(tuple(self._filters(where, own)), above), *called.uses)
            yield Backend(where, None if called.findings else key, ref.weight, uses)

    def _extended(self, plain: PlainRule) -> Extended:
        """What policies, and filters of other APIs, do to the rule."""
        if self._kind.streams:
            return NOTHING
        levels = (level_of(self._ref, plain), *(plain.above.levels if plain.above else ()))
        extended = self._of.extend(self._reader, levels)
        if extended is NOTHING:
            return NOTHING
        self.not_resolved.extend(extended.not_resolved)
        others = plain.backend_refs or any(one.type == "RequestRedirect" for one in plain.filters)
        if len(extended.answers) > 1 or (extended.answers and others):
            text = "the rule has an answer of its own, so it cannot have another, a redirect or backends besides"
            extended = extended._replace(broken=text)
            self.dropped.append(Finding("IncompatibleFilters", extended.answers[-1], text, "Leave one of them."))
        elif extended.broken and not extended.not_resolved:
            self.dropped.append(Finding("UnsupportedValue", plain.where, extended.broken))
        self.options.update(dict.fromkeys(extended.policies))
        return extended

    def _settled(self, plain: PlainRule, uses: tuple[Use, ...], extended: Extended) -> tuple[Use, ...]:
        """What is left of what is asked for on all levels."""
        if plain.above is None:
            return uses
        heights = {**extended.heights, **{level.route: at for at, level in enumerate(plain.above.levels, 1)}}
        return tuple(self._of.checks.settled((heights.get(use.by, 0) if use.by else 0, use) for use in uses))

    def _usable(self, match: Match) -> bool:
        faults = [Finding("UnsupportedValue", *fault) for fault in self._of.checks.match(match)]
        self.dropped.extend(faults)
        return not faults

    def _backend(
        self, where: str, ref: BackendObjectReference, protocol: Protocol, *, of_rule: bool = False
    ) -> BackendKey | None:
        by = (self._reader, self._of.backends, self._ref)
        found = resolve_backend(*by, where, ref, protocol, self._stood_for, of_rule=of_rule)
        if found.finding:
            self.not_resolved.append(found.finding)
        if found.policies:
            self.policies.update(dict.fromkeys(found.policies))
        return found.key

    def _filters(self, where: str, filters: tuple[RouteFilter, ...]) -> list[Use]:
        """The filters as features in use."""
        uses = []
        for index, one in enumerate(filters):
            here = f"{where}.filters[{index}]"
            if one.extension_ref is not None:
                continue
            spec, field = filter_spec(one)
            keys: list[BackendKey | None] = []
            target = getattr(spec, "backend_ref", None)
            if target is not None:
                at = f"{here}.{field}.backendRef"
                # An authorization service says itself what it speaks.
                protocol = "h2c" if getattr(spec, "protocol", "") == "GRPC" else self._kind.protocol
                keys.append(self._backend(at, target, protocol))
            uses.append(Use(one.type, spec, f"{here}.{field}", tuple(keys)))
        return uses


def level_of(ref: Ref, plain: PlainRule, yields: str = "") -> Level:
    """A rule of a route as other APIs see it."""
    filters = tuple(_extension_refs(plain.where, plain.filters)) if plain.filters else ()
    return Level(ref, filters, yields, plain.name or "")


def _extension_refs(where: str, filters: tuple[RouteFilter, ...]) -> Iterator[tuple[str, LocalObjectReference]]:
    """The filters of other APIs, and where they are."""
    for index, one in enumerate(filters):
        if one.extension_ref is not None:
            yield f"{where}.filters[{index}].extensionRef", one.extension_ref


def filter_spec(one: RouteFilter) -> tuple[msgspec.Struct, str]:
    """The one field of a filter that is set, and its name in the API.

    Raises ValueError if none is, which the API forbids.
    """
    for field in _FIELDS:
        value = getattr(one, field.name)
        if isinstance(value, msgspec.Struct):
            return value, field.encode_name
    raise ValueError(f"a filter of type {one.type} without a spec")  # the rules of the API forbid it
