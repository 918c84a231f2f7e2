"""Manifests of any size: one Gateway, as many routes as wanted, each with a host of its own."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml

from bench.tools.poller import Backend, free_port

Document = dict[str, Any]
GATEWAY = "gateway.networking.k8s.io/v1"


def gateway(port: int) -> Document:
    """A Gateway with one HTTP listener."""
    return {
        "apiVersion": GATEWAY,
        "kind": "Gateway",
        "metadata": {"name": "gate", "namespace": "bench"},
        "spec": {
            "gatewayClassName": "daemun",
            "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}],
        },
    }


def route(number: int, path: str = "/", services: int = 1) -> Document:
    """An HTTPRoute for host `h<number>.example.com`."""
    return {
        "apiVersion": GATEWAY,
        "kind": "HTTPRoute",
        "metadata": {"name": f"route-{number}", "namespace": "bench"},
        "spec": {
            "parentRefs": [{"name": "gate"}],
            "hostnames": [f"h{number}.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": path}}],
                    "backendRefs": [{"name": f"service-{number % services}", "port": 80}],
                }
            ],
        },
    }


def service(number: int, port: int) -> list[Document]:
    """A Service and its EndpointSlice, at a port of this machine."""
    name = f"service-{number}"
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "bench"},
            "spec": {"ports": [{"port": 80}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "bench", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"port": port}],
            "endpoints": [{"addresses": ["127.0.0.1"]}],
        },
    ]


def text(*documents: Document) -> str:
    """The documents as YAML."""
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, explicit_start=True)


def write(path: Path, *documents: Document) -> None:
    """Write manifests into a file."""
    put(path, text(*documents))


def put(path: Path, content: str) -> None:
    """Write a file the way an editor does: beside it, then over it."""
    beside = path.with_suffix(".tmp")
    beside.write_text(content)
    beside.rename(path)


def world(folder: Path, routes: int, port: int, backend: int, services: int = 1) -> None:
    """A folder with a Gateway, services, and one file for each route."""
    write(folder / "gateway.yaml", gateway(port), *(one for i in range(services) for one in service(i, backend)))
    for number in range(routes):
        write(folder / f"route-{number}.yaml", route(number, services=services))


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[tuple[Path, Path, int, int]]:
    """For one measurement: a base folder, the manifests in it, a port for the gateway, and that of a backend."""
    backend = Backend()
    behind = await backend.start()
    with tempfile.TemporaryDirectory(prefix="db-") as temporary:
        base = Path(temporary)
        folder = base / "manifests"
        folder.mkdir()
        yield base, folder, free_port(), behind
    await backend.stop()


def summary(values: list[float]) -> dict[str, float]:
    """Median, 90th percentile and the ends, in the unit of the values."""
    found = sorted(values)
    return {
        "p50": round(found[len(found) // 2], 3),
        "p90": round(found[len(found) * 9 // 10], 3),
        "min": round(found[0], 3),
        "max": round(found[-1], 3),
        "n": len(found),
    }
