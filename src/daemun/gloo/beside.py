"""The servers beside the proxies, which these ask about requests: that of authorization, and the rate limit service."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daemun.base.names import Name, Ref
from daemun.flow import Collection, Graph, Reader, Source, derive
from daemun.gatewayapi.references import GrantIndex
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes import backends
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.auth import wiring as auth
from daemun.gloo.auth.finding import anybody, granted
from daemun.gloo.auth.policy_ways import KIND as AUTH_POLICY
from daemun.gloo.limits import wiring as limits
from daemun.gloo.limits.policies import KIND as RATE_LIMIT_POLICY
from daemun.gloo.policies import own_status
from daemun.gloo.policies.policy import Features, Meant
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.listener import ListenerKey
from daemun.ir.route import RouteKey, Use
from daemun.ir.uses import ListenerUses


class Inputs(msgspec.Struct, frozen=True):
    """What this takes from the others: how Upstreams are found with consent and without, backends and features."""

    grants: GrantIndex
    upstreams: FindUpstream
    any_upstreams: FindUpstream
    backends: backends.Inputs
    features: Features
    settings: Settings


class Beside:
    """Both servers, in the same steps: the `meanings` of their fields, what is theirs in use, and what is told."""

    def __init__(self, graph: Graph, sources: Mapping[tuple[str, str], Source[Name, Any]], of: Inputs) -> None:
        found = {False: of.upstreams, True: of.any_upstreams}
        allowed = {False: granted(of.grants), True: anybody}
        own_auth, own_limits = bool(of.settings.extauth), bool(of.settings.ratelimit)
        self.auth = auth.Auth(graph, sources, auth.Inputs(found, allowed, of.backends, of.features, own_auth))
        self.limits = limits.RateLimits(sources, limits.Inputs(found, allowed, own_limits))
        self.found = (self.auth.servers, self.limits.servers)
        self.by_target = {**self.auth.by_target, **self.limits.by_target}
        self.meanings: Mapping[bool, Mapping[str, Callable[[Reader, Ref, str, Any], Meant]]] = {
            classic: {**self.auth.meanings[classic], **self.limits.meanings[classic]} for classic in (False, True)
        }

    def standing(self, reader: Reader) -> tuple[Use, ...]:
        """What is on every listener that does not say otherwise: how the servers are asked."""
        return (*self.auth.standing(reader), *self.limits.standing(reader))

    def use(
        self, routes: Collection[RouteKey, ResolvedRoute], listeners: Collection[ListenerKey, ListenerUses]
    ) -> None:
        """Make what the servers are told, now that it is known what is in use."""
        self.auth.use(routes, listeners)
        self.limits.use(routes, listeners)

    def tell(self, heard: Heard) -> Reports:
        """Of the objects that say what the servers do."""
        self.auth.tell(heard.rejected, heard.unread)
        statuses, problems = [self.auth.statuses, self.limits.statuses], [self.auth.problems, self.limits.problems]
        for kind, policies in {AUTH_POLICY: self.auth.policies, RATE_LIMIT_POLICY: self.limits.policies}.items():
            told = own_status.Inputs(self.by_target[kind], heard.written, heard.rejected, heard.unread)
            statuses.append(derive(policies, own_status.status_rule(told), f"{kind} status"))
            problems.append(derive(policies, own_status.problem_rule(told), f"{kind} problems"))
        return Reports(tuple(statuses), tuple(problems))
