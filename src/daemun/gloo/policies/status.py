"""The status of option policies: what of them is not done, and where they have no effect.

Gloo writes none for the two kinds of listener options; here every kind has one.
"""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.status import GlooStatus
from daemun.api.meta import Resource
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.resolved import Parent, ResolvedRoute
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.policies.attach import Attached
from daemun.gloo.policies.policy import Policy
from daemun.ir.listener import ListenerKey
from daemun.ir.route import RouteKey


class Inputs(msgspec.Struct, frozen=True):
    """Where policies are in use, the objects that they may be for, by kind, and what proxies rejected."""

    routes: Index[Ref, RouteKey, ResolvedRoute]
    listeners: Index[Ref, ListenerKey, Attached]
    parents: Collection[Ref, Parent]
    written: Callable[[str], Collection[Name, Resource]]
    rejections: Rejections
    unread: Unread


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What is to be said of a policy that somebody of ours uses: it is rejected for `errors`, `warnings` are notes."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def options_of(_: RouteKey, route: ResolvedRoute) -> Iterator[Ref]:
    """The policies that a route has; for an index."""
    yield from route.options


def verdict(reader: Reader, of: Inputs, policy: Policy) -> Verdict | None:
    """What is to be said of a policy; nothing of one that is for other controllers' objects only."""
    attached = reader.find(of.listeners, policy.ref)
    used = bool(attached) or reader.count(of.routes, policy.ref) > 0
    lost = tuple(_lost(reader, of, policy, attached))
    if not used and not lost and policy.targets:
        return None
    warnings = [*policy.warnings, *lost]
    warnings.extend(finding for one in attached for ref, finding in one.unused if ref == policy.ref)
    errors = (*policy.errors, *rejected(reader, of.rejections, policy.ref))
    return Verdict(tuple(dict.fromkeys(errors)), tuple(dict.fromkeys(warnings)))


def _lost(reader: Reader, of: Inputs, policy: Policy, attached: list[Attached]) -> Iterator[Finding]:
    """The targets that do not exist, or have no such listener."""
    for target in policy.targets:
        if reader.get(of.written(target.ref.kind), target.ref.key) is None:
            yield absent("TargetNotFound", target.where, target.ref)
        elif target.section and not attached:
            parent = reader.get(of.parents, target.ref)
            if parent is not None and all(one.name != target.section for one in parent.listeners):
                text = f"{target.ref} has no listener named {target.section}"
                yield Finding("TargetNotFound", f"{target.where}.sectionName", text)


def status_rule(of: Inputs) -> Callable[[Reader, Name, Policy], Iterator[tuple[Ref, Status]]]:
    """The rule from a policy to its status."""

    def status(reader: Reader, _: Name, policy: Policy) -> Iterator[tuple[Ref, Status]]:
        found = verdict(reader, of, policy)
        if found is not None:
            errors, warnings = (of.unread.said(reader, each) for each in (found.errors, found.warnings))
            yield policy.ref, GlooStatus.of(map(str, errors), map(str, warnings))

    return status


def problem_rule(of: Inputs) -> Callable[[Reader, Name, Policy], Iterator[tuple[Ref, Problems]]]:
    """The rule from a policy to what is wrong with it."""

    def problems(reader: Reader, _: Name, policy: Policy) -> Iterator[tuple[Ref, Problems]]:
        found = verdict(reader, of, policy)
        if found is None:
            return
        told = from_findings(policy.ref, found.errors) + from_findings(policy.ref, found.warnings, warning=True)
        if told:
            yield policy.ref, told

    return problems
