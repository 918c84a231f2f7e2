"""Routes that delegate: which rules, to whom, with what. Nothing else of them concerns those below them."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.meta import ParentReference
from daemun.api.routes import HTTPRoute
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.resolved import Attachment, Delegation, ParentResult, ResolvedRoute
from daemun.gatewayapi.routes.delegations import ALL_NAMESPACES, ANY, DELEGATION, ROUTE, delegates, delegations
from daemun.gatewayapi.routes.extensions import Level
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.gatewayapi.routes.parents import Candidate
from daemun.gatewayapi.routes.route import Inputs, Rules, level_of
from daemun.ir.route import Match, RouteKey, Use

INHERIT = f"{DELEGATION}/inherit-parent-matcher"
OVERRIDES = f"{DELEGATION}/enable-policy-overrides"
LABEL = f"{DELEGATION}/label"
_YES = {"true", "yes", "enabled"}
KIND = next(kind for kind in ROUTE_KINDS if kind.kind == ROUTE)


class Member(msgspec.Struct, frozen=True, gc=False):
    """A route as one that may be delegated to: whom it lets do so, its label, and what it makes of their matches."""

    ref: Ref
    age: tuple[str, str, str]
    parent_refs: tuple[ParentReference, ...]
    hostnames: tuple[str, ...]
    label: str
    inherits: bool

    def consent(self, parent: Ref) -> ParentReference | None:
        """The reference to a parent. A route that names no parents lets anybody delegate to it."""
        if not self.parent_refs:
            return ParentReference(parent.name, parent.group, parent.kind, parent.namespace)
        for one in self.parent_refs:
            if Ref(one.group, one.kind, one.namespace or self.ref.namespace, one.name) == parent:
                return one
        return None


class Delegating(msgspec.Struct, frozen=True, gc=False):
    """A rule that delegates: the `at`th of its route, with what it asks for on behalf of the others."""

    at: int
    matches: tuple[Match, ...]
    targets: tuple[Delegation, ...]
    uses: tuple[Use, ...]
    level: Level
    broken: str

    def chosen(self, member: Member) -> tuple[str, ...]:
        """The references by which it has a route."""
        return tuple(one.where for one in self.targets if means(one, member))


class Delegator(msgspec.Struct, frozen=True, gc=False):
    """A route that delegates, and where it is attached itself, which makes it a root."""

    member: Member
    rules: tuple[Delegating, ...]
    parents: tuple[ParentResult, ...]
    attachments: tuple[Attachment, ...]

    @property
    def ref(self) -> Ref:
        """The route."""
        return self.member.ref


def means(target: Delegation, member: Member) -> bool:
    """Whether a reference is to this route, by its name or by its label."""
    if target.label:
        return target.label == member.label and target.namespace in {member.ref.namespace, ALL_NAMESPACES}
    return target.namespace == member.ref.namespace and target.name in {ANY, member.ref.name}


def delegates_at_all(name: Name, route: HTTPRoute) -> Iterator[Name]:
    """Whether a route delegates; for an index. Most do not, and cost no more than this look at them."""
    if any(delegates(ref) for rule in route.spec.rules for ref in rule.backend_refs):
        yield name


def member_of(route: HTTPRoute) -> Member:
    """A route as one that may be delegated to."""
    meta, spec = route.metadata, route.spec
    return Member(
        ref=Ref(GATEWAY, ROUTE, *route.name),
        age=route.age,
        parent_refs=spec.parent_refs,
        hostnames=spec.hostnames,
        label=meta.labels.get(LABEL, ""),
        inherits=meta.annotations.get(INHERIT, "").strip().lower() in _YES,
    )


def delegator_rule(
    written: Collection[Name, HTTPRoute], routes: Collection[RouteKey, ResolvedRoute], of: Inputs
) -> Callable[[Reader, Name, Name], Iterator[tuple[Ref, Delegator]]]:
    """The rule from a route that delegates to what that means for others."""

    def delegator(reader: Reader, name: Name, _: Name) -> Iterator[tuple[Ref, Delegator]]:
        route = reader.get(written, name)
        if route is None:
            return
        member = member_of(route)
        attached = reader.get(routes, member.ref)
        candidate = Candidate(member.ref, KIND, route, (), ())
        rules = Rules(reader, of, candidate)
        found = []
        for at, plain in enumerate(candidate.rules):
            targets = tuple(delegations(plain.backend_refs, plain.where, name.namespace))
            matches = tuple(one for one in plain.matches if one.path_type == "Prefix" and not any(of.checks.match(one)))
            if targets and matches:
                uses, broken = rules.handed_down(plain)
                level = level_of(member.ref, plain, route.metadata.annotations.get(OVERRIDES, ""))
                found.append(Delegating(at, matches, targets, uses, level, broken))
        if found:
            parents = tuple(one for one in attached.parents if one.listeners) if attached else ()
            yield (
                member.ref,
                Delegator(member, tuple(found), parents, attached.attachments if attached else ()),
            )

    return delegator


def names_of(_: Ref, one: Delegator) -> Iterator[Name]:
    """The names that it delegates to; for an index."""
    yield from {Name(target.namespace, target.name) for rule in one.rules for target in rule.targets if target.name}


def labels_of(_: Ref, one: Delegator) -> Iterator[Name]:
    """The labels that it delegates to, by namespace; for an index."""
    yield from {Name(target.namespace, target.label) for rule in one.rules for target in rule.targets if target.label}


class Delegators(msgspec.Struct, frozen=True):
    """The routes that delegate, by whom they delegate to."""

    by_name: Index[Name, Ref, Delegator]
    by_label: Index[Name, Ref, Delegator]

    def of(self, reader: Reader, member: Member) -> list[Delegator]:
        """The routes that mean to delegate to this one, whether it lets them or not."""
        ref = member.ref
        names = [Name(ref.namespace, name) for name in (ref.name, ANY)]
        found = {one.ref: one for name in names for one in reader.find(self.by_name, name)}
        if member.label:
            for namespace in (ref.namespace, ALL_NAMESPACES):
                found.update((one.ref, one) for one in reader.find(self.by_label, Name(namespace, member.label)))
        found.pop(ref, None)
        return [found[key] for key in sorted(found)]
