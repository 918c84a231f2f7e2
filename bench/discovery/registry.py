"""Endpoints of 10,000 services, 100 changes a second: from the registry's word to the proxy, and what that costs.

The control plane is a process of its own (`plane.py`). The proxy is a client of its xDS server that takes
all it is sent, and the registry a server of this file that holds a blocking query for each service, as Consul's agent
does: both are in this process, which so takes a processor's time beside the control plane. Once endpoints come from
that registry, once as EndpointSlices, which are given to the control plane as its source would.
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc.aio
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from bench.tools.poller import free_port
from daemun.ir.resource import CLUSTER, ENDPOINT
from daemun.serve.server import METHOD, SERVICE

SERVICES = int(os.environ.get("BENCH_SERVICES", "10000"))
RATE = int(os.environ.get("BENCH_RATE", "100"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "20"))
_FIRST_PORT = 20_000
_TICKS = os.sysconf("SC_CLK_TCK")
_GRACE = 10.0


def measure() -> dict[str, Any]:
    """Milliseconds from change to proxy, and the control plane's processor time, for both ways."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found: dict[str, Any] = {"services": SERVICES, "changes_per_s": RATE, "seconds": SECONDS}
    for way in ("consul", "slices"):
        found[way] = asyncio.run(_measured(way))
        print(way, json.dumps(found[way]), flush=True)
    return found


