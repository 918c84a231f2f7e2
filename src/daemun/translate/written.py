"""What the translation is given: objects as somebody wrote them, by their kinds."""

from typing import Any

from daemun.api.core import ConfigMap, Namespace, Secret, Service
from daemun.api.gateway import Gateway, GatewayClass
from daemun.api.gloo.upstream import Upstream
from daemun.api.grant import ReferenceGrant
from daemun.api.kinds import KINDS
from daemun.api.listenerset import ListenerSet
from daemun.api.policy import BackendTLSPolicy
from daemun.api.routes import HTTPRoute
from daemun.base.names import CORE, GATEWAY, GLOO, Name
from daemun.flow import Graph, Source
from daemun.gatewayapi.references import grant_keys
from daemun.gatewayapi.tls import cacerts


class Written:
    """A source for each kind, by group and kind (`sources`); those that several parts read have a name and a type.

    `granted` finds who consents to a reference, `authorities` the certificates of CAs that objects hold.
    """

    def __init__(self, graph: Graph) -> None:
        self.sources: dict[tuple[str, str], Source[Name, Any]] = {
            (kind.group, kind.kind): Source(graph, kind.kind) for kind in KINDS
        }
        self.gateway_classes: Source[Name, GatewayClass] = self.sources[GATEWAY, "GatewayClass"]
        self.gateways: Source[Name, Gateway] = self.sources[GATEWAY, "Gateway"]
        self.listener_sets: Source[Name, ListenerSet] = self.sources[GATEWAY, "ListenerSet"]
        self.http_routes: Source[Name, HTTPRoute] = self.sources[GATEWAY, "HTTPRoute"]
        self.tls_policies: Source[Name, BackendTLSPolicy] = self.sources[GATEWAY, "BackendTLSPolicy"]
        self.upstreams: Source[Name, Upstream] = self.sources[GLOO, "Upstream"]
        self.namespaces: Source[Name, Namespace] = self.sources[CORE, "Namespace"]
        self.services: Source[Name, Service] = self.sources[CORE, "Service"]
        self.config_maps: Source[Name, ConfigMap] = self.sources[CORE, "ConfigMap"]
        self.secrets: Source[Name, Secret] = self.sources[CORE, "Secret"]
        grants: Source[Name, ReferenceGrant] = self.sources[GATEWAY, "ReferenceGrant"]
        self.granted = grants.index(grant_keys)
        self.authorities = cacerts.Inputs(self.config_maps, self.secrets, self.granted)
