"""Where policies attach: RouteOptions to the rules of routes, the others to listeners.

Gloo 1.17 honours the first targetRef only and looks listeners up by the first one of a port. Here every targetRef
counts, and every listener is found by its own name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.direct_response import DirectResponse
from daemun.base.names import GATEWAY, GLOO_GATEWAY, GLOO_KUBE_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import Parent, ResolvedGateway, ResolvedListener
from daemun.gatewayapi.routes import extensions
from daemun.gatewayapi.routes.extensions import NOTHING, Extend, Extended, Level
from daemun.gloo.auth.policies import in_force, whole_on_route
from daemun.gloo.auth.policy_ways import KIND as AUTH_POLICY
from daemun.gloo.limits.policies import KIND as RATE_LIMIT_POLICY
from daemun.gloo.policies.merge import Merged, inherited, merged, with_transformations
from daemun.gloo.policies.policy import HTTP_LISTENER_OPTION, LISTENER_OPTION, ROUTE_OPTION, VIRTUAL_HOST_OPTION, Policy
from daemun.gloo.settings.listener_defaults import ListenerDefaults, listener_defaults
from daemun.gloo.settings.scope import Scopes, scope_of
from daemun.ir.listener import ListenerKey
from daemun.ir.route import Use
from daemun.ir.uses import ListenerUses

_OURS = (AUTH_POLICY, RATE_LIMIT_POLICY)
"""Daemun's own kinds, of each of which one counts."""
ByTarget = Index[Ref, Name, Policy]


def extension(
    policies: Mapping[str, Collection[Name, Policy]],
    by_target: Mapping[str, ByTarget],
    direct_responses: Collection[Name, DirectResponse],
    scopes: Scopes,
) -> Extend:
    """What Gloo's policies and filters do to the rules of routes.

    Filters of the rule come first, in their order, then the policies of the route, the oldest first. What Settings say
    that invalid routes answer, they answer; but where something guards a route and cannot be done, it is an error.
    """
    of = _Extending(
        policies[ROUTE_OPTION.kind],
        by_target[ROUTE_OPTION.kind],
        tuple(by_target[kind] for kind in _OURS),
        direct_responses,
        scopes,
    )

    def extend(reader: Reader, levels: tuple[Level, ...]) -> Extended:
        if len(levels) == 1 and not levels[0].filters and not _any(reader, levels[0].route, of.by_route, *of.ours):
            return NOTHING
        return of.extended(reader, [of.asked(reader, level) for level in levels])

    return extend


class _Asked:
    """What policies and filters of other APIs ask for on one level, and what of them is not there."""

    def __init__(self, yields: str) -> None:
        self.yields = yields
        self.policies: list[Policy] = []
        self.answers: dict[str, Use] = {}
        self.missing: list[Finding] = []


