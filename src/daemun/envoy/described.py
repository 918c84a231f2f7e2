"""What is said of a backend beyond where it is: by an Upstream, or by annotations of a Service."""

import msgspec

from daemun.base.guard import Guard
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gloo.services import Annotated
from daemun.gloo.upstreams import ResolvedUpstream
from daemun.ir.backend import BackendKey
from daemun.ir.instances import Instances, Lookup


class Described(msgspec.Struct, frozen=True):
    """The collections that say it."""

    upstreams: Collection[Name, ResolvedUpstream]
    annotated: Collection[Name, Annotated]
    instances: Collection[Lookup, Instances]
    """What registries beside Kubernetes say."""
    guard: Guard
    """Which of their addresses no request may reach."""

    def of(self, reader: Reader, key: BackendKey) -> ResolvedUpstream | None:
        """The Upstream behind a backend, or what annotations make of a Service; None for one that is unusable."""
        name = Name(key.namespace, key.name)
        if key.kind == "upstream":
            found = reader.get(self.upstreams, name)
        elif key.kind == "daemun":
            found = None
        else:
            annotated = reader.get(self.annotated, name)
            found = annotated.ports.get(key.port) if annotated and key.protocol != "udp" else None
        return None if found is None or found.faults else found
