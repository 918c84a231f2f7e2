"""Gives Services of type LoadBalancer an address, as the load balancer of a cloud does.

An address is written into the Service's status; kube-proxy does the rest. What a Service asks for by
`spec.loadBalancerIP` it gets if that is in the pool and free, and nothing otherwise: it stays pending. The upper part
of the pool is only given to who asks for it.
"""

import ipaddress
import sys
import time
from pathlib import Path

from .client import Client, Document, RefusedError
from .place import BALANCED_ADDRESSES

POOL = [str(one) for one in ipaddress.IPv4Network(BALANCED_ADDRESSES).hosts()]
ON_REQUEST = POOL[199:]


def run(client: Client) -> None:
    """Follow all Services until the process is ended."""
    while True:
        try:
            services = client.get("/api/v1/services")
            for one, address in wanted(services["items"]):
                _write(client, one, address)
            for _ in client.watch("/api/v1/services", services["metadata"]["resourceVersion"], seconds=300):
                break  # something changed: look at all of them again
        except (OSError, RefusedError, ValueError) as error:
            print(f"trying again: {error}", file=sys.stderr, flush=True)
            time.sleep(0.5)


def wanted(services: list[Document]) -> list[tuple[Document, str | None]]:
    """Which Services need a new status, and the address in it. Who has one keeps it; older ones choose first."""
    ours = [one for one in services if _is_ours(one)]
    taken = {address for one in ours if (address := _given(one)) and _fits(one, address)}
    changes: list[tuple[Document, str | None]] = []
    for one in sorted(ours, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["uid"])):
        given = _given(one)
        if given in taken:
            continue
        address = _choose(one, taken)
        if address is not None:
            taken.add(address)
        if address != given:
            changes.append((one, address))
    return changes


def _is_ours(service: Document) -> bool:
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and "loadBalancerClass" not in spec


def _given(service: Document) -> str | None:
    for one in service.get("status", {}).get("loadBalancer", {}).get("ingress", []):
        return str(one.get("ip"))
    return None


def _fits(service: Document, address: str) -> bool:
    asked = service["spec"].get("loadBalancerIP")
    return not asked or asked == address


def _choose(service: Document, taken: set[str]) -> str | None:
    asked = service["spec"].get("loadBalancerIP")
    if asked:
        return asked if asked in POOL and asked not in taken else None
    return next((one for one in POOL if one not in ON_REQUEST and one not in taken), None)


def _write(client: Client, service: Document, address: str | None) -> None:
    meta = service["metadata"]
    ingress = [{"ip": address, "ipMode": "VIP"}] if address else []
    path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}/status"
    change = {
        "metadata": {"resourceVersion": meta["resourceVersion"]},
        "status": {"loadBalancer": {"ingress": ingress}},
    }
    client.merge(path, change)


if __name__ == "__main__":
    run(Client(Path(sys.argv[1])))
