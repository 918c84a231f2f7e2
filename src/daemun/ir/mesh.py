"""Service meshes that backends may be part of, as far as proxies have to know."""

from typing import NamedTuple

METADATA, LINKERD = "daemun.mesh", "linkerd"
"""In a cluster's metadata: where Linkerd is to send its requests."""


class Mesh(NamedTuple):
    """A port of a Service in the meshes that its requests pass.

    With `linkerd` a proxy of Linkerd's beside ours learns from a header where a request is meant to go. With `istio`
    endpoints behind Istio's sidecars are spoken to by its TLS. Those of a service of Consul's mesh (without a namespace
    and port of Kubernetes') are spoken to as the service `connect_as`. `by_address`: requests go to the Service's own
    address, so that who balances them is a proxy of the mesh beside ours, or Kubernetes.
    """

    namespace: str
    service: str
    port: int
    linkerd: bool = False
    istio: bool = False
    connect_as: str = ""
    by_address: bool = False

    @property
    def host(self) -> str:
        """The Service's name in the cluster's DNS."""
        return f"{self.service}.{self.namespace}.svc.cluster.local"
