"""What is in force on each rule of a route: every field with the object that it came from, and those that lost to it.

Winners are read from the resolved route and its listeners, which Envoy is configured from. Losers are what was written
for the same things and is not among them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from daemun.base.names import GATEWAY, GLOO_GATEWAY, Ref
from daemun.explain.matching import reads
from daemun.features import BY_KIND, in_force
from daemun.gatewayapi.resolved import Attachment, ResolvedRoute
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.gatewayapi.routes.route import filter_spec
from daemun.gloo.policies.policy import Option, Policy
from daemun.ir.route import Rule, Use
from daemun.ir.uses import NOTHING
from daemun.translate import Translation
from daemun.view.tables import policies_of
from daemun.view.written import field, shown, written

ROUTES = (*(kind.kind for kind in ROUTE_KINDS), "VirtualService", "RouteTable")
"""The kinds that have rules."""


class Lost(msgspec.Struct, frozen=True):
    """A field that somebody asked for in vain, and why."""

    name: str
    value: Any
    by: Ref
    where: str
    why: str


class Field(msgspec.Struct, frozen=True):
    """A field in force: its name, the value as it is written at `where` in the object `by`, and what it counts for.

    `level` is `rule` (written in the route), `route` (a policy for it), `delegating route` (written there or in a
    policy for it), `listener` (its virtual hosts) or `port`.
    """

    name: str
    value: Any
    by: Ref
    where: str
    level: str


class Effective(msgspec.Struct, frozen=True):
    """A rule of a route, reached `through` others or not, on these listeners, with all that is in force there."""

    route: Ref
    rule: str
    name: str
    matches: tuple[str, ...]
    through: tuple[Ref, ...]
    listeners: tuple[str, ...]
    fields: tuple[Field, ...]
    lost: tuple[Lost, ...] = ()


class Policies:
    """All policies, found by their objects and by those that they are for. Make it once for many routes."""

    def __init__(self, translation: Translation) -> None:
        self.by_ref = policies_of(translation)
        self.by_target: dict[Ref, list[tuple[str, Ref]]] = {}
        for policy in self.by_ref.values():
            for target in policy.targets:
                self.by_target.setdefault(target.ref, []).append((target.section, policy.ref))

    def of(self, target: Ref, *sections: str) -> list[Ref]:
        """Those for an object as a whole, or for these sections of it."""
        return [ref for section, ref in self.by_target.get(target, ()) if section in ("", *sections)]


def effective(translation: Translation, ref: Ref, policies: Policies | None = None) -> list[Effective]:
    """What is in force on the rules of a route, by each way to it; listeners where it is the same stand together."""
    policies = policies or Policies(translation)
    found: list[Effective] = []
    for route in translation.resolved(ref):
        attachments = list({(one.owner, one.listener): one for one in route.attachments}.values())
        for rule in route.route.rules:
            same: dict[bytes, Effective] = {}
            nowhere: list[Attachment | None] = [None]
            for attachment in attachments or nowhere:
                one = _Rule(translation, policies, route, rule, attachment).view()
                key = msgspec.json.encode((one.fields, one.lost))
                there = same.get(key)
                names = (*(there.listeners if there else ()), *one.listeners)
                same[key] = msgspec.structs.replace(one, listeners=names)
            found.extend(same.values())
    return found


class _Rule:
    """One rule on one listener: who wins, and who loses."""

    def __init__(
        self,
        translation: Translation,
        policies: Policies,
        route: ResolvedRoute,
        rule: Rule,
        attachment: Attachment | None,
    ) -> None:
        self._translation = translation
        self._policies = policies
        self._route = route
        self._rule = rule
        self._at = attachment
        self._author = route.route.author(rule)

    def view(self) -> Effective:
        """What is in force on the rule, with what lost to it."""
        own = in_force(self._rule.uses)
        winners = [(use, self._level(use)) for use in own]
        kinds = {use.kind for use in own if not BY_KIND[use.kind].adds_up}
        beaten = [use for use in self._rule.uses if use not in own]
        uses = NOTHING
        if self._at is not None:
            uses = self._translation.listener_uses.get((self._at.owner, self._at.listener), NOTHING)
        for use in uses.on_hosts():
            if BY_KIND[use.kind].works("on_host"):
                if use.kind in kinds:
                    beaten.append(use)
                else:
                    winners.append((use, "listener"))
        of_port = (use for use in uses.port if BY_KIND[use.kind].works("on_listener", "on_chain", "on_manager"))
        winners += [(use, "port") for use in of_port]
        return Effective(
            route=self._author,
            rule=self._rule.where,
            name=self._rule.name,
            matches=tuple(reads(match) for match in self._rule.matches),
            through=self._route.through,
            listeners=(f"{self._at.owner.key}:{self._at.listener}",) if self._at is not None else (),
            fields=tuple(self._field(use, level) for use, level in winners),
            lost=tuple(self._losers([use for use, _ in winners], beaten)),
        )

    def _field(self, use: Use, level: str) -> Field:
        by = use.by or self._author
        return Field(use.kind, self._value(by, use.where), by, use.where, level)

    def _level(self, use: Use) -> str:
        if use.by is None or use.by == self._author:
            return "rule"
        above = use.by in self._route.through or any(use.by in self._for(*at) for at in self._levels()[1:])
        return "delegating route" if above or use.by not in self._for(*self._levels()[0]) else "route"

    def _value(self, by: Ref, where: str) -> Any:
        """What is written there: never what it was resolved to, which may have secrets in it."""
        return shown(field(written(self._translation, by), where)) if by.kind != "Secret" else None

    def _losers(self, winners: list[Use], beaten: list[Use]) -> Iterator[Lost]:
        known = {(use.by or self._author, use.kind) for use in (*winners, *beaten)}
        for use in beaten:
            by = next((one for one in winners if use.kind in (one.kind, *BY_KIND[one.kind].replaces)), None)
            yield self._lost(use.kind, use.by or self._author, use.where, by)
        for name, where in self._written():
            if (self._author, name) not in known:
                by = next((one for one in winners if name in (one.kind, *BY_KIND[one.kind].replaces)), None)
                yield self._lost(name, self._author, where, by)
        for policy in self._candidates():
            for option in policy.options:
                if option.use is None:
                    yield self._undone(policy, option)
                elif (policy.ref, option.use.kind) not in known and option.use.where != "spec":
                    by = next((one for one in winners if one.kind == option.use.kind), None)
                    yield self._lost(option.name, policy.ref, option.use.where, by)

    def _lost(self, name: str, by: Ref, where: str, winner: Use | None) -> Lost:
        why = f"{winner.by or self._author} counts" if winner is not None else "another has the last word"
        return Lost(name, self._value(by, where), by, where, why)

    def _undone(self, policy: Policy, option: Option) -> Lost:
        where = f"spec.options.{option.name}" if policy.ref.group == GLOO_GATEWAY else f"spec.{option.name}"
        return Lost(option.name, self._value(policy.ref, where), policy.ref, where, option.fault or "it does nothing")

    def _candidates(self) -> list[Policy]:
        """Every policy that is for this rule: its own, those of what delegates to it, and its listener's."""
        refs = dict.fromkeys(ref for at in self._levels() for ref in self._for(*at))
        for owner in self._owners():
            refs |= dict.fromkeys(self._policies.of(owner, self._at.listener if self._at else ""))
        return [self._policies.by_ref[ref] for ref in refs if ref in self._policies.by_ref]

    def _levels(self) -> list[tuple[Ref, str]]:
        """The rule, and those that delegate to it as far as it is known which: each a route with a field in it."""
        above = [(ref, "") for ref in self._route.through]
        if above and self._route.chosen:
            above[0] = (above[0][0], self._route.chosen[0].rpartition(".backendRefs")[0])
        return [(self._author, self._rule.where), *above]

    def _for(self, route: Ref, where: str) -> list[Ref]:
        """The policies that are for a route, or asked for by filters of the rule there."""
        rule = field(written(self._translation, route), where) if where else None
        named = [one.extension_ref for one in getattr(rule, "filters", ()) if one.extension_ref is not None]
        found = [Ref(one.group, one.kind, route.namespace, one.name) for one in named]
        return [*found, *self._policies.of(route, getattr(rule, "name", None) or "")]

    def _owners(self) -> tuple[Ref, ...]:
        if self._at is None:
            return ()
        namespace, _, name = self._at.frontend.proxy.partition("/")
        return self._at.owner, Ref(GATEWAY, "Gateway", namespace, name)

    def _written(self) -> Iterator[tuple[str, str]]:
        """The filters that the rule itself asks for, with their places."""
        rule = field(written(self._translation, self._author), self._rule.where)
        if self._author.group != GATEWAY or rule is None or self._rule.broken:
            return
        for at, one in enumerate(getattr(rule, "filters", ())):
            if one.extension_ref is None:
                yield one.type, f"{self._rule.where}.filters[{at}].{filter_spec(one)[1]}"
