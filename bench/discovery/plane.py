"""The control plane of `registry.py`: `python -m bench.discovery.plane WAY CONSUL SOCKET SERVICES`.

It has a Gateway, a rule for each service, and no proxies to look after. Of EndpointSlices it is told by lines on its
standard input: SERVICE PORT.
"""

import asyncio
import resource
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from bench.tools.worlds import GATEWAY, gateway
from daemun.api.decode import decode
from daemun.base.names import Ref
from daemun.gatewayapi.settings import Settings
from daemun.plane.plane import ControlPlane
from daemun.programs.places import Places

_RULES = 16
_PROXY = "bench/gate"
Document = dict[str, Any]


def manifests(way: str, consul: str, services: int) -> Iterator[Document]:
    """Everything there is."""
    yield gateway(80)
    names = [f"s{number}" for number in range(services)]
    for at in range(0, services, _RULES):
        yield _route(way, at, names[at : at + _RULES])
    if way == "consul":
        settings = {"name": "default", "namespace": "gloo-system"}
        spec = {"consul": {"httpAddress": consul}}
        yield {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": settings, "spec": spec}
        for name in names:
            meta = {"name": name, "namespace": "bench"}
            spec = {"consul": {"serviceName": name}}
            yield {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": spec}
        return
    for name in names:
        meta = {"name": name, "namespace": "bench"}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}
        yield _slice(name, 20_000)


def _route(way: str, at: int, names: list[str]) -> Document:
    kind = {"group": "gloo.solo.io", "kind": "Upstream"} if way == "consul" else {"port": 80}
    rules = [
        {"matches": [{"path": {"type": "Exact", "value": f"/{name}"}}], "backendRefs": [{**kind, "name": name}]}
        for name in names
    ]
    return {
        "apiVersion": GATEWAY,
        "kind": "HTTPRoute",
        "metadata": {"name": f"route-{at}", "namespace": "bench"},
        "spec": {"parentRefs": [{"name": "gate"}], "hostnames": [f"h{at}.example.com"], "rules": rules},
    }


def _slice(name: str, port: int) -> Document:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "bench", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": port}],
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    }


def _objects(documents: Iterator[Document]) -> dict[Ref, object | None]:
    return {one.ref: one.value for document in documents if (one := decode(document)) is not None}


async def _serve(way: str, consul: str, socket: str, services: str) -> None:
    async def identify(_: Mapping[str, str]) -> str:
        return _PROXY

    plane = ControlPlane(Settings(), identify, lambda: None)
    places = Places(plane, lambda objects: plane.take(objects.items()), lambda: places.complete)
    async with asyncio.TaskGroup() as group:
        group.create_task(plane.run())
        group.create_task(places.run())
        await plane.xds.start(f"unix:{socket}")
        plane.take(_objects(manifests(way, consul, int(services))).items(), lambda: places.complete)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            name, port = line.split()
            plane.take(_objects(iter([_slice(name.decode(), int(port))])).items(), lambda: places.complete)
        await asyncio.Event().wait()


if __name__ == "__main__":
    _hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
    asyncio.run(_serve(*sys.argv[1:]))
