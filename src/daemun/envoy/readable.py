"""Envoy resources for people: parts joined and decoded again, with their origins; what is sensitive is left out."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import scoped_route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from daemun.envoy.hidden import hide
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE, SECRET, Part, PartKey, encode

_MESSAGES: Mapping[str, type[Message]] = {
    LISTENER: listener_pb2.Listener,
    EXTENSION: extension_pb2.TypedExtensionConfig,
    SCOPE: scoped_route_pb2.ScopedRouteConfiguration,
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINT: endpoint_pb2.ClusterLoadAssignment,
    SECRET: secret_pb2.Secret,
}
_ORDER = {type_url: place for place, type_url in enumerate((LISTENER, EXTENSION, SCOPE, CLUSTER, ENDPOINT, SECRET))}


class Readable(msgspec.Struct, frozen=True):
    """One Envoy resource, in the JSON form of its message."""

    proxy: str
    type_url: str
    name: str
    origins: tuple[Origin, ...]
    resource: dict[str, Any]


def message(type_url: str, parts: list[Part]) -> Message:
    """The decoded message of a resource; its head comes first."""
    return _MESSAGES[type_url].FromString(b"".join(encode(part) for part in parts))


def grouped(parts: Mapping[PartKey, Part]) -> dict[tuple[str, str, str], list[Part]]:
    """The parts by proxy, type and resource, each resource's head first and the rest in order."""
    groups: dict[tuple[str, str, str], list[Part]] = {}
    for key in sorted(parts, key=lambda key: (key.proxy, _ORDER[key.type_url], key.resource, key.part)):
        groups.setdefault((key.proxy, key.type_url, key.resource), []).append(parts[key])
    return groups


def readable(parts: Mapping[PartKey, Part]) -> Iterator[Readable]:
    """Every resource, by proxy and type."""
    for (proxy, type_url, name), found in grouped(parts).items():
        proto = message(type_url, found)
        hide(proto)
        origins = dict.fromkeys(leaf.origin for one in found for leaf in one.leaves)
        resource = json_format.MessageToDict(proto, preserving_proto_field_name=True)
        yield Readable(proxy, type_url, name, tuple(origins), resource)
