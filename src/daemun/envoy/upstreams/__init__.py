"""Upstreams as Envoy's clusters: one file per family of fields, in the order in which they work on a cluster.

A new field of Upstream is a line in the family that it belongs to; a new family is a file and a line here.
"""

from collections.abc import Iterator, Mapping

import msgspec
from envoy.config.listener.v3 import listener_pb2

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.ads import ads
from daemun.envoy.defaults import HTTP_OPTIONS
from daemun.envoy.upstreams.balancing import Balancing
from daemun.envoy.upstreams.circuit_breakers import CircuitBreakers
from daemun.envoy.upstreams.connection import Connections
from daemun.envoy.upstreams.dns import Dns
from daemun.envoy.upstreams.encryption import Encryption
from daemun.envoy.upstreams.failover import FailingOver
from daemun.envoy.upstreams.family import Draft, Family
from daemun.envoy.upstreams.functions import Functions
from daemun.envoy.upstreams.gcp import Gcp
from daemun.envoy.upstreams.health import Health
from daemun.envoy.upstreams.hosts import Hosts
from daemun.envoy.upstreams.meshed import Meshed
from daemun.envoy.upstreams.outliers import Outliers
from daemun.envoy.upstreams.preconnect import Preconnect
from daemun.envoy.upstreams.protocol import Protocol
from daemun.envoy.upstreams.proxy_protocol import ProxyProtocol
from daemun.envoy.upstreams.registered import Registered
from daemun.envoy.upstreams.signing import Signatures
from daemun.envoy.upstreams.subsets import Subsets
from daemun.envoy.upstreams.tunnel import Tunnelled, lead, listener, near_and_far, proxy_name
from daemun.features import upstream_filters
from daemun.features.constraints import broken
from daemun.gatewayapi.findings import Finding
from daemun.gloo.served.fields import NOT_SERVED, Served
from daemun.gloo.upstreams.upstream import INVALID, Checks, ResolvedUpstream
from daemun.ir.backend import BackendKey, upstream_key

FAMILIES: tuple[Family, ...] = (
    Hosts(),
    Registered(),
    Protocol(),
    Connections(),
    CircuitBreakers(),
    Subsets(),
    Health(),
    Outliers(),
    Preconnect(),
    Encryption(),
    Meshed(),
    FailingOver(),
    # Of these it matters whether hostnames are looked up.
    Balancing(),
    Dns(),
    # Around the transport sockets that are there.
    ProxyProtocol(),
    Tunnelled(),
    Gcp(),
    # What is made of a request, then its signature.
    Functions(),
    Signatures(),
)
SERVED = Served([table for family in FAMILIES for table in family.serves])


class Tunnel(msgspec.Struct, frozen=True):
    """What stands behind the cluster of an Upstream whose connections a proxy passes on."""

    near: Draft
    listener: listener_pb2.Listener


def built(key: BackendKey, upstream: ResolvedUpstream) -> Draft:
    """The cluster of an Upstream, or of a Service that is to be like one, as it is spoken to by this key."""
    through = key.kind == "upstream" and key.protocol == "tcp"
    behind = tunnel(key, upstream)
    if behind is None:
        return _built(Draft(key.cluster, upstream, through=through, needs_http2=key.protocol == "h2c"))
    far = near_and_far(upstream)[1]
    draft = _built(Draft(key.cluster, far, through=through, needs_http2=key.protocol == "h2c"))
    lead(draft, behind.near, behind.listener)
    return draft


def tunnel(key: BackendKey, upstream: ResolvedUpstream) -> Tunnel | None:
    """The cluster of the proxy and the listener that leads there, if connections go through one."""
    if upstream.spec.http_proxy_hostname is None:
        return None
    near = _built(Draft(proxy_name(key.cluster), near_and_far(upstream)[0]))
    return Tunnel(near, listener(key.cluster, upstream.spec))


def _built(draft: Draft) -> Draft:
    for family in FAMILIES:
        family.on_cluster(draft.upstream.spec, draft)
    if draft.options.http_filters:
        # In the place of those that listeners have for the way to any cluster, so they come along: before all others.
        own = list(draft.options.http_filters)
        del draft.options.http_filters[:]
        draft.options.http_filters.extend([*upstream_filters(), *own])
    cluster = draft.cluster
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].Pack(draft.options, deterministic=True)
    if cluster.type == cluster.EDS:
        cluster.eds_cluster_config.eds_config.CopyFrom(ads())
    elif draft.named:
        cluster.load_assignment.CopyFrom(draft.endpoints)
    return draft


def _faults(upstream: ResolvedUpstream) -> Iterator[Finding]:
    """What a family knows, and what Envoy's own rules say of what each family makes."""
    found = [Finding(INVALID, *fault) for family in FAMILIES for fault in family.faults(upstream)]
    yield from found
    if found:
        return
    key = upstream_key(upstream.ref.key)
    behind = tunnel(key, upstream)
    drafts = [built(key, upstream), *([behind.near] if behind else [])]
    places = dict(pair for family in FAMILIES for pair in family.places)
    for message in [one for draft in drafts for one in (draft.cluster, draft.endpoints)]:
        for path, text in broken(message):
            yield Finding(INVALID, *_placed(places, path, text))


def _placed(places: Mapping[str, str], path: str, text: str) -> tuple[str, str]:
    """The field behind a path in Envoy's cluster, to the end where both have the same shape, and what is wrong."""
    fitting = max((one for one in places if path.startswith(one)), key=len, default="")
    where = places.get(fitting, "spec")
    if where == f"spec.{fitting}":
        return f"spec.{path}", text
    rest = path.removeprefix(fitting).lstrip(".")
    return where, f"{rest} {text}" if rest else text


def _notes(spec: UpstreamSpec) -> Iterator[Finding]:
    yield from SERVED.unserved(spec, "spec")
    for family in FAMILIES:
        for fault in family.notes(spec):
            yield Finding(NOT_SERVED, *fault)


CHECKS = Checks(_faults, _notes)
