"""Backends: what requests are sent to. One backend is one Envoy cluster, however many routes use it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Protocol = Literal["http", "h2c", "tcp", "udp"]
"""How Envoy speaks to the backend: HTTP/1.1 (WebSocket too), HTTP/2 with prior knowledge, or as the client does."""

_OVER_TLS: Mapping[Protocol, str] = MappingProxyType({"http": "https", "h2c": "h2", "tcp": "tls"})


class BackendKey(NamedTuple):
    """One port of a Service, spoken to in one protocol, over TLS or not.

    How TLS is done may differ between Gateways and change with time. That it is done is part of the key: a route is
    never sent to a cluster without it that was there before.
    """

    namespace: str
    name: str
    port: int
    protocol: Protocol = "http"
    tls: bool = False

    @property
    def spoken(self) -> str:
        """What is spoken, in a word."""
        return _OVER_TLS[self.protocol] if self.tls else self.protocol

    def at(self, through: bool) -> "BackendKey":
        """The backend as it is spoken to where connections pass `through`, with a TLS of their own."""
        return self._replace(tls=False) if through and self.tls else self

    @property
    def cluster(self) -> str:
        """The name of its Envoy cluster; also what `explain`, the statistics and the access log call it."""
        suffix = "" if self.spoken == "http" else f"/{self.spoken}"
        return f"service/{self.namespace}/{self.name}/{self.port}{suffix}"