class _Extending(NamedTuple):
    """What the rules of routes are extended by. `ours` are policies of Daemun's own kinds by what they are for."""

    route_options: Collection[Name, Policy]
    by_route: ByTarget
    ours: tuple[ByTarget, ...]
    direct_responses: Collection[Name, DirectResponse]
    scopes: Scopes

    def asked(self, reader: Reader, level: Level) -> _Asked:
        """What is asked for on one level: by policies of ours, by filters in their order, by policies of the route."""
        asked = _Asked(level.yields)
        asked.policies.extend(_ours(reader, self.ours, level))
        for where, ref in level.filters:
            self._filter(reader, where, Ref(ref.group, ref.kind, level.route.namespace, ref.name), asked)
        asked.policies.extend(sorted(reader.find(self.by_route, level.route), key=_age))
        return asked

    def _filter(self, reader: Reader, where: str, ref: Ref, asked: _Asked) -> None:
        if (ref.group, ref.kind) == (GLOO_GATEWAY, "RouteOption"):
            policy = reader.get(self.route_options, ref.key)
            if policy is not None:
                asked.policies.append(policy)
                return
        elif (ref.group, ref.kind) == (GLOO_KUBE_GATEWAY, "DirectResponse"):
            answer = reader.get(self.direct_responses, ref.key)
            if answer is not None:
                asked.answers[where] = Use("DirectResponse", answer.spec, "spec", by=ref)
                return
        else:
            asked.missing.append(extensions.unknown(where, ref))
            return
        text = f"extensionRef '{ref.name}' of type {ref.group}.{ref.kind} in namespace '{ref.namespace}' not found"
        asked.missing.append(Finding("BackendNotFound", where, text, absent=(ref,)))

    def extended(self, reader: Reader, found: list[_Asked]) -> Extended:
        """What all levels come to, the rule's own first."""
        own = found[0]
        refused = next((one.missing for one in found if one.missing), None)
        if refused is not None:
            return Extended(broken=refused[0].text, not_resolved=tuple(own.missing))
        if any(one.answers for one in found[1:]):
            return Extended(broken="what delegates to it answers by itself, which it cannot do besides")
        if not own.answers and not any(one.policies for one in found):
            return NOTHING
        answers = own.answers.values()
        every = with_transformations([one.policies for one in found])
        whole = merged(inherited((policies, one.yields) for policies, one in zip(every, found, strict=True)))
        mine = (*dict.fromkeys(policy.ref for policy in own.policies), *(use.by for use in answers if use.by))
        scope = scope_of(reader, self.scopes)
        instead = scope.invalid if whole.fault and not whole.closed else 0
        heights = {policy.ref: at for at, one in enumerate(found) for policy in one.policies} if found[1:] else {}
        return Extended(
            (*whole.uses, *answers),
            mine,
            whole.fault,
            instead,
            answers=tuple(own.answers),
            heights=heights,
            body=scope.invalid_body if instead else "",
        )


def _ours(reader: Reader, ours: Iterable[ByTarget], level: Level) -> list[Policy]:
    """The one of each of Daemun's own kinds that counts for a rule."""
    found = (in_force(reader.find(one, level.route), level.route, level.rule) for one in ours)
    return [whole_on_route(policy) for mine in found for policy in mine]


class Attached(msgspec.Struct, frozen=True, gc=False):
    """What policies put on a listener, those that are for it, and why some of them put nothing there."""

    uses: ListenerUses
    policies: tuple[Ref, ...] = ()
    unused: tuple[tuple[Ref, Finding], ...] = ()


def listener_rule(
    by_target: Mapping[str, ByTarget], defaults: ListenerDefaults
) -> Callable[[Reader, Ref, Parent], Iterator[tuple[ListenerKey, Attached]]]:
    """The rule from a Gateway or ListenerSet to what policies put on each of its listeners, and Settings after them."""
    kinds = (*_OURS, VIRTUAL_HOST_OPTION.kind, HTTP_LISTENER_OPTION.kind, LISTENER_OPTION.kind)

    def attach(reader: Reader, ref: Ref, parent: Parent) -> Iterator[tuple[ListenerKey, Attached]]:
        owners = [ref]
        if not isinstance(parent, ResolvedGateway):
            # A policy for a whole Gateway is for its ListenerSets' listeners too, after their own.
            owners.append(Ref(GATEWAY, "Gateway", *parent.gateway))
        every = {kind: _found(reader, by_target[kind], owners) for kind in kinds}
        further = listener_defaults(reader, defaults)
        if not further and not any(every.values()):
            return
        for one in parent.listeners:
            attached = _attached(
                ref, parent, one, every, further if one.listener is not None and one.listener.http else ()
            )
            if attached.policies or further:
                yield (ref, one.name), attached

    return attach


def uses_of(_: Reader, key: ListenerKey, attached: Attached) -> Iterator[tuple[ListenerKey, ListenerUses]]:
    """From what is attached to a listener to what is done there."""
    yield key, attached.uses


def policies_of(_: ListenerKey, attached: Attached) -> Iterator[Ref]:
    """The policies that are for a listener; for an index."""
    yield from attached.policies


Found = list[tuple[Policy, str, bool]]
"""Policies with the section they name, and whether they are for the listener's own object."""


def _found(reader: Reader, by_target: ByTarget, owners: list[Ref]) -> Found:
    return [
        (policy, target.section, at == 0)
        for at, owner in enumerate(owners)
        for policy in reader.find(by_target, owner)
        for target in policy.targets
        if target.ref == owner
    ]


