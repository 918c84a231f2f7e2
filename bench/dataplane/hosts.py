"""What a request costs Envoy by how its host is found, beside one plain RouteConfiguration with the same routes.

Two Envoys with one worker each and the same listeners, clusters and routes; they differ in the layout only. They have
one processor, the client and the backend the other ones, where there are several. wrk asks both in turn, a second each;
Envoy's own CPU time, as the kernel counts it, is divided by the requests that were answered.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf import json_format

from bench.dataplane.processors import apart
from bench.tools.poller import Backend, free_port, until_200
from bench.tools.worlds import Document, gateway, route, service
from daemun.api.decode import decode
from daemun.envoy.readable import grouped, message
from daemun.envoy.scopes import BY_PATH, MISSES
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE
from daemun.provision.binary import find
from daemun.provision.bootstrap import assembled
from daemun.translate import Translation

_ROUNDS = int(os.environ.get("BENCH_HOSTS_ROUNDS", "20"))
_SECONDS = 1
_EXACT, _PATHS = 40, 150
ASKED = {
    "an exact host": ("h7.example.com", "/"),
    "the same in capitals": ("H7.EXAMPLE.COM", "/"),
    "a wildcard": ("x.wild.example.com", "/"),
    "any host": ("other.example.org", "/"),
    "a host with 150 paths, the last": ("crowd.example.com", f"/p{_PATHS - 1}"),
}
"""What is asked for: by what it is called, a host and a path."""
MANY = 1000
MANY_ASKED = {f"one of {MANY:,} wildcards": ("x.w7.example.com", "/")}
"""The same, where there are so many that a directory leads to them."""
_FROM_THE_START = ("inline_headers", "layered_runtime", "stats_config")


def measure() -> dict[str, Any]:
    """Microseconds of CPU per request, and how many times those of the plain layout."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("the load generator is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="db-") as temporary, apart() as others:
        ports = {"plain": free_port(), "scoped": free_port()}
        envoys, behind = {}, free_port()
        for name, port in ports.items():
            file = Path(temporary) / f"{name}.json"
            file.write_text(json.dumps(config(port, behind, plain=name == "plain")))
            command = [find(), "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
            envoys[name] = subprocess.Popen(command)
        try:
            with others():
                return asyncio.run(_measure(ports, behind, {name: one.pid for name, one in envoys.items()}))
        finally:
            for process in envoys.values():
                process.kill()
                process.wait()


async def _measure(ports: dict[str, int], behind: int, pids: dict[str, int]) -> dict[str, Any]:
    backend = Backend()
    await backend.start(behind)
    costs: dict[str, list[dict[str, float]]] = {what: [] for what in ASKED}
    for host, path in ASKED.values():
        for port in ports.values():
            await until_200(port, host.lower(), path)
    for number in range(_ROUNDS):
        for what, (host, path) in ASKED.items():
            # Whoever comes second finds caches warm: each does as often.
            order = sorted(ports, reverse=bool(number % 2))
            taken = {name: await asyncio.to_thread(_cost, pids[name], ports[name], host, path) for name in order}
            costs[what].append(taken)
    await backend.stop()
    found: dict[str, Any] = {"load": os.getloadavg()[0]}
    for what, rounds in costs.items():
        micros = {name: round(median(one[name] for one in rounds), 2) for name in ports}
        found[what] = micros | {"ratio": round(median(one["scoped"] / one["plain"] for one in rounds), 3)}
        print(what, found[what], flush=True)
    return found


def _cost(pid: int, port: int, host: str, path: str) -> float:
    before = _cpu(pid)
    command = ["wrk", "-t1", "-c16", f"-d{_SECONDS}s", "-H", f"Host: {host}", f"http://127.0.0.1:{port}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text, text
    answered = re.search(r"(\d+) requests in", text)
    assert answered, text
    return (_cpu(pid) - before) / int(answered[1]) / 1e3


def _cpu(pid: int) -> int:
    """Nanoseconds that the threads of a process have run."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def config(port: int, behind: int, *, plain: bool, wildcards: int = 0) -> dict[str, Any]:
    """A configuration of Envoy with everything in it, in one of the two layouts; with so many wildcards more."""
    return configured([*_world(port, behind), *_wildcards(wildcards)], plain=plain)


def configured(world: Iterable[Document], *, plain: bool = False) -> dict[str, Any]:
    """A configuration of Envoy that serves these manifests without a control plane."""
    made = Translation()
    made.apply((one.ref, one.value) for document in world if (one := decode(document)))
    found = {key: message(key[1], parts) for key, parts in grouped(made.resources).items()}
    scopes = [one for (_, kind, _), one in found.items() if kind == SCOPE]
    brought = {name: one for (_, kind, name), one in found.items() if kind == EXTENSION}
    listeners, clusters = [], {}
    for (_, kind, name), proto in found.items():
        if kind == LISTENER:
            assert isinstance(proto, listener_pb2.Listener)
            _settle(proto, scopes, brought, plain=plain)
            listeners.append(proto)
        elif kind == CLUSTER:
            assert isinstance(proto, cluster_pb2.Cluster)
            proto.ClearField("eds_cluster_config")
            proto.type = cluster_pb2.Cluster.STATIC
            clusters[name] = proto
    for (_, kind, name), proto in found.items():
        if kind == ENDPOINT:
            clusters[name].load_assignment.MergeFrom(proto)  # type: ignore[arg-type]
    bootstrap = assembled("bench", "", {}, [], 0, 0)
    return {name: bootstrap[name] for name in _FROM_THE_START} | {
        "static_resources": {
            "listeners": [json_format.MessageToDict(one) for one in listeners],
            "clusters": [json_format.MessageToDict(one) for one in clusters.values()],
        }
    }


def _settle(listener: listener_pb2.Listener, scopes: list[Any], brought: Mapping[str, Any], *, plain: bool) -> None:
    """Give the listener its routes and filters at once: as scopes, or all in one RouteConfiguration."""
    filter_ = listener.filter_chains[0].filters[0]
    manager = hcm_v3.HttpConnectionManager()
    filter_.typed_config.Unpack(manager)
    router = router_pb2.Router()
    manager.http_filters[-1].typed_config.Unpack(router)
    for one in (*manager.http_filters, *router.upstream_http_filters):
        if one.HasField("config_discovery"):
            one.typed_config.CopyFrom(brought[one.name].typed_config)
    manager.http_filters[-1].typed_config.Pack(router, deterministic=True)
    if plain:
        del manager.early_header_mutation_extensions[:]
        kept = [one for one in manager.http_filters if not one.name.startswith((MISSES, BY_PATH))]
        del manager.http_filters[:]
        manager.http_filters.extend(kept)
        manager.route_config.CopyFrom(route_pb2.RouteConfiguration(name="all", ignore_port_in_host_matching=True))
        manager.route_config.virtual_hosts.extend(_joined(scopes))
    else:
        manager.scoped_routes.ClearField("rds_config_source")
        manager.scoped_routes.scoped_route_configurations_list.scoped_route_configurations.extend(scopes)
    filter_.typed_config.Pack(manager)


def _joined(scopes: list[Any]) -> Iterator[Any]:
    """The virtual hosts of all scopes, each once, with the routes that it has in any of them."""
    hosts: dict[str, Any] = {}
    for scope in scopes:
        for host in scope.route_configuration.virtual_hosts:
            if host.name == "directory":
                continue
            plain = type(host)(name=host.name, domains=host.domains, retry_policy=host.retry_policy)
            first = hosts.setdefault(host.name, plain)
            first.routes.extend(one for one in host.routes if not one.name.startswith(("no-route", "by-path/")))
    return iter(hosts.values())


def _world(port: int, behind: int) -> list[Any]:
    documents = [gateway(port), *service(0, behind), *(route(number) for number in range(_EXACT))]
    for name, hostname in (("wild", "*.wild.example.com"), ("any", "")):
        documents.append(route(0))
        documents[-1]["metadata"]["name"] = name
        documents[-1]["spec"] |= {"hostnames": [hostname] if hostname else []}
    for number in range(_PATHS):
        documents.append(route(0, f"/p{number}"))
        documents[-1]["metadata"]["name"] = f"path-{number}"
        documents[-1]["spec"] |= {"hostnames": ["crowd.example.com"]}
    return documents


def _wildcards(many: int) -> Iterator[Document]:
    for number in range(many):
        document = route(number)
        document["metadata"]["name"] = f"wild-{number}"
        document["spec"] |= {"hostnames": [f"*.w{number}.example.com"]}
        yield document
