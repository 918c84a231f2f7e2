"""Which meshes the proxies are part of, as Settings say: `linkerd`, and `gloo.istioOptions.enableAutoMtls`.

Both are about Services alone: an Upstream with hosts of its own leads out of every mesh. An Upstream, or a Service by
its annotations, that says by itself how TLS is spoken keeps that, and so does a Service with a BackendTLSPolicy.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from daemun.api.gloo.settings import Settings
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Collection, Graph, Reader, Source
from daemun.gatewayapi.findings import Finding
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.settings.upstream_defaults import CLUSTER_IP, NONE, SEND_TO, Defaults
from daemun.gloo.upstreams.upstream import service_of
from daemun.ir.backend import BackendKey
from daemun.ir.identity import Credential, Identity, MeshName
from daemun.ir.mesh import LINKERD, Mesh
from daemun.ir.route import Use

_FIELDS: Mapping[MeshName, str] = MappingProxyType(
    {"istio": "spec.gloo.istioOptions.enableAutoMtls", "consul": "spec.consul"}
)


def identities(graph: Graph) -> Source[Identity, Credential]:
    """Who the proxies are in meshes: asked for by those who need it, and filled by whoever asks the authorities."""
    return Source(graph, "who the proxies are in meshes")


def mesh_of(said: Defaults, key: BackendKey, spec: UpstreamSpec) -> Mesh | None:
    """The meshes that a backend is in; None if there are none."""
    if spec.consul is not None and spec.consul.connect_enabled:
        return Mesh("", spec.consul.service_name, 0, connect_as=said.connect_as)
    if spec.kube is None or not said.meshed:
        return None
    service: Name = service_of(key.namespace, spec.kube)
    apart = key.tls or spec.ssl_config is not None or spec.disable_istio_auto_mtls is True
    linkerd, istio = said.linkerd and key.protocol != "tcp", said.auto_mtls and not apart
    if not linkerd and not istio and not said.by_address:
        return None
    port = spec.kube.service_port
    return Mesh(service.namespace, service.name, port, linkerd, istio, by_address=said.by_address)


def faults(settings: Settings) -> Iterator[Finding]:
    """What annotations of Settings say that means nothing."""
    where = settings.metadata.annotations.get(SEND_TO, CLUSTER_IP)
    if where != CLUSTER_IP:
        field = f"metadata.annotations[{SEND_TO}]"
        yield Finding("Invalid", field, f"{where!r} is nowhere that requests can be sent", f"Say {CLUSTER_IP}.")


def troubles(found: Mapping[Identity, Credential]) -> Iterator[Finding]:
    """What the authorities of meshes do not give, as the Settings are told."""
    for identity, one in sorted(found.items()):
        if one.trouble:
            kept = one.certificate or one.authorities
            text = f"{one.trouble}; {'the last certificate stays' if kept else 'requests into the mesh are not sent'}"
            yield Finding("IdentityUnavailable", _FIELDS[identity.mesh], text, one.mend)


def standing(
    defaults: Collection[Name, Defaults], more: Callable[[Reader], tuple[Use, ...]]
) -> Callable[[Reader], tuple[Use, ...]]:
    """What is on every listener: `more`, and that Linkerd is told where requests go."""

    def uses(reader: Reader) -> tuple[Use, ...]:
        said = reader.get(defaults, SETTINGS) or NONE
        return (*more(reader), *((Use(LINKERD, True, "spec.linkerd"),) if said.linkerd else ()))

    return uses
