"""Upstreams as Envoy's clusters: one file per family of fields, in the order in which they work on a cluster.

A new field of Upstream is a line in the family that it belongs to; a new family is a file and a line here.
"""

from collections.abc import Iterator, Mapping

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
from daemun.envoy.upstreams.health import Health
from daemun.envoy.upstreams.hosts import Hosts
from daemun.envoy.upstreams.outliers import Outliers
from daemun.envoy.upstreams.preconnect import Preconnect
from daemun.envoy.upstreams.protocol import Protocol
from daemun.envoy.upstreams.proxy_protocol import ProxyProtocol
from daemun.envoy.upstreams.subsets import Subsets
from daemun.features.constraints import broken
from daemun.gatewayapi.findings import Finding
from daemun.gloo.served import NOT_SERVED, Fields, Served
from daemun.gloo.upstreams import INVALID, Checks, ResolvedUpstream
from daemun.ir.backend import BackendKey

FAMILIES: tuple[Family, ...] = (
    Hosts(),
    Protocol(),
    Connections(),
    CircuitBreakers(),
    Subsets(),
    Health(),
    Outliers(),
    Preconnect(),
    Encryption(),
    FailingOver(),
    # Of these it matters whether hostnames are looked up.
    Balancing(),
    Dns(),
    # Around the transport sockets that are there.
    ProxyProtocol(),
)
_LATER = "this type of Upstream is not served yet"
_TUNNELS = "connections are not made through a further proxy yet"
UNSERVED = Fields(
    UpstreamSpec,
    (),
    {
        **dict.fromkeys(("aws", "azure", "consul", "awsEc2", "gcp"), _LATER),
        **dict.fromkeys(("httpProxyHostname", "httpConnectSslConfig", "httpConnectHeaders"), _TUNNELS),
    },
)
SERVED = Served([*(table for family in FAMILIES for table in family.serves), UNSERVED])


def built(key: BackendKey, upstream: ResolvedUpstream) -> Draft:
    """The cluster of an Upstream, or of a Service that is to be like one, as it is spoken to by this key."""
    through = key.kind == "upstream" and key.protocol == "tcp"
    draft = Draft(key.cluster, upstream, through=through, needs_http2=key.protocol == "h2c")
    for family in FAMILIES:
        family.on_cluster(upstream.spec, draft)
    draft.cluster.typed_extension_protocol_options[HTTP_OPTIONS].Pack(draft.options)
    if draft.named:
        draft.cluster.load_assignment.CopyFrom(draft.endpoints)
    else:
        draft.cluster.eds_cluster_config.eds_config.CopyFrom(ads())
    return draft


def _faults(upstream: ResolvedUpstream) -> Iterator[Finding]:
    """What a family knows, and what Envoy's own rules say of what each family makes."""
    found = [Finding(INVALID, *fault) for family in FAMILIES for fault in family.faults(upstream)]
    yield from found
    if found:
        return
    draft = built(BackendKey(upstream.ref.namespace, upstream.ref.name, 0, kind="upstream"), upstream)
    places = dict(pair for family in FAMILIES for pair in family.places)
    for message in (draft.cluster, draft.endpoints):
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
