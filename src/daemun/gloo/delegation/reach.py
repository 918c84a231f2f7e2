"""The ways to a route: from it upwards, through those that delegate to it, to the roots that are attached somewhere."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.filters import HTTPURLRewriteFilter
from daemun.api.meta import ParentReference
from daemun.api.routes import HTTPRoute
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.resolved import ParentResult, ResolvedRoute
from daemun.gatewayapi.routes.delegations import ROUTE, Inherited, is_open, over
from daemun.gatewayapi.routes.kinds import PlainRule
from daemun.gatewayapi.routes.parents import Reached
from daemun.gatewayapi.settings import Settings
from daemun.gloo.delegation.delegators import KIND, Delegating, Delegator, Delegators, Member, member_of
from daemun.gloo.delegation.matches import Usable, below, inheriting
from daemun.ir.route import Match, RouteKey, Use, Way

STEPS = 1_000
WAYS = 100
DEPTH = 100
"""Steps upwards from a route, ways that are found to it, routes one above the other: all that is looked at. Routes that
delegate to each other come to any number.
"""
MATCHES = 1_000
"""What one rule may come to below all the matches of others."""
_HOSTNAMES = "spec.hostnames must be unset on a delegatee route as they are inherited from the parent route"


class Inputs(msgspec.Struct, frozen=True):
    """What the ways to a route depend on; `routes` are those that are attached themselves."""

    written: Collection[Name, HTTPRoute]
    routes: Collection[RouteKey, ResolvedRoute]
    delegators: Delegators
    usable: Usable
    settings: Settings


class _Above(msgspec.Struct, frozen=True):
    """What rules that delegate, one below the other, come to for what is below them all."""

    matches: tuple[Match, ...]
    inherited: Inherited


class _Descent(msgspec.Struct, frozen=True):
    """A way down to a route: through whom, from which root, and by which rules."""

    through: tuple[Ref, ...]
    root: Delegator
    above: tuple[_Above, ...]


def open_of(name: Name, route: HTTPRoute) -> Iterator[Name]:
    """Whether others may delegate to a route; for an index."""
    if is_open(route.spec.parent_refs):
        yield name


def reach_rule(of: Inputs) -> Callable[[Reader, Name, Name], Iterator[tuple[Way, Reached]]]:
    """The rule from a route that others may delegate to, to the ways by which they do."""

    def reach(reader: Reader, name: Name, _: Name) -> Iterator[tuple[Way, Reached]]:
        route = reader.get(of.written, name)
        if route is not None:
            yield from _Reaching(reader, of, route).ways()

    return reach


class _Reaching:
    """Finds the ways to one route."""

    def __init__(self, reader: Reader, of: Inputs, route: HTTPRoute) -> None:
        self._reader = reader
        self._of = of
        self._route = route
        self._me = member_of(route)
        self._plain = tuple(KIND.rules(route))
        self._steps = 0
        self._too_many = False

    def ways(self) -> Iterator[tuple[Way, Reached]]:
        """The ways, and also those that come to nothing, with the reason, where somebody meant them."""
        parents = self._of.delegators.of(self._reader, self._me)
        found: dict[Way, Reached] = {}
        for parent in parents:
            reference = self._me.consent(parent.ref)
            if reference is not None:
                for descent in self._descents(parent, self._me, (self._me.ref, parent.ref)):
                    if len(found) >= WAYS:
                        self._too_many = True
                        break
                    reached = self._reached(parent, reference, descent)
                    if reached is not None:
                        found[Way(*self._me.ref, descent.through)] = reached
        asked = {parent.ref for parent in parents}
        for reference in self._me.parent_refs:
            reached = self._unwanted(asked, reference)
            if reached is not None:
                found.setdefault(Way(*self._me.ref, reached.through), reached)
        if self._too_many:
            text = f"more than {WAYS} ways lead to it, or one of more than {DEPTH} routes; the rest is left out"
            finding = (Finding("UnsupportedValue", "", text, "Delegate to fewer routes."),)
            found = {way: msgspec.structs.replace(one, not_resolved=finding) for way, one in found.items()}
        yield from found.items()

    def _descents(self, parent: Delegator, member: Member, path: tuple[Ref, ...]) -> Iterator[_Descent]:
        """The ways down to a member through one of its parents; `path` is what must not occur twice on them."""
        rules = [rule for rule in parent.rules if rule.chosen(member)]
        self._steps += 1
        if not rules or self._too_many:
            return
        if self._steps > STEPS or len(path) > DEPTH:
            self._too_many = True
            return
        if parent.attachments:
            first = (one for rule in rules for one in _placed(rule, rule.matches, Inherited(), (rule.at, 0)))
            yield _Descent((parent.ref,), parent, tuple(first))
        if parent.member.hostnames:
            return
        for above in self._of.delegators.of(self._reader, parent.member):
            if above.ref in path or parent.member.consent(above.ref) is None:
                continue
            for descent in self._descents(above, parent.member, (*path, above.ref)):
                found = tuple(one for rule in rules for up in descent.above for one in self._next(parent, rule, up))
                if found:
                    yield _Descent((parent.ref, *descent.through), descent.root, found)

    def _next(self, parent: Delegator, rule: Delegating, above: _Above) -> Iterator[_Above]:
        """A rule that delegates, below others."""
        up = above.inherited
        matches = self._below(parent.member, above.matches, rule.matches)
        if matches:
            yield from _placed(rule, matches, up, (*up.order, *parent.member.age, rule.at, 0))

    def _below(self, member: Member, above: tuple[Match, ...], own: tuple[Match, ...]) -> tuple[Match, ...]:
        combine = inheriting if member.inherits else below
        found = (combine(parent, one, self._of.usable) for one in own for parent in above)
        return tuple(dict.fromkeys(one for one in found if one is not None))[:MATCHES]

    def _reached(self, parent: Delegator, reference: ParentReference, descent: _Descent) -> Reached | None:
        """The route by a way. None if nothing of it is below, and nobody said that it should be."""
        chosen = tuple(where for rule in parent.rules for where in rule.chosen(self._me))
        rules = tuple(rule for above in descent.above for rule in self._rules(above))
        refused: tuple[Finding, ...] = ()
        if self._me.hostnames:
            refused = (Finding("UnsupportedValue", "spec.hostnames", _HOSTNAMES, "Remove them."),)
        elif not rules:
            if not self._me.parent_refs and not self._named(parent):
                return None
            text = f"no match of it is below one of the matches with which {parent.ref} delegates to it"
            mend = f"Begin its paths with {descent.above[0].matches[0].path}, and ask for the same headers."
            refused = (Finding("NoMatchingParent", "spec.rules", text, mend),)
        return self._result(reference, descent.through, descent.root, chosen, rules, refused)

    def _named(self, parent: Delegator) -> bool:
        targets = (target for rule in parent.rules for target in rule.targets)
        return any((target.namespace, target.name) == self._me.ref.key for target in targets)

    def _result(
        self,
        reference: ParentReference,
        through: tuple[Ref, ...],
        root: Delegator,
        chosen: tuple[str, ...],
        rules: tuple[PlainRule, ...],
        refused: tuple[Finding, ...],
    ) -> Reached:
        parents = {
            (one.controller, one.proxy): ParentResult(
                reference, one.controller, through[0], one.proxy, () if refused else one.listeners, refused
            )
            for one in root.parents
        }
        return Reached(
            ref=self._me.ref,
            kind=KIND,
            resource=self._route,
            parents=tuple(parents.values()),
            attachments=() if refused else root.attachments,
            through=through,
            chosen=chosen,
            root_age=root.member.age,
            root_hostnames=root.member.hostnames,
            allowed=() if refused else rules,
        )

    def _rules(self, above: _Above) -> Iterator[PlainRule]:
        """The rules of the route below one that delegates to it, as far as they are."""
        order = (*above.inherited.order, *self._me.age)
        inherited = msgspec.structs.replace(above.inherited, order=order)
        for plain in self._plain:
            matches = self._below(self._me, above.matches, plain.matches)
            if matches:
                yield msgspec.structs.replace(plain, matches=matches, above=inherited)

    def _unwanted(self, asked: set[Ref], reference: ParentReference) -> Reached | None:
        """A parent that the route names, but that does not delegate to it."""
        owner = Ref(reference.group, reference.kind, reference.namespace or self._me.ref.namespace, reference.name)
        if (owner.group, owner.kind) != (GATEWAY, ROUTE) or owner in asked:
            return None
        attached = self._reader.get(self._of.routes, owner)
        where = "spec.parentRefs"
        if attached is not None and attached.attachments:
            refused = (Finding("NoMatchingParent", where, f"{owner} does not delegate to it"),)
            found = {
                (one.controller, one.proxy): ParentResult(reference, one.controller, owner, one.proxy, (), refused)
                for one in attached.parents
            }
        elif self._of.settings.sole and self._reader.get(self._of.written, owner.key) is None:
            refused = (absent("NoMatchingParent", where, owner),)
            found = {("", ""): ParentResult(reference, CONTROLLER, owner, "", (), refused)}
        else:
            return None
        return Reached(self._me.ref, KIND, self._route, tuple(found.values()), (), through=(owner,))


def _placed(
    rule: Delegating, matches: tuple[Match, ...], up: Inherited, order: tuple[str | int, ...]
) -> Iterator[_Above]:
    """A rule that delegates in its place. A prefix that it replaces is that of its match, so each is by itself then."""
    replaces = any(_replaces_prefix(use) for use in rule.uses)
    for own in ((match,) for match in matches) if replaces else (matches,):
        uses = tuple(msgspec.structs.replace(use, prefix=own[0]) if _replaces_prefix(use) else use for use in rule.uses)
        yield _Above(
            own,
            Inherited(
                uses=over(uses, up.uses),
                levels=(rule.level, *up.levels),
                broken=up.broken or rule.broken,
                order=order,
            ),
        )


def _replaces_prefix(use: Use) -> bool:
    spec = use.spec
    return isinstance(spec, HTTPURLRewriteFilter) and bool(spec.path and spec.path.replace_prefix_match is not None)
