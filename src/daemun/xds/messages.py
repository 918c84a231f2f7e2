"""The two messages of the incremental xDS protocol, as plain values.

The session knows nothing of generated protobuf classes: the edge turns a DeltaDiscoveryRequest into a `Request`, and
a `Response` encodes itself, because its resources are bytes already.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from daemun.base import wire

_SYSTEM_VERSION_INFO, _RESOURCES, _TYPE_URL, _NONCE, _REMOVED = (wire.tag(n) for n in (1, 2, 4, 5, 6))
_VERSION, _ANY, _NAME = (wire.tag(n) for n in (1, 2, 3))
_ANY_TYPE_URL, _ANY_VALUE = (wire.tag(n) for n in (1, 2))


class Request(msgspec.Struct, frozen=True):
    """What a session needs of a DeltaDiscoveryRequest. `error_detail` is Envoy's text when this is a NACK."""

    type_url: str
    response_nonce: str = ""
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_resource_versions: Mapping[str, str] = {}
    error_detail: str | None = None


class Encoded(NamedTuple):
    """One resource as it goes to the client."""

    name: str
    version: str
    body: bytes


class Response(msgspec.Struct, frozen=True):
    """One DeltaDiscoveryResponse."""

    type_url: str
    nonce: str
    resources: tuple[Encoded, ...]
    removed: tuple[str, ...]

    def encode(self) -> bytes:
        """The message on the wire. Bodies are copied once, however large they are."""
        out = [wire.delimited(_SYSTEM_VERSION_INFO, self.nonce.encode())]
        type_url = wire.delimited(_ANY_TYPE_URL, self.type_url.encode())
        for resource in self.resources:
            out += _resource(resource, type_url)
        out.append(wire.delimited(_TYPE_URL, self.type_url.encode()))
        out += [wire.delimited(_REMOVED, name.encode()) for name in self.removed]
        out.append(wire.delimited(_NONCE, self.nonce.encode()))
        return b"".join(out)


def _resource(resource: Encoded, type_url: bytes) -> tuple[bytes, bytes, bytes]:
    """A Resource with its Any inside, in three pieces: what precedes the body, the body, what follows it."""
    any_head = type_url + _ANY_VALUE + wire.varint(len(resource.body))
    any_size = len(any_head) + len(resource.body)
    head = wire.delimited(_VERSION, resource.version.encode()) + _ANY + wire.varint(any_size) + any_head
    tail = wire.delimited(_NAME, resource.name.encode())
    size = len(head) + len(resource.body) + len(tail)
    return _RESOURCES + wire.varint(size) + head, resource.body, tail
