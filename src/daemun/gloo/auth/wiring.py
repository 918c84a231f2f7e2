"""The collections of authentication: servers, AuthConfigs in both modes, and what the field `extauth` means in each."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daemun.api.core import ConfigMap, Secret
from daemun.api.status import Status
from daemun.base.names import CORE, DAEMUN, GLOO, Name, Ref
from daemun.flow import Collection, Graph, Index, Reader, Source, derive, distinct, union
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes import backends
from daemun.gatewayapi.status.problems import Problems, Rejections
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.auth import chains, configs, finding, meaning, policies, policy_ways, servers, status
from daemun.gloo.policies.policy import Features, Meant, targets_of
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.listener import ListenerKey
from daemun.ir.route import RouteKey, Use
from daemun.ir.uses import ListenerUses

Sources = Mapping[tuple[str, str], Source[Name, Any]]
Meanings = Mapping[str, Callable[[Reader, Ref, str, Any], Meant]]


class Inputs(msgspec.Struct, frozen=True):
    """What this takes from the others: how Upstreams are found, and who may refer to what, by whether it is in classic
    mode. `own`: our server is there.
    """

    upstreams: Mapping[bool, FindUpstream]
    allowed: Mapping[bool, finding.Allowed]
    backends: backends.Inputs
    features: Features
    own: bool


class Auth:
    """First the `meanings` of `extauth`, then, when it is known who uses what, the `chains` and what is told."""

    def __init__(self, graph: Graph, sources: Sources, of: Inputs) -> None:
        secrets: Source[Name, Secret] = sources[CORE, "Secret"]
        maps: Source[Name, ConfigMap] = sources[CORE, "ConfigMap"]
        self.labelled: Source[Name, Mapping[str, str]] = Source(graph, "labels of Secrets")
        """The labels of Secrets whose content is fetched only when somebody reads it."""
        self.shown: Source[Name, Secret] = Source(graph, "key pair of proxies")
        """What proxies show the server of authorization."""
        self.servers = derive(
            sources[GLOO, "Settings"],
            servers.servers_rule(of.upstreams[True], own=of.own),
            "servers of authorization",
        )
        self.standing: Callable[[Reader], tuple[Use, ...]] = meaning.standing(self.servers, own=of.own)
        by_label = (secrets.index(finding.labels_of_secret), self.labelled.index(finding.labels_of))
        self._written = sources[finding.GROUP, finding.KIND]
        made: dict[bool, Collection[configs.ConfigKey, configs.ResolvedConfig]] = {}
        self.meanings: dict[bool, Meanings] = {}
        for classic, upstreams in of.upstreams.items():
            allowed = of.allowed[classic]
            inputs = finding.Inputs(secrets, maps, by_label, allowed)
            mode = "classic mode" if classic else "Gateway API"
            rule = configs.config_rule(inputs, self.servers, own=of.own, classic=classic)
            made[classic] = derive(self._written, rule, f"AuthConfigs in {mode}")
            doors = derive(made[classic], configs.door_rule, f"AuthConfigs as routes of {mode} know them")
            meant = meaning.Inputs(doors, self.servers, upstreams, allowed, classic, of.own)
            self.meanings[classic] = {"extauth": meaning.meaning(meant)}
            if not classic:
                written = sources[DAEMUN, policy_ways.KIND]
                ways = derive(written, policy_ways.way_rule(inputs, self.servers, own=of.own), "ways of AuthPolicies")
                judged = policies.Inputs(ways, meant, of.backends, of.features)
                self.policies = derive(written, policies.policy_rule(judged), "AuthPolicies")
                self.by_target = {policy_ways.KIND: self.policies.index(targets_of)}
        self.configs = union(made[False], made[True], ways, name="AuthConfigs")

    def use(
        self, routes: Collection[RouteKey, ResolvedRoute], listeners: Collection[ListenerKey, ListenerUses]
    ) -> None:
        """Make the `chains` for the server."""
        needed = distinct(
            routes.index(chains.chains_of_route),
            listeners.index(chains.chains_of_listener),
            name="chains in use",
        )
        self.chains = derive(needed, chains.chain_rule(self.configs), "chains")
        self._by_route: Index[str, RouteKey, ResolvedRoute] = routes.index(status.used_by_route)
        self._by_listener: Index[str, ListenerKey, ListenerUses] = listeners.index(status.used_by_listener)

    def tell(self, rejections: Rejections, unread: Unread) -> None:
        """Make the `statuses` and `problems` of AuthConfigs."""
        told = status.Inputs(self.configs, self._by_route, self._by_listener, rejections, unread)
        self.statuses: Collection[Ref, Status] = derive(self._written, status.status_rule(told), "AuthConfig status")
        self.problems: Collection[Ref, Problems] = derive(
            self._written, status.problem_rule(told), "AuthConfig problems"
        )
