"""Backends: what requests are sent to. One backend is one Envoy cluster, however many routes use it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from daemun.base.names import CORE, DAEMUN, GLOO, Name, Ref

Protocol = Literal["http", "h2c", "tcp", "udp"]
"""How Envoy speaks to the backend: HTTP/1.1 (WebSocket too), HTTP/2 with prior knowledge, or as the client does."""
BackendKind = Literal["service", "upstream", "egress", "consul", "daemun"]
"""The kind of object behind a backend, as its cluster is named after it."""

_OVER_TLS: Mapping[Protocol, str] = MappingProxyType({"http": "https", "h2c": "h2", "tcp": "tls"})
_OBJECTS: Mapping[BackendKind, tuple[str, str]] = MappingProxyType(
    {
        "service": (CORE, "Service"),
        "upstream": (GLOO, "Upstream"),
        "egress": (DAEMUN, "Egress"),
        "consul": ("consul", "Service"),
        "daemun": (DAEMUN, "Server"),
    }
)


class BackendKey(NamedTuple):
    """One port of a Service, or an Upstream, spoken to in one protocol, over TLS or not.

    How TLS is done may differ between Gateways and change with time. That it is done is part of the key: a route is
    never sent to a cluster without it that was there before.

    An Upstream says itself how it is spoken to, and is `http` as a rule, whatever comes of that. `h2c` is for routes of
    gRPC calls where it says nothing, `tcp` for connections that have their own TLS: it gets none of the Upstream's.

    An Egress says itself whether there is TLS. Its port is the one that a reference names, or 0.
    """

    namespace: str
    name: str
    port: int
    protocol: Protocol = "http"
    tls: bool = False
    kind: BackendKind = "service"

    @property
    def ref(self) -> Ref:
        """The object behind it."""
        group, kind = _OBJECTS[self.kind]
        return Ref(group, kind, self.namespace, self.name)

    @property
    def spoken(self) -> str:
        """What is spoken, in a word."""
        return _OVER_TLS[self.protocol] if self.tls else self.protocol

    def at(self, through: bool) -> "BackendKey":
        """The backend as it is spoken to where connections pass `through`, with a TLS of their own."""
        if not through:
            return self
        if self.kind == "upstream":
            return self._replace(protocol="tcp")
        return self._replace(tls=False) if self.tls else self

    @property
    def cluster(self) -> str:
        """The name of its Envoy cluster; also what `explain`, the statistics and the access log call it."""
        suffix = "" if self.spoken == "http" else f"/{self.spoken}"
        port = f"/{self.port}" if self.port else ""
        return f"{self.kind}/{self.namespace}/{self.name}{port}{suffix}"


def upstream_key(name: Name, protocol: Protocol = "http") -> BackendKey:
    """The key of an Upstream."""
    return BackendKey(name.namespace, name.name, 0, protocol, kind="upstream")


OWN_SERVER = BackendKey("daemun", "extauth", 0, kind="daemun")
"""Daemun's own server of authorization: of no object, but of whoever runs Daemun."""
OWN_LIMITS = BackendKey("daemun", "ratelimit", 0, kind="daemun")
"""Daemun's own rate limit service, in the same way."""
GCP_METADATA = BackendKey("daemun", "gcp-metadata", 0, kind="daemun")
"""The metadata server of Google Cloud: it gives a proxy that runs there tokens of its identity."""
