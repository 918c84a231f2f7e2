"""The shape of a family of fields of an Upstream, and the draft of an Envoy cluster that families work on."""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3
from google.protobuf import duration_pb2, json_format
from google.protobuf.message import Message

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.durations import nanoseconds
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""
SOCKET_MATCH = "envoy.transport_socket_match"
"""The metadata of an endpoint by which Envoy chooses one of a cluster's transport sockets."""
_DURATION = duration_pb2.Duration.DESCRIPTOR.full_name


class Draft:
    """One Envoy cluster in the making.

    `options` say how requests are sent. `endpoints` are those that the Upstream itself names. `secrets` are those that
    the cluster names. Connections that pass `through` have their own TLS, and `needs_http2` are requests that need it
    where the Upstream does not say.
    """

    def __init__(
        self, name: str, upstream: ResolvedUpstream, *, through: bool = False, needs_http2: bool = False
    ) -> None:
        # Endpoints come by EDS, so that a change of them is no change of the cluster; only hostnames cannot.
        self.cluster = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.EDS)
        self.options = http_v3.HttpProtocolOptions()
        self.endpoints = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
        self.upstream = upstream
        self.through = through
        self.needs_http2 = needs_http2
        self.secrets: dict[str, None] = {}

    def by_name(self) -> None:
        """Have the hostnames of endpoints looked up. Envoy does that only for those that it has with their cluster."""
        self.cluster.type = self.cluster.STRICT_DNS
        # Of names with both, as Gloo; but a name that has only the other is found as well.
        self.cluster.dns_lookup_family = self.cluster.V4_PREFERRED

    @property
    def named(self) -> bool:
        """Whether hostnames are looked up."""
        return bool(self.cluster.type == self.cluster.STRICT_DNS)

    def sockets(self) -> Iterable[base_pb2.TransportSocket]:
        """Every transport socket that endpoints may be reached by, so that it can be wrapped."""
        yield self.cluster.transport_socket
        for match in self.cluster.transport_socket_matches:
            yield match.transport_socket


class Family:
    """Some fields of an Upstream that belong together, and their part of Envoy's cluster.

    `serves` are the fields, for the docs and for warnings about all others. `places` are the fields behind the parts of
    Envoy's cluster that the family makes, for what Envoy's own rules say of them: the longest that fits counts.
    """

    serves: ClassVar[tuple[Fields, ...]]
    places: ClassVar[tuple[tuple[str, str], ...]] = ()

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """What makes the Upstream unusable that neither its type nor Envoy's rules say."""
        del upstream
        return ()

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """Values that have no effect, though their field is served."""
        del spec
        return ()

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Put the fields into the cluster."""
        raise NotImplementedError


def fill(message: Message, value: msgspec.Struct, **instead: object) -> None:
    """Put a struct into a message that has fields of the same names; `instead` are others, None for none."""
    plain = msgspec.to_builtins(value) | instead
    kept = {key: one for key, one in plain.items() if one is not None}
    message.SetInParent()
    json_format.ParseDict(_in_seconds(kept, message.DESCRIPTOR), message)


def duration(message: duration_pb2.Duration, text: str) -> None:
    """Set a duration as it is written."""
    message.seconds, message.nanos = divmod(nanoseconds(text), 10**9)


def _in_seconds(value: Any, descriptor: Any) -> Any:
    """The value with its durations as protobuf's JSON has them: in seconds alone."""
    if isinstance(value, list):
        return [_in_seconds(one, descriptor) for one in value]
    if not isinstance(value, dict):
        return value
    named = {field.json_name: field.message_type for field in descriptor.fields if field.message_type is not None}
    found = {}
    for key, one in value.items():
        kind = named.get(key)
        if kind is not None and kind.full_name == _DURATION and isinstance(one, str):
            whole, rest = divmod(nanoseconds(one), 10**9)
            found[key] = f"{whole}.{rest:09}s"
        else:
            found[key] = one if kind is None else _in_seconds(one, kind)
    return found
