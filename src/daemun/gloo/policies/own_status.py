"""The status of policies of Daemun's own kinds, an ancestor for each target, and what is wrong with them for people."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.meta import ParentReference, Resource
from daemun.api.status import PolicyAncestorStatus, PolicyStatus, Status
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.status.conditions import condition
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.policies.policy import Policy, Target

Written = Callable[[str], Collection[Name, Resource]]
"""The objects of Gateway API of a kind."""


class Inputs(msgspec.Struct, frozen=True):
    """The policies by what they are for, these objects by kind, and what proxies rejected."""

    by_target: Index[Ref, Name, Policy]
    written: Written
    rejections: Rejections
    unread: Unread


def status_rule(of: Inputs) -> Callable[[Reader, Name, Policy], Iterator[tuple[Ref, Status]]]:
    """The rule from a policy to its status. The kind is ours alone, so it is written whoever's the target is."""

    def status(reader: Reader, _: Name, policy: Policy) -> Iterator[tuple[Ref, Status]]:
        common = (*policy.errors, *rejected(reader, of.rejections, policy.ref))
        ancestors = []
        for target in policy.targets:
            findings = of.unread.said(reader, (*common, *_lost(reader, of, policy, target)))
            ref = target.ref
            parent = ParentReference(ref.name, ref.group, ref.kind, ref.namespace, target.section or None)
            accepted = condition("Accepted", policy.generation, "Accepted", findings)
            ancestors.append(PolicyAncestorStatus(parent, CONTROLLER, (accepted,)))
        yield policy.ref, PolicyStatus(tuple(ancestors))

    return status


def problem_rule(of: Inputs) -> Callable[[Reader, Name, Policy], Iterator[tuple[Ref, Problems]]]:
    """The rule from a policy to what is wrong with it."""

    def problems(reader: Reader, _: Name, policy: Policy) -> Iterator[tuple[Ref, Problems]]:
        findings = [*policy.errors, *rejected(reader, of.rejections, policy.ref)]
        findings.extend(finding for target in policy.targets for finding in _lost(reader, of, policy, target))
        found = from_findings(policy.ref, findings) + from_findings(policy.ref, policy.warnings, warning=True)
        if found:
            yield policy.ref, found

    return problems


def _lost(reader: Reader, of: Inputs, policy: Policy, target: Target) -> Iterator[Finding]:
    """Why the policy does not have its target: there is no such thing, or an older one has it."""
    found = reader.get(of.written(target.ref.kind), target.ref.key)
    if found is None:
        yield absent("TargetNotFound", target.where, target.ref)
    elif target.section and target.section not in _sections(found):
        text = f"{target.ref} has nothing named {target.section}"
        yield Finding("TargetNotFound", f"{target.where}.sectionName", text)
    same = (target.ref, target.section)
    for other in sorted(reader.find(of.by_target, target.ref), key=lambda one: one.age):
        if other.age < policy.age and any((one.ref, one.section) == same for one in other.targets):
            yield Finding("Conflicted", target.where, f"{other.ref} is for the same, and older or first by name")
            return


def _sections(found: Resource) -> set[str]:
    spec = getattr(found, "spec", None)
    parts = (*getattr(spec, "listeners", ()), *getattr(spec, "rules", ()))
    return {one.name for one in parts if one.name}