def _attached(
    owner: Ref, parent: Parent, listener: ResolvedListener, every: dict[str, Found], further: tuple[Policy, ...]
) -> Attached:
    hosts = _in_order(every[VIRTUAL_HOST_OPTION.kind], listener.name)
    http = _in_order(every[HTTP_LISTENER_OPTION.kind], listener.name)
    own = _in_order(every[LISTENER_OPTION.kind], listener.name)
    unused: list[tuple[Ref, Finding]] = []
    ours = [policy for kind in _OURS for policy in _in_order(every[kind], listener.name)[:1]]
    on_hosts = merged((*ours, *hosts))
    unused.extend(_conflicts(owner, listener, hosts, on_hosts.contributors))
    # Of these two kinds only the first is used, and not merged.
    on_http, on_listener = merged((*http[:1], *further)), merged(own[:1])
    unused.extend(_conflicts(owner, listener, http, tuple(one.ref for one in http[:1])))
    unused.extend(_conflicts(owner, listener, own, tuple(one.ref for one in own[:1])))
    for kind, used in ((HTTP_LISTENER_OPTION.kind, http[:1]), (LISTENER_OPTION.kind, own[:1])):
        unused.extend(_of_the_first(parent, listener, used, every[kind]))
    uses = ListenerUses(
        proxies=(parent.proxy,),
        port=(*on_http.uses, *on_listener.uses),
        hosts=on_hosts.uses,
        closed=_closed(on_hosts, on_http, on_listener),
    )
    return Attached(uses, tuple(one.ref for one in (*ours, *hosts, *http, *own)), tuple(unused))


def _in_order(found: Found, name: str) -> list[Policy]:
    """The policies for a listener: those that name it come first, then those for the whole, each oldest first.

    Those of its own object come before those of the Gateway that its ListenerSet belongs to, whose sections are others.
    """
    mine = [
        (not own, not section, policy.age, policy) for policy, section, own in found if section in _names(own, name)
    ]
    ranked = sorted(mine, key=lambda entry: entry[:3])
    return list({policy.ref: policy for *_, policy in ranked}.values())


def _names(own: bool, name: str) -> tuple[str, ...]:
    return ("", name) if own else ("",)


def _closed(*every: Merged) -> str:
    return next((one.closed for one in every if one.closed), "")


def _conflicts(
    owner: Ref, listener: ResolvedListener, policies: Iterable[Policy], used: tuple[Ref, ...]
) -> Iterator[tuple[Ref, Finding]]:
    """The policies that put nothing on the listener, since others have said all that they say (Gloo's words)."""
    for policy in policies:
        if policy.ref not in used and policy.options:
            others = ", ".join(f"{one.namespace}/{one.name}" for one in used)
            text = (
                f"{policy.ref.kind} '{policy.ref.key}' not attached to listener '{listener.name}' on "
                f"{owner.kind} '{owner.key}' due to conflict with more specific or older {policy.ref.kind}s '{others}'"
            )
            yield policy.ref, Finding("Conflicted", "spec.targetRefs", text)


def _of_the_first(
    parent: Parent, listener: ResolvedListener, used: list[Policy], found: Found
) -> Iterator[tuple[Ref, Finding]]:
    """What is there once for a port is as its first listener has it (with TLS each has its own but for the socket)."""
    ports = (one for one in parent.listeners if one.serves and one.socket == listener.socket)
    first = next(ports, listener)
    if first is listener or listener.protocol != "HTTP":
        return
    for policy in used:
        names = [option.name for option in policy.options if option.of_port]
        if names and policy not in _in_order(found, first.name)[:1]:
            text = f"{', '.join(names)} not done for listener '{listener.name}': port {listener.port} has them once"
            mend = f"They are as listener '{first.name}' has them, which comes first."
            yield policy.ref, Finding("Conflicted", "spec.targetRefs", text, mend)


def _any(reader: Reader, ref: Ref, *indexes: ByTarget) -> bool:
    """Whether a policy of some kind is for the object."""
    return any(reader.count(index, ref) > 0 for index in indexes)


def _age(policy: Policy) -> tuple[str, str, str]:
    return policy.age
