"""The collections of rate limits: servers, RateLimitConfigs, what the fields mean, and what the service is told."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from daemun.api.status import Status
from daemun.base.names import DAEMUN, GLOO, Name, Ref
from daemun.flow import Collection, Reader, Source, derive, distinct, union
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.status.problems import Problems
from daemun.gloo.auth.finding import Allowed
from daemun.gloo.limits import configs, meaning, policies, servers, status
from daemun.gloo.limits.limited import Limited
from daemun.gloo.policies.policy import Meant, targets_of
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.listener import ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.quotas import Limits
from daemun.ir.resource import Part, PartKey
from daemun.ir.route import RouteKey, Use
from daemun.ir.uses import ListenerUses

Sources = Mapping[tuple[str, str], Source[Name, Any]]


class Inputs(msgspec.Struct, frozen=True):
    """What this takes from the others, each by mode: how Upstreams are found, and who may refer to what.

    `own`: there is a service of Daemun's.
    """

    upstreams: Mapping[bool, FindUpstream]
    allowed: Mapping[bool, Allowed]
    own: bool


class RateLimits:
    """First the `meanings` of the fields, then, when it is known who uses what, `quotas`: what the service is told."""

    def __init__(self, sources: Sources, of: Inputs) -> None:
        self.servers = derive(
            sources[GLOO, "Settings"], servers.servers_rule(of.upstreams[True], own=of.own), "rate limit services"
        )
        self.standing: Callable[[Reader], tuple[Use, ...]] = meaning.standing(self.servers, own=of.own)
        self.configs = derive(sources[configs.GROUP, configs.KIND], configs.config_rule, "RateLimitConfigs")
        doors = derive(self.configs, configs.door_rule, "RateLimitConfigs as routes know them")
        self.meanings: dict[bool, Mapping[str, Callable[[Reader, Ref, str, Any], Meant]]] = {
            classic: meaning.meanings(
                meaning.Inputs(doors, self.servers, of.upstreams[classic], of.allowed[classic], of.own)
            )
            for classic in (False, True)
        }
        rule = policies.policy_rule(self.servers, own=of.own)
        self.policies = derive(sources[DAEMUN, policies.KIND], rule, "RateLimitPolicies")
        self.by_target = {policies.KIND: self.policies.index(targets_of)}
        self.statuses: Collection[Ref, Status] = derive(self.configs, status.status_rule, "RateLimitConfig status")
        self.problems: Collection[Ref, Problems] = derive(self.configs, status.problem_rule, "RateLimitConfig problems")

    def use(
        self, routes: Collection[RouteKey, ResolvedRoute], listeners: Collection[ListenerKey, ListenerUses]
    ) -> None:
        """Make the `quotas`: those of Settings and RateLimitConfigs, and those that stand on hosts and routes."""
        placed = distinct(routes.index(_of_route), listeners.index(_of_listener), name="limits on hosts and routes")
        self.quotas: Collection[PartKey, Part] = union(
            derive(self.servers, _of_settings, "limits of Settings"),
            derive(self.configs, configs.limits_rule, "limits of RateLimitConfigs"),
            derive(placed, _told, "limits that hosts and routes bring"),
            name="limits",
        )


Placed = tuple[Limits, Ref, str]
"""Limits that stand on a host or route, and where."""


def _of_route(_: RouteKey, route: ResolvedRoute) -> Iterator[Placed]:
    uses = route.route.every_use()
    if uses and route.attachments:
        yield from dict.fromkeys(_placed(uses))


def _of_listener(_: ListenerKey, uses: ListenerUses) -> Iterator[Placed]:
    yield from dict.fromkeys(_placed(uses.hosts))


def _placed(uses: Iterable[Use]) -> Iterator[Placed]:
    for use in uses:
        if isinstance(use.spec, Limited) and use.by is not None:
            yield from ((one, use.by, use.where) for one in use.spec.quotas)


def _told(_: Reader, placed: Placed, __: Placed) -> Iterator[tuple[PartKey, Part]]:
    limits, by, where = placed
    yield configs.told(limits, Origin(by, where))


def _of_settings(_: Reader, name: Name, found: servers.Found) -> Iterator[tuple[PartKey, Part]]:
    if found.limits.descriptors or found.limits.sets:
        yield configs.told(found.limits, Origin(Ref(GLOO, "Settings", *name), "spec.ratelimit"))
