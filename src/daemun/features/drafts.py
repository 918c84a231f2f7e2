"""Drafts: Envoy's messages in the making, one kind for each place that a feature may work on."""

from typing import Any, NamedTuple

from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.router.v3 import router_pb2 as router_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from google.protobuf.message import Message

from daemun.features.filter_chain import filter_chain
from daemun.ir.backend import BackendKey
from daemun.ir.route import Match

WHOLE = "daemun.whole"
"""The name of every HTTP filter that is for all requests of a port; switched on where a scope was hit."""


class Making:
    """What all drafts have: the clusters that must be warm before it is used, and whether it is closed."""

    def __init__(self) -> None:
        self.needs: set[str] = set()
        self.closed = False

    def cluster(self, backend: BackendKey) -> str:
        """The cluster of a backend that a feature sends something to; it will be warm before the draft is used."""
        self.needs.add(backend.cluster)
        return backend.cluster

    def close(self) -> None:
        """Answer with 500 instead: what was asked for cannot be done, and doing less could let someone in."""
        self.closed = True


class Configured(Making):
    """A draft of something that HTTP filters look at. `proto` is the message.

    `heard`: something may read what tokens say.
    """

    proto: Any
    heard = False

    def per_route(self, name: str, config: Message) -> None:
        """Switch on an HTTP filter here, with this configuration."""
        self.proto.typed_per_filter_config[name].Pack(config, deterministic=True)


class Draft(Configured):
    """One Envoy route in the making.

    `port` and `tls` are those of the listener as the API says. `extra` are further Envoy routes for the same match,
    tried before it.
    """

    def __init__(self, proto: route_v3.Route, match: Match, port: int, tls: bool) -> None:
        super().__init__()
        self.proto = proto
        self.match = match
        self.port = port
        self.tls = tls
        self.extra: list[route_v3.Route] = []

    @property
    def action(self) -> route_v3.RouteAction:
        """The action that forwards to a backend."""
        return self.proto.route

    @property
    def forwards(self) -> bool:
        """Whether requests go to a backend: only then has it an action."""
        return bool(self.proto.HasField("route"))


class HostDraft(Configured):
    """What one feature adds to an Envoy virtual host: its fields are merged with those of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.proto = route_v3.VirtualHost()


class Further(NamedTuple):
    """An HTTP filter that a feature of some kind has on a port, and the kind of feature at whose place it stands.

    Without a `kind` it is in nobody's place, and only does something for a `family` of features.
    """

    kind: str
    place: str
    filter: hcm_v3.HttpFilter
    family: str = ""


class ManagerDraft(Making):
    """An HTTP connection manager in the making, and the router at the end of its filters.

    `filters` are HTTP filters for all requests of the port. What single routes and virtual hosts switch on is the
    feature's own `http_filter`, in whose place these are.
    """

    def __init__(self, proto: hcm_v3.HttpConnectionManager, router: router_v3.Router) -> None:
        super().__init__()
        self.proto = proto
        self.router = router
        self.filters: list[Further] = []

    def always(self, kind: str, name: str, config: Message) -> None:
        """Run an HTTP filter on every request, whatever its route: which is not known yet for some."""
        self.filters.append(Further(kind, kind, _filter(name, config)))

    def whole(self, kind: str, name: str, config: Message, before: str = "") -> None:
        """Run an HTTP filter on every request once its route is known, which may say something else under the name.

        `before` is the kind of feature before whose filters it stands, if not in the place of its own feature.
        """
        chain = filter_chain(WHOLE, [_filter(name, config)])
        chain.disabled = True
        self.filters.append(Further(kind, before or kind, chain))

    def switchable(self, place: str, name: str, config: Message, family: str) -> None:
        """Have an HTTP filter beside that of a kind of feature, which does nothing until a route or host says so.

        They say so for features of this family.
        """
        one = _filter(name, config)
        one.disabled = True
        self.filters.append(Further("", place, one, family))


class ChainDraft(Making):
    """The network filters that connections pass before they are HTTP. `proto` is a filter chain in the making."""

    def __init__(self, proto: components_v3.FilterChain) -> None:
        super().__init__()
        self.proto = proto

    def filter(self, name: str, config: Message) -> None:
        """Run a network filter on every connection."""
        self.proto.filters.add(name=name).typed_config.Pack(config, deterministic=True)


class StreamDraft(Making):
    """The TCP proxy at the end of a filter chain."""

    def __init__(self, proto: tcp_proxy_pb2.TcpProxy) -> None:
        super().__init__()
        self.proto = proto


class ListenerDraft(Making):
    """An Envoy listener in the making, without its filter chains."""

    def __init__(self, proto: listener_pb2.Listener) -> None:
        super().__init__()
        self.proto = proto


def _filter(name: str, config: Message) -> hcm_v3.HttpFilter:
    proto = hcm_v3.HttpFilter(name=name)
    proto.typed_config.Pack(config, deterministic=True)
    return proto
