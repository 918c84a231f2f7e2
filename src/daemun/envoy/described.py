"""What is said of a backend beyond where it is: by an Upstream, by annotations of a Service, by the mesh it is in."""

import msgspec

from daemun.api.gloo.upstream import KubeUpstreamSpec, UpstreamSpec
from daemun.base.guard import Guard
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.egresses import ResolvedEgress
from daemun.gloo.settings.meshes import mesh_of
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.settings.upstream_defaults import NONE, Defaults
from daemun.gloo.upstreams.consul import upstream_of
from daemun.gloo.upstreams.services import Annotated
from daemun.gloo.upstreams.upstream import ResolvedUpstream
from daemun.ir.backend import BackendKey
from daemun.ir.egress import Egress
from daemun.ir.instances import Instances, Lookup


class Described(msgspec.Struct, frozen=True):
    """The collections that say it."""

    upstreams: Collection[Name, ResolvedUpstream]
    annotated: Collection[Name, Annotated]
    instances: Collection[Lookup, Instances]
    """What registries beside Kubernetes say."""
    guard: Guard
    """Which addresses no request may reach."""
    defaults: Collection[Name, Defaults]
    """What Settings say: of all Upstreams, and which meshes there are."""
    egresses: Collection[Name, ResolvedEgress]
    """Destinations outside."""

    def of(self, reader: Reader, key: BackendKey) -> ResolvedUpstream | None:
        """The Upstream behind a backend, or what a Service comes to; None for one that is unusable."""
        name = Name(key.namespace, key.name)
        if key.kind == "upstream":
            found = reader.get(self.upstreams, name)
        elif key.kind == "consul":
            found = upstream_of(key, reader.get(self.defaults, SETTINGS) or NONE)
        elif key.kind in {"daemun", "egress"}:
            found = None
        else:
            annotated = reader.get(self.annotated, name)
            found = annotated.ports.get(key.port) if annotated and key.protocol != "udp" else None
        if found is not None and found.faults:
            return None
        return self._in_meshes(reader, key, found)

    def egress(self, reader: Reader, key: BackendKey) -> Egress | None:
        """The destination outside behind a backend, if it is one that can be used."""
        found = reader.get(self.egresses, Name(key.namespace, key.name)) if key.kind == "egress" else None
        return found.egress if found is not None else None

    def _in_meshes(self, reader: Reader, key: BackendKey, found: ResolvedUpstream | None) -> ResolvedUpstream | None:
        """The same where meshes are: a Service of which nothing is said is described there, too."""
        said = reader.get(self.defaults, SETTINGS) or NONE
        if said.meshed and found is None and key.kind == "service" and key.protocol != "udp":
            spec = UpstreamSpec(kube=KubeUpstreamSpec(key.name, key.namespace, key.port))
            found = ResolvedUpstream(key.ref, 0, spec, {})
        return found and msgspec.structs.replace(found, mesh=mesh_of(said, key, found.spec))
