"""The shape of a feature, and the draft of an Envoy route that features work on."""

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf.message import Message

from daemun.ir.backend import BackendKey
from daemun.ir.route import Match, Rule, Use

S = TypeVar("S", bound=msgspec.Struct)
Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


class Draft:
    """One Envoy route in the making.

    `port` and `tls` are those of the listener as the API says. `extra` are further Envoy routes for the same match,
    tried before it.
    """

    def __init__(self, proto: route_v3.Route, match: Match, port: int, tls: bool) -> None:
        self.proto = proto
        self.match = match
        self.port = port
        self.tls = tls
        self.extra: list[route_v3.Route] = []
        self.needs: set[str] = set()
        self.closed = False

    @property
    def action(self) -> route_v3.RouteAction:
        """The action that forwards to a backend."""
        return self.proto.route

    def cluster(self, backend: BackendKey) -> str:
        """The cluster of a backend that a feature sends something to; it will be warm before the route is used."""
        self.needs.add(backend.cluster)
        return backend.cluster

    def close(self) -> None:
        """Answer with 500 instead: what was asked for cannot be done, and doing less could let someone in."""
        self.closed = True

    def per_route(self, name: str, config: Message) -> None:
        """Switch on an HTTP filter for this route, with this configuration."""
        self.proto.typed_per_filter_config[name].Pack(config)


class Scene(msgspec.Struct, frozen=True):
    """What a feature may want to know of a request that it is explained for.

    `origin` is its Origin header, empty without one; `forwarded` says that it goes to a backend.
    """

    match: Match
    origin: str = ""
    forwarded: bool = True


class Feature(Generic[S]):
    """One thing that can be done to a request. `kind` is the filter's type, or the field's name, in the API."""

    kind: ClassVar[str]

    def faults(self, spec: S, where: str, rule: Rule) -> Iterable[Fault]:
        """What is wrong with the spec that its API cannot say: the rule is then answered with 500."""
        del spec, where, rule
        return ()

    def http_filter(self) -> hcm_v3.HttpFilter | None:
        """The Envoy filter behind the feature, disabled: routes that use the feature switch it on."""
        return None

    def on_route(self, spec: S, use: Use, draft: Draft) -> None:
        """Put the feature into an Envoy route."""
        raise NotImplementedError

    def does(self, spec: S, use: Use, scene: Scene) -> str:
        """What the feature does to a request, in a sentence without its subject, for `explain`."""
        raise NotImplementedError

    def on_backend(self, spec: S, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """Put the feature on one backend's share of a route. False when Envoy has no way to say that."""
        del spec, backend
        return False


def disabled_filter(name: str, config: Message) -> hcm_v3.HttpFilter:
    """An HTTP filter that does nothing until a route switches it on."""
    proto = hcm_v3.HttpFilter(name=name, disabled=True)
    proto.typed_config.Pack(config)
    return proto
