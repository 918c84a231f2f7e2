"""The status of policies, by the Gateways that their Services are used by, and what is wrong with them for people."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemun.api.core import Service
from daemun.api.meta import ParentReference
from daemun.api.status import Condition, PolicyAncestorStatus, PolicyStatus, Status
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.proxies.answers import reason_for
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.backendtls import ByService, ResolvedPolicy, rivals
from daemun.gatewayapi.status.conditions import condition
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.route import RouteKey

MOST_ANCESTORS = 16
"""As many as a status can hold (PolicyStatus.ancestors)."""


class PolicyUse(NamedTuple):
    """A Gateway of ours, with its controller, that uses a Service of a policy."""

    policy: Name
    gateway: Name
    controller: str


def uses_of(_: RouteKey, route: ResolvedRoute) -> Iterator[PolicyUse]:
    """The policies that a route needs, at each Gateway it is attached to."""
    if route.policies:
        gateways = {(parent.proxy, parent.controller) for parent in route.parents if parent.listeners}
        for policy in route.policies:
            for gateway, controller in gateways:
                yield PolicyUse(policy, Name.of(gateway), controller)


def policy_of(_: PolicyUse, use: PolicyUse) -> tuple[Name]:
    """The policy that is used; for an index."""
    return (use.policy,)


def policy_rule(
    by_service: ByService,
    services: Collection[Name, Service],
    uses: Index[Name, PolicyUse, PolicyUse],
    rejections: Rejections,
    unread: Unread,
) -> Callable[[Reader, Name, ResolvedPolicy], Iterator[tuple[Ref, Status]]]:
    """The rule from a policy to its status; none for one that no Gateway of ours needs."""

    def status(reader: Reader, name: Name, policy: ResolvedPolicy) -> Iterator[tuple[Ref, Status]]:
        found = reader.find(uses, name)[:MOST_ANCESTORS]
        if not found:
            return
        generation = policy.generation
        findings = (*_without_effect(reader, by_service, services, policy), *policy.not_accepted)
        accepted = condition("Accepted", generation, "Accepted", unread.said(reader, findings))
        resolved = condition("ResolvedRefs", generation, "ResolvedRefs", unread.said(reader, policy.not_resolved))
        ancestors = []
        for use in found:
            theirs = tuple(
                Finding(reason_for(one.message), one.where, f"Envoy: {one.message}")
                for one in reader.find(rejections, policy.ref)
                if one.proxy == str(use.gateway)
            )
            by_envoy: tuple[Condition, ...] = (condition("Programmed", generation, "", theirs),) if theirs else ()
            parent = ParentReference(name=use.gateway.name, namespace=use.gateway.namespace)
            ancestors.append(PolicyAncestorStatus(parent, use.controller, (accepted, resolved, *by_envoy)))
        yield policy.ref, PolicyStatus(tuple(ancestors))

    return status


def _without_effect(
    reader: Reader, by_service: ByService, services: Collection[Name, Service], policy: ResolvedPolicy
) -> Iterator[Finding]:
    """The targets that the policy does not reach: an older one has them, or they do not exist."""
    for where, other in rivals(reader, by_service, policy):
        text = f"{other.ref} is for the same, and older or first by name"
        yield Finding("Conflicted", where, text, "Remove one of them, or give each a sectionName of its own.")
    for where, target in policy.targets:
        service = reader.get(services, target.service)
        if service is None:
            yield absent("TargetNotFound", where, Ref(CORE, "Service", *target.service))
        elif target.section and all(one.name != target.section for one in service.spec.ports):
            has = ", ".join(sorted(one.name for one in service.spec.ports if one.name)) or "none"
            text = f"Service {target.service} has no port named {target.section} (it has {has})"
            yield Finding("TargetNotFound", f"{where}.sectionName", text)


def policy_problems(
    by_service: ByService,
    services: Collection[Name, Service],
    uses: Index[Name, PolicyUse, PolicyUse],
    rejections: Rejections,
) -> Callable[[Reader, Name, ResolvedPolicy], Iterator[tuple[Ref, Problems]]]:
    """The rule from a policy to what is wrong with it."""

    def problems(reader: Reader, name: Name, policy: ResolvedPolicy) -> Iterator[tuple[Ref, Problems]]:
        findings = [*_without_effect(reader, by_service, services, policy), *policy.not_accepted]
        findings += [*policy.not_resolved, *rejected(reader, rejections, policy.ref)]
        notes = list(policy.notes)
        count = reader.count(uses, name)
        if count > MOST_ANCESTORS:
            text = f"{count} Gateways need it, but a status can speak of {MOST_ANCESTORS} only"
            notes.append(Finding("TooManyAncestors", "", text))
        found = from_findings(policy.ref, findings)
        found += from_findings(policy.ref, notes, warning=True)
        if found:
            yield policy.ref, found

    return problems
