"""The shape of a feature: what it puts on which of Envoy's messages, and how it is told."""

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf.message import Message

from daemun.features.drafts import ChainDraft, Draft, HostDraft, ListenerDraft, ManagerDraft, StreamDraft
from daemun.gloo.served.fields import Fields, Served
from daemun.ir.route import Match, Use

S = TypeVar("S")
Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


class Scene(msgspec.Struct, frozen=True):
    """What a feature may want to know of a request that it is explained for.

    `origin` is its Origin header, empty without one; `forwarded` says that it goes to a backend.
    """

    match: Match
    origin: str = ""
    forwarded: bool = True


class Feature(Generic[S]):
    """One thing that can be done to a request.

    `kind` is the filter's type, or the field's name, in the API. A feature works in those places whose method it has:
    on a route, on a backend's share of one, on a virtual host, on the connection manager, on the network filters before
    it, on a TCP proxy, on the listener. One that `guards` closes what it is asked for on when it cannot be done. It
    `replaces` these kinds where a rule has both. What a route and its host say of it `adds_up`, or else only the
    route's counts. `rare` is the family of features whose filters it needs, which are not everywhere that requests
    pass. A `heavy` filter is in memory only where it is needed; its name is its family. One that `tells` may leave what
    tokens say, or who the user is, in the metadata of requests, where the draft is `heard`.
    """

    kind: ClassVar[str]
    serves: ClassVar[tuple[Fields, ...]] = ()
    """Of the messages within its spec: which fields are served. One that is not named is served as a whole."""
    guards: ClassVar[bool] = False
    replaces: ClassVar[tuple[str, ...]] = ()
    adds_up: ClassVar[bool] = False
    rare: ClassVar[str] = ""
    heavy: ClassVar[bool] = False
    tells: ClassVar[bool] = False

    def faults(self, spec: S, where: str) -> Iterable[Fault]:
        """What is wrong with the spec that its API cannot say: the rule is then answered with 500."""
        del spec, where
        return ()

    def omits(self, spec: S, where: str) -> Iterable[Fault]:
        """What of the spec is left out because Envoy or Daemun cannot do it, and nothing is closed for that."""
        for one in Served(self.serves).unserved(spec, where) if self.serves else ():
            yield one.where, one.text, one.mend

    def upstreams(self, spec: S) -> Iterable[tuple[str, Any]]:
        """The Upstreams that the spec of a policy refers to, with their fields; the use has them as its backends."""
        del spec
        return ()

    def secrets(self, spec: S) -> Iterable[tuple[str, Any]]:
        """The Secrets of headers that the spec of a policy refers to, with their fields; the use has their headers."""
        del spec
        return ()

    def families(self, spec: S, alone: bool) -> Iterable[str]:
        """The families whose filters this spec needs; asked only of a feature that has one.

        `alone`: it is for a route that is not divided among backends.
        """
        del spec, alone
        return (self.rare,)

    def moves(self, spec: S) -> bool:
        """Whether requests may be for another route once this was done to them (`fence`)."""
        del spec
        return False

    def http_filter(self) -> hcm_v3.HttpFilter | None:
        """The Envoy filter behind the feature, disabled: routes and hosts that use the feature switch it on.

        Features may have the same filter: it stands where the first of them does.
        """
        return None

    def upstream_filter(self) -> hcm_v3.HttpFilter | None:
        """The same for a feature that works once it is known to which endpoint a request goes."""
        return None

    def filters(self) -> list[hcm_v3.HttpFilter]:
        """The filters behind the feature."""
        return [one for one in (self.http_filter(), self.upstream_filter()) if one is not None]

    def does(self, spec: S, use: Use, scene: Scene) -> str:
        """What the feature does to a request, in a sentence without its subject, for `explain`."""
        raise NotImplementedError

    def on_route(self, spec: S, use: Use, draft: Draft) -> None:
        """Put the feature into an Envoy route."""
        raise NotImplementedError

    def on_backend(self, spec: S, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """Put the feature on one backend's share of a route. False when Envoy has no way to say that."""
        del spec, backend
        return False

    def on_host(self, spec: S, use: Use, draft: HostDraft) -> None:
        """Put the feature on a virtual host. A route that has the feature too has the last word."""
        raise NotImplementedError

    def on_manager(self, spec: S, use: Use, draft: ManagerDraft) -> None:
        """Put the feature on the connection manager of a port."""
        raise NotImplementedError

    def on_chain(self, spec: S, use: Use, draft: ChainDraft) -> None:
        """Put the feature before the connection manager of a port."""
        raise NotImplementedError

    def on_stream(self, spec: S, use: Use, draft: StreamDraft) -> None:
        """Put the feature on the TCP proxy that connections end in."""
        raise NotImplementedError

    def on_listener(self, spec: S, use: Use, draft: ListenerDraft) -> None:
        """Put the feature on the listener of a port."""
        raise NotImplementedError

    def works(self, *places: str) -> bool:
        """Whether it has the method for one of these places."""
        return any(getattr(type(self), place) is not getattr(Feature, place) for place in places)


class OnAction(Feature[S]):
    """A feature that says how a route's requests are forwarded. A route that does not forward has nothing to say."""

    def put(self, spec: S, action: route_v3.RouteAction) -> None:
        """Put the feature into the action of an Envoy route."""
        raise NotImplementedError

    def on_route(self, spec: S, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        if draft.forwards:
            self.put(spec, draft.action)


class PerRoute(Feature[S]):
    """A feature that is an HTTP filter of Envoy's, which routes, shares and virtual hosts configure alike.

    Envoy takes the configuration of the most specific of them.
    """

    filter: ClassVar[str]

    def idle(self) -> Message:
        """The filter's configuration where nothing is asked for: it does nothing."""
        raise NotImplementedError

    def config(self, spec: S) -> Message:
        """The configuration of a route, share or virtual host."""
        raise NotImplementedError

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, disabled."""
        return disabled_filter(self.filter, self.idle())

    def on_route(self, spec: S, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        draft.per_route(self.filter, self.config(spec))

    def on_backend(self, spec: S, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        backend.typed_per_filter_config[self.filter].Pack(self.config(spec), deterministic=True)
        return True

    def on_host(self, spec: S, use: Use, draft: HostDraft) -> None:
        """On all requests of a host."""
        del use
        draft.per_route(self.filter, self.config(spec))


def disabled_filter(name: str, config: Message) -> hcm_v3.HttpFilter:
    """An HTTP filter that does nothing until a route switches it on."""
    proto = hcm_v3.HttpFilter(name=name, disabled=True)
    proto.typed_config.Pack(config, deterministic=True)
    return proto
