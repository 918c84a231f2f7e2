"""What became of classic objects: their status in Gloo's shape, and the same for people."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemun.api.gloo.status import GlooStatus
from daemun.api.meta import Resource
from daemun.api.status import Status
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.status.problems import Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.classic.gateways import Door, Doors
from daemun.gloo.classic.options import PartsUses
from daemun.gloo.classic.parts import Part, Section
from daemun.gloo.classic.report import Problems
from daemun.gloo.classic.tcp import Streams, lost
from daemun.gloo.settings.scope import Scope
from daemun.ir.listener import Frontend, FrontendKey
from daemun.ir.problem import Problem
from daemun.ir.route import RouteKey

Found = Index[Ref, RouteKey, Problems]
"""What was found, by the object that it is about."""


def about(_: RouteKey, problems: Problems) -> Iterator[Ref]:
    """The objects that something was found about; for an index."""
    yield from dict.fromkeys(one.ref for one in problems)


def object_rule(
    group: str, kind: str, found: Found, rejections: Rejections, unread: Unread
) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Problems]]]:
    """The rule from an object to everything that is wrong with it."""

    def problems(reader: Reader, name: Name, _: Resource) -> Iterator[tuple[Ref, Problems]]:
        ref = Ref(group, kind, *name)
        mine = [one for each in reader.find(found, ref) for one in each if one.ref == ref]
        mine += from_findings(ref, rejected(reader, rejections, ref))
        yield ref, unread.said(reader, dict.fromkeys(mine))

    return problems


def status_rule(_: Reader, ref: Ref, problems: Problems) -> Iterator[tuple[Ref, Status]]:
    """From what is wrong with an object to its status."""
    errors = [_told(one) for one in problems if not one.warning]
    yield ref, GlooStatus.of(errors, [_told(one) for one in problems if one.warning])


def problem_rule(_: Reader, ref: Ref, problems: Problems) -> Iterator[tuple[Ref, Problems]]:
    """From an object to its problems, if it has any."""
    if problems:
        yield ref, problems


def _told(problem: Problem) -> str:
    at = f"{problem.where}: " if problem.where else ""
    mend = f" {problem.mend}" if problem.mend else ""
    return f"{at}{problem.text}.{mend}"


class Gateways(NamedTuple):
    """What keeps Gateways from being served as a whole."""

    doors: Doors
    setbacks: Collection[str, Setback]


def _unplaced(reader: Reader, of: Gateways, door: Door) -> Iterator[Problem]:
    """That a proxy of a Gateway cannot be provided."""
    for key in door.frontends:
        setback = reader.get(of.setbacks, key.proxy)
        if setback is not None:
            yield Problem(door.ref, "NoResources", "spec.proxyNames", setback.text, setback.mend)


def gateway_rule(
    of: Gateways, scope: Callable[[Reader], Scope]
) -> Callable[[Reader, Name, Resource], Iterator[tuple[RouteKey, Problems]]]:
    """The rule from a Gateway as it is written to what keeps it from being served."""

    def problems(reader: Reader, name: Name, gateway: Resource) -> Iterator[tuple[RouteKey, Problems]]:
        del gateway
        door = reader.get(of.doors, name)
        if door is not None:
            found = (*from_findings(door.ref, door.refused), *_unplaced(reader, of, door))
            if found:
                yield door.ref, found
            return
        ref = Ref(GLOO_GATEWAY, "Gateway", *name)
        home = scope(reader).namespace
        text = f"Gateways are read from namespace {home} only"
        mend = f"Put it there, or set gateway.readGatewaysFromAllNamespaces in Settings {home}/default."
        yield ref, (Problem(ref, "NotRead", "metadata.namespace", text, mend, warning=True),)

    return problems


def part_rule(
    uses: PartsUses, streams: Collection[Section, Streams], frontends: Collection[FrontendKey, Frontend]
) -> Callable[[Reader, Section, Part], Iterator[tuple[RouteKey, Problems]]]:
    """The rule from a part of a Gateway to what was found about it."""

    def problems(reader: Reader, key: Section, part: Part) -> Iterator[tuple[RouteKey, Problems]]:
        asked, passed = reader.get(uses, key), reader.get(streams, key)
        found = (*part.problems, *(asked.problems if asked else ()), *(passed.problems if passed else ()))
        if passed and passed.frontends:
            found = (*found, *lost(passed, reader.get(frontends, passed.frontends[0])))
        if found:
            yield Ref(GLOO_GATEWAY, "part of a Gateway", key.gateway.namespace, key.listener), found

    return problems
