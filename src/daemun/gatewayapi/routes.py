"""Routes resolved: parents, rules, filters and backends in one path for every kind of route (laws 8 and 9)."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from daemun.api.filters import RouteFilter
from daemun.api.meta import BackendObjectReference, LocalObjectReference
from daemun.api.routes import HTTPBackendRef
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi import backends, extensions
from daemun.gatewayapi.backends import resolve_backend
from daemun.gatewayapi.conflicts import UseIndex, rival
from daemun.gatewayapi.extensions import Extend, Extended
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.kinds import PlainRule, place
from daemun.gatewayapi.parents import Candidate
from daemun.gatewayapi.resolved import Attachment, ParentResult, ResolvedRoute
from daemun.ir.backend import BackendKey, Protocol
from daemun.ir.route import Backend, Match, Route, Rule, Use

Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


class Checks(msgspec.Struct, frozen=True):
    """What the features know about their own specs; handed in, because features stand above this package.

    `match` finds faults that make a match unusable, `rule` those that make a whole rule so.
    """

    match: Callable[[Match], Iterable[Fault]]
    rule: Callable[[Rule], Iterable[Fault]]


def route_rule(
    uses: UseIndex, inputs: backends.Inputs, checks: Checks, extend: Extend
) -> Callable[[Reader, Ref, Candidate], Iterator[tuple[Ref, ResolvedRoute]]]:
    """The rule from a route with parents to a route with everything."""

    def resolve(reader: Reader, ref: Ref, candidate: Candidate) -> Iterator[tuple[Ref, ResolvedRoute]]:
        parents, attachments = _without_rivals(reader, uses, candidate)
        builder = _Rules(reader, inputs, checks, extend, candidate)
        rules = [rule for plain in candidate.kind.rules(candidate.resource) for rule in builder.rule(plain)]
        kind, resource = candidate.kind, candidate.resource
        route = Route(ref, resource.age, kind.hostnames(resource), tuple(rules), kind.streams)
        yield (
            ref,
            ResolvedRoute(
                ref=ref,
                generation=candidate.resource.metadata.generation,
                route=route,
                parents=parents,
                attachments=attachments,
                not_resolved=tuple(builder.not_resolved),
                dropped=tuple(builder.dropped),
                policies=tuple(builder.policies),
                options=tuple(builder.options),
            ),
        )

    return resolve


def _without_rivals(
    reader: Reader, uses: UseIndex, candidate: Candidate
) -> tuple[tuple[ParentResult, ...], tuple[Attachment, ...]]:
    kept: list[Attachment] = []
    lost: dict[tuple[Ref, str], Finding] = {}
    for attachment in candidate.attachments:
        finding = rival(reader, uses, candidate, attachment)
        if finding is None:
            kept.append(attachment)
        else:
            lost[attachment.owner, attachment.listener] = finding
    if not lost:
        return candidate.parents, candidate.attachments
    parents = []
    for parent in candidate.parents:
        left = tuple(name for name in parent.listeners if (parent.owner, name) not in lost)
        if parent.listeners and not left:
            why = lost[parent.owner, parent.listeners[0]]
            parents.append(msgspec.structs.replace(parent, listeners=(), refused=(why,)))
        else:
            parents.append(msgspec.structs.replace(parent, listeners=left))
    return tuple(parents), tuple(kept)


class _Rules:
    """Resolves the rules of one route and gathers what is found on the way."""

    def __init__(
        self, reader: Reader, inputs: backends.Inputs, checks: Checks, extend: Extend, candidate: Candidate
    ) -> None:
        self._reader = reader
        self._inputs = inputs
        self._checks = checks
        self._extend = extend
        self._ref = candidate.ref
        self._kind = candidate.kind
        self.not_resolved: list[Finding] = []
        self.dropped: list[Finding] = []
        self.policies: dict[Name, None] = {}
        self.options: dict[Ref, None] = {}

    def rule(self, plain: PlainRule) -> Iterator[Rule]:
        """The rule as it will be served; none when no match of it can be, or nothing ever gets there."""
        if plain.idle:
            self.dropped.append(Finding("UnsupportedValue", plain.where, plain.idle, "Remove the rule."))
            return
        matches = [match for match in plain.matches if self._usable(match)]
        if plain.matches and not matches:
            return
        filters = self._filters(plain.where, plain.filters)
        extended = self._extended(plain)
        fields = [Use(kind, spec, f"{plain.where}.{kind}") for kind, spec in plain.fields]
        resolved = []
        for index, ref in enumerate(plain.backend_refs):
            where = place(f"{plain.where}.backendRefs", index)
            key = self._backend(where, ref, self._kind.protocol)
            own = ref.filters if isinstance(ref, HTTPBackendRef) else ()
            uses = self._filters(where, own)
            resolved.append(Backend(where, None if self._unknown(where, own) else key, ref.weight, tuple(uses)))
        rule = Rule(
            where=plain.where,
            name=plain.name,
            matches=tuple(matches),
            uses=(*filters, *fields, *extended.uses),
            backends=tuple(resolved),
            broken=extended.broken,
            error=self._kind.error,
        )
        faults = [Finding("UnsupportedValue", *fault) for fault in self._checks.rule(rule)]
        self.dropped.extend(faults)
        yield msgspec.structs.replace(rule, broken=str(faults[0])) if faults and not rule.broken else rule

    def _extended(self, plain: PlainRule) -> Extended:
        """What policies, and filters of other APIs, do to the rule."""
        if self._kind.streams:
            return Extended()
        extended = self._extend(self._reader, self._ref, tuple(_extension_refs(plain.where, plain.filters)))
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

    def _unknown(self, where: str, filters: tuple[RouteFilter, ...]) -> str:
        """Why a backend cannot be used: of other APIs there are filters for whole rules only."""
        refused = extensions.refused(extensions.unknown(*one) for one in _extension_refs(where, filters))
        self.not_resolved.extend(refused.not_resolved)
        return refused.broken

    def _usable(self, match: Match) -> bool:
        faults = [Finding("UnsupportedValue", *fault) for fault in self._checks.match(match)]
        self.dropped.extend(faults)
        return not faults

    def _backend(self, where: str, ref: BackendObjectReference, protocol: Protocol) -> BackendKey | None:
        found = resolve_backend(self._reader, self._inputs, self._ref, where, ref, protocol)
        if found.finding:
            self.not_resolved.append(found.finding)
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


def _extension_refs(where: str, filters: tuple[RouteFilter, ...]) -> Iterator[tuple[str, LocalObjectReference]]:
    """The filters of other APIs, and where they are."""
    for index, one in enumerate(filters):
        if one.extension_ref is not None:
            yield f"{where}.filters[{index}].extensionRef", one.extension_ref


def filter_spec(one: RouteFilter) -> tuple[msgspec.Struct, str]:
    """The one field of a filter that is set, and its name in the API."""
    for field in msgspec.structs.fields(RouteFilter):
        value = getattr(one, field.name)
        if isinstance(value, msgspec.Struct):
            return value, field.encode_name
    raise ValueError(f"a filter of type {one.type} without a spec")  # the rules of the API forbid it
