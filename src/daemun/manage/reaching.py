"""At which address the proxies behind a Service are reached from outside the cluster."""

from typing import Any

import msgspec

from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError
from daemun.manage.documents import Document

_HTTPS = ("https", "tls")


class Address(msgspec.Struct, frozen=True):
    """A host and a port, and whether TLS is spoken there, as far as the port's name tells."""

    host: str
    port: int
    tls: bool = False

    @property
    def text(self) -> str:
        """As `HOST:PORT`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """As a URL."""
        return f"{'https' if self.tls else 'http'}://{self.text}"


async def reach(client: KubeClient, service: Document, port: str) -> Address:
    """Where a port of a Service, by its name or number, is reached: at the balancer's address, else at a node's.

    Raises KubeError when there is no such port, or nothing outside reaches it.
    """
    spec, name = service["spec"], service["metadata"]["name"]
    found = _port(spec.get("ports", ()), port, name)
    tls = found.get("name", "").startswith(_HTTPS) or found["port"] == 443
    for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress", ()):
        host = ingress.get("ip") or ingress.get("hostname")
        if host:
            return Address(host, found["port"], tls)
    for host in spec.get("externalIPs", ()):
        return Address(host, found["port"], tls)
    if found.get("nodePort"):
        return Address(await _node(client), found["nodePort"], tls)
    raise KubeError(
        f"Service {name} is of type {spec.get('type', 'ClusterIP')}, and nothing outside the cluster reaches it",
        f"Forward a port: kubectl -n {service['metadata']['namespace']} port-forward service/{name} {found['port']}",
    )


def _port(ports: Any, wanted: str, name: str) -> Any:
    """The port; a Service with a single one is not asked how it is called. `http` is `http-80`, too."""
    for one in ports:
        if wanted in {one.get("name", ""), str(one["port"])}:
            return one
    for one in ports:
        if one.get("name", "").startswith(f"{wanted}-"):
            return one
    if len(ports) == 1:
        return ports[0]
    known = ", ".join(one.get("name") or str(one["port"]) for one in ports)
    raise KubeError(f"Service {name} has no port {wanted}", f"It has {known}.")


async def _node(client: KubeClient) -> str:
    """An address of a node; one for the outside if a node has such."""
    nodes = msgspec.json.decode(await client.get("/api/v1/nodes")).get("items", [])
    addresses = [one for node in nodes for one in node.get("status", {}).get("addresses", ())]
    for kind in ("ExternalIP", "InternalIP"):
        for one in addresses:
            if one["type"] == kind:
                return str(one["address"])
    raise KubeError("no node of the cluster has an address")
