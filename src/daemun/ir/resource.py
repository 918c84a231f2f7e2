"""xDS resources as parts and leaves: what the translation hands to the xDS session.

A *leaf* is bytes with one origin. A *part* is a run of leaves, and a *resource* is its parts joined. The session can
therefore, without knowing Envoy's messages, send a resource with one leaf as it was before (its cluster is not warm
yet, or Envoy rejected it) while all the others move on.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from daemun.base import wire
from daemun.base.digest import digest
from daemun.ir.origin import Origin

_PREFIX = "type.googleapis.com/envoy.config."
LISTENER = _PREFIX + "listener.v3.Listener"
SCOPE = _PREFIX + "route.v3.ScopedRouteConfiguration"
ROUTE = _PREFIX + "route.v3.RouteConfiguration"
EXTENSION = _PREFIX + "core.v3.TypedExtensionConfig"
"""HTTP filters by a name, which connection managers ask for (ECDS)."""
CLUSTER = _PREFIX + "cluster.v3.Cluster"
ENDPOINT = _PREFIX + "endpoint.v3.ClusterLoadAssignment"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type, not a secret
ANSWERING = (SCOPE, ROUTE)
"""The types whose parts, but for heads, answer requests."""
TYPES = (CLUSTER, ENDPOINT, EXTENSION, SCOPE, LISTENER, ROUTE, SECRET)
"""Make before break: additions are sent in this order. (xDS protocol, "Eventual consistency considerations".)"""


Filter = tuple[str, str]
"""The name of an extension, and a family of filters that it is to have."""


class Side(NamedTuple):
    """One side of something of which there are two. No client has leaves of both."""

    of: str
    on: bool

    @property
    def other(self) -> "Side":
        """The other side."""
        return self._replace(on=not self.on)


class PartKey(NamedTuple):
    """Where a part belongs. `proxy` names the Gateway as `namespace/name`; `part` is empty for a resource's head."""

    proxy: str
    type_url: str
    resource: str
    part: str = ""


SINCE = b"0000000000000000"
"""Stands in what Envoy takes unseen if it is just what it saw last, though it may have refused that. So that it looks
at what it may have refused in an earlier stream, the xDS server writes something else here, of the same length. It
means nothing, and is no part of the version.
"""


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """Encoded protobuf fields that come from one place in one object.

    `needs` are the clusters that must be warm before Envoy may see this leaf. `fallback` stands in for the leaf when
    Envoy rejects it and no earlier version is known: a route that answers 500, or nothing. `identity` says what the
    leaf is for, where that outlives its place in its object: a route is known by its match, so that it keeps its
    earlier version when a rule is inserted before it or another object takes it over. Otherwise the origin says it.
    `below` is what the paths of a route's requests begin with.
    `secrets` are those that the leaf names: it is of no use before they are there.

    `filters` must be in the client before it may see this leaf, and stay there as long as it has it: without them it
    would answer with less than was asked for. `gives` are the families of filters that a leaf of an extension brings.
    One that `covers` the leaves after it says something of all of them: new ones with an identity wait with it.

    `forms` are the data of one that can tell others something: as it is where no leaf of its part `reads` that, and
    where one does. So whoever reads comes and goes with what tells him, whichever leaves wait or are refused.

    `beside` are clusters and filters that others of its object need, which stand before it in another resource and come
    later: a new one waits for those, too, or it would answer what is meant for them.

    One with a `side` waits for as long as the client has leaves of the other one; its fallback does not.

    One that is `blank` neither answers nor closes anything by itself. A new part that has nothing else yet waits for
    what is to come: it would hide what answers now.

    A cluster that is `late` is warm only when others have answered: its hosts that are asked for their health, the DNS.

    One that `leads` to another resource of its type is of no use before that is there. It stays while that stays.
    """

    data: bytes
    origin: Origin
    needs: tuple[str, ...] = ()
    fallback: bytes = b""
    identity: bytes = b""
    below: str = ""
    secrets: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    gives: tuple[str, ...] = ()
    beside: tuple[str | Filter, ...] = ()
    covers: bool = False
    forms: tuple[bytes, bytes] | None = None
    reads: bool = False
    side: Side | None = None
    late: bool = False
    blank: bool = False
    leads: str = ""

    @property
    def content(self) -> bytes:
        """What it is known by, whichever of its forms it has."""
        return self.forms[0] if self.forms else self.data


class Part(msgspec.Struct, frozen=True, gc=False):
    """A run of leaves. With `tags` they are the body of a length-delimited field (of the last in the one before it,
    and so on), `around` what stands before and after it in each of these fields; without them they stand as they are.

    Two parts are equal when their digests are: nobody compares protobufs. `spare` are leaves that are not part of it,
    but would be if something needed what they give: for a client that has nobody knows what. `hides` are the places of
    the same type whose parts answer nothing of what this one is for, as soon as this one is there.
    """

    tags: tuple[bytes, ...]
    leaves: tuple[Leaf, ...]
    digest: int
    spare: tuple[Leaf, ...] = ()
    hides: tuple[PartKey, ...] = ()
    around: wire.Around = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def part(
    key: str,
    leaves: Iterable[Leaf],
    tags: tuple[bytes, ...] = (),
    spare: Iterable[Leaf] = (),
    hides: tuple[PartKey, ...] = (),
    around: wire.Around = (),
) -> Part:
    """A part of a resource. `key` is its name within the resource and goes into the digest, as do the origins."""
    kept = tuple(leaves)
    if any(leaf.forms for leaf in kept):
        kept = tuple(_formed(kept, any(leaf.reads for leaf in kept)))
    chunks = [key.encode(), *tags, *itertools.chain.from_iterable(around)]
    origin, told = None, b""
    for leaf in kept:
        if leaf.origin is not origin:  # many leaves in a row may have the same one
            origin, told = leaf.origin, str(leaf.origin).encode()
        chunks += leaf.data, told
    return Part(tags, kept, digest(*chunks), tuple(spare), hides, around)


def remade(name: str, like: Part, leaves: Iterable[Leaf], spare: Iterable[Leaf] = ()) -> Part:
    """The part of that name with other leaves."""
    return part(name, leaves, like.tags, spare, like.hides, like.around)


def _formed(leaves: tuple[Leaf, ...], read: bool) -> Iterator[Leaf]:
    for leaf in leaves:
        if leaf.forms is None or leaf.data == leaf.forms[read]:
            yield leaf
        else:
            yield msgspec.structs.replace(leaf, data=leaf.forms[read])


def encode(value: Part, instead: dict[Origin, bytes] | None = None) -> bytes:
    """The bytes of a part; a leaf whose origin is in `instead` is replaced by the bytes given there."""
    if instead:
        body = b"".join([instead.get(leaf.origin, leaf.data) for leaf in value.leaves])
    else:
        body = b"".join([leaf.data for leaf in value.leaves])
    return wire.nested(value.tags, value.around, body)
