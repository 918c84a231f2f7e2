"""Backends: what requests are sent to. One backend is one Envoy cluster, however many routes use it."""

from typing import Literal, NamedTuple

Protocol = Literal["http", "h2c"]
"""How Envoy speaks to the backend: HTTP/1.1 (WebSocket too) or HTTP/2 with prior knowledge."""


class BackendKey(NamedTuple):
    """One port of a Service, spoken to in one protocol."""

    namespace: str
    name: str
    port: int
    protocol: Protocol = "http"

    @property
    def cluster(self) -> str:
        """The name of its Envoy cluster; also what `explain`, the statistics and the access log call it."""
        suffix = "" if self.protocol == "http" else f"/{self.protocol}"
        return f"service/{self.namespace}/{self.name}/{self.port}{suffix}"