async def _measured(way: str) -> dict[str, Any]:
    registry = Registry()
    port = free_port()
    server = await asyncio.get_running_loop().create_server(lambda: Queries(registry), "127.0.0.1", port, backlog=1024)
    with tempfile.TemporaryDirectory(prefix="db-") as base:
        socket = str(Path(base) / "x.sock")
        plane = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.discovery.plane", way, f"http://127.0.0.1:{port}", socket, str(SERVICES)),
            stdin=asyncio.subprocess.PIPE,
        )
        assert plane.stdin is not None
        try:
            while not Path(socket).exists():  # noqa: ASYNC110, ASYNC240 - a file tells nobody
                await asyncio.sleep(0.1)
            proxy = Proxy(socket)
            following = asyncio.create_task(proxy.follow())
            began = time.perf_counter()
            await asyncio.wait_for(proxy.has(SERVICES), 300)
            if way == "consul":
                while len(registry.waiting) < SERVICES:  # noqa: ASYNC110 - queries tell nobody
                    await asyncio.sleep(0.1)
            ready = time.perf_counter() - began
            await asyncio.sleep(3)
            loads = [os.getloadavg()[0]]
            used, began = _cpu(plane.pid), time.perf_counter()
            sent = await _change(registry, plane.stdin if way == "slices" else None)
            spent, took = _cpu(plane.pid) - used, time.perf_counter() - began
            deadline = time.perf_counter() + _GRACE
            while len(proxy.seen.keys() & sent.keys()) < len(sent):
                if time.perf_counter() > deadline:
                    break
                await asyncio.sleep(0.05)
            loads.append(os.getloadavg()[0])
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        finally:
            plane.terminate()
            await plane.wait()
            server.close()
            registry.hang_up()
    late = sorted((proxy.seen[key] - at) * 1e3 for key, at in sent.items() if key in proxy.seen)
    return {
        **{f"p{share}_ms": round(late[min(len(late) - 1, len(late) * share // 100)], 1) for share in (50, 90, 99)},
        "max_ms": round(late[-1], 1),
        "changes": len(sent),
        "seen": len(late),
        "cores": round(spent / took, 3),
        "until_all_known_s": round(ready, 1),
        "load": [round(one, 1) for one in loads],
        "processors": os.cpu_count(),
    }


async def _change(registry: "Registry", told: asyncio.StreamWriter | None) -> dict[tuple[str, int], float]:
    """Services in turn get another port, evenly in time. When each was changed, by service and port."""
    sent: dict[tuple[str, int], float] = {}
    began = time.perf_counter()
    for number in range(int(RATE * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        service = f"s{number * 7919 % SERVICES}"
        port = _FIRST_PORT + 1 + number // SERVICES
        sent[service, port] = time.perf_counter()
        if told is None:
            registry.put(service, port)
        else:
            told.write(f"{service} {port}\n".encode())
    return sent


class Registry:
    """Services with one instance each, and who waits for a change of one."""

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}
        self._at: dict[str, int] = {}
        self._index = 1
        self.waiting: dict[str, Queries] = {}
        self._open: set[Queries] = set()

    def put(self, service: str, port: int) -> None:
        """The instance is at this port now."""
        self._index += 1
        self._ports[service], self._at[service] = port, self._index
        waiting = self.waiting.pop(service, None)
        if waiting is not None:
            waiting.answer(service)

    def ask(self, service: str, index: int, by: "Queries") -> None:
        """Answer when there is something newer than the index."""
        if self._at.setdefault(service, 1) > index:
            by.answer(service)
        else:
            self.waiting[service] = by

    def body(self, service: str) -> tuple[bytes, int]:
        """The instances, and their index."""
        port = self._ports.get(service, _FIRST_PORT)
        entry = {"Node": {"Address": "10.0.0.1"}, "Service": {"Port": port, "Address": "10.0.0.1", "Tags": []}}
        return json.dumps([entry]).encode(), self._at[service]

    def opened(self, one: "Queries") -> None:
        """A connection has come."""
        self._open.add(one)

    def hang_up(self) -> None:
        """End all connections."""
        for one in self._open:
            one.end()


class Queries(asyncio.Protocol):
    """A connection of somebody who asks for the health of services, one after the other."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._registry.opened(self)

    def data_received(self, data: bytes) -> None:
        """A request: small enough for one segment."""
        target = data.split(b" ", 2)[1].decode()
        path, _, query = target.partition("?")
        params = dict(one.partition("=")[::2] for one in query.split("&"))
        self._registry.ask(path.rpartition("/")[2], int(params.get("index", "0")), self)

    def answer(self, service: str) -> None:
        """What there is."""
        body, index = self._registry.body(service)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: {index}\r\n"
        if self._transport is not None:
            self._transport.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def end(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


class Proxy:
    """A client of the xDS server that takes everything, and notes when which endpoint came."""

    def __init__(self, socket: str) -> None:
        options = [("grpc.max_receive_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=options)
        self.seen: dict[tuple[str, int], float] = {}
        self._known: set[str] = set()
        self._more = asyncio.Event()

    async def has(self, count: int) -> None:
        """Return when the endpoints of so many services have come."""
        while len(self._known) < count:
            self._more.clear()
            await self._more.wait()

    async def follow(self) -> None:
        """Take everything until cancelled."""
        call = self._channel.stream_stream(
            f"/{SERVICE}/{METHOD}",
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )()
        try:
            await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
            while True:
                response = await call.read()
                now = time.perf_counter()
                kind = response.type_url
                if kind == CLUSTER:
                    names = [one.name for one in response.resources]
                    await call.write(DeltaDiscoveryRequest(type_url=ENDPOINT, resource_names_subscribe=names))
                if kind == ENDPOINT:
                    self._note(response, now)
                await call.write(DeltaDiscoveryRequest(type_url=kind, response_nonce=response.nonce))
        finally:
            call.cancel()
            await self._channel.close()

    def _note(self, response: DeltaDiscoveryResponse, now: float) -> None:
        for one in response.resources:
            assignment = endpoint_pb2.ClusterLoadAssignment.FromString(one.resource.value)
            service = one.name.rpartition("/")[2] if one.name.startswith("upstream/") else one.name.split("/")[2]
            self._known.add(service)
            for locality in assignment.endpoints:
                for endpoint in locality.lb_endpoints:
                    self.seen.setdefault((service, endpoint.endpoint.address.socket_address.port_value), now)
        self._more.set()


def _cpu(pid: int) -> float:
    """Seconds of a processor that a process has had, with what its threads had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
