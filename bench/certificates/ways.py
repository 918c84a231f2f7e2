"""One more certificate beside many: three ways to bring it to Envoy, and what each costs those who are there.

`lds` is a filter chain in the listener, as Daemun does it; `fcds` a filter chain as a resource of its own, which the
listener's matcher names; `on demand` one filter chain whose certificates are asked for in handshakes. With `known` the
added chain has a certificate that Envoy has already. The listener is Daemun's own; it comes from a server of this file,
so that nothing but Envoy is measured.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.matching.common_inputs.network.v3 import network_inputs_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2, wrappers_pb2
from google.protobuf.message import Message

from bench.certificates.secure import client, handshake, issue, listeners, secret, until_shown
from bench.tools.poller import free_port
from bench.tools.worlds import summary
from daemun.api.decode import decode
from daemun.envoy.ads import ads
from daemun.envoy.readable import grouped, message
from daemun.ir.resource import LISTENER, SECRET
from daemun.provision import admin
from daemun.provision.binary import find
from daemun.provision.bootstrap import assembled, encoded, xds_cluster
from daemun.translate import Translation

SIZES = tuple(int(size) for size in os.environ.get("BENCH_CERTIFICATES", "100,1000").split(","))
WAYS = ("lds", "fcds", "fcds, known", "on demand")
_ADDED = 6
_HELD = 20
_CLIENTS = 2
_PATIENCE = 10
_REST = 3.0
"""Seconds after which a connection that is drained is closed: longer than Envoy is told to take."""
_CHAIN = "type.googleapis.com/envoy.config.listener.v3.FilterChain"
_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls."
_STATS = "/stats?filter=^listener_manager\\.(listener_in_place_updated|listener_modified)$"
Resources = dict[str, Message]


def measure() -> dict[str, Any]:
    """Each way at each size."""
    found: dict[str, Any] = {}
    for size in SIZES:
        world = World(size)
        for way in WAYS:
            found[f"{way}, {size}"] = asyncio.run(_measured(world, way))
            print(f"{way}, {size}", found[f"{way}, {size}"], flush=True)
    return found


class World:
    """The listener that Daemun makes for hosts with a certificate each, and these certificates."""

    def __init__(self, size: int) -> None:
        self.port = free_port()
        self.hosts = [f"h{number}.example.com" for number in range(size + _ADDED)]
        self.size = size
        made = Translation()
        documents = [
            *listeners(self.port, self.hosts),
            *(secret(at, issue(host)) for at, host in enumerate(self.hosts)),
        ]
        made.apply((one.ref, one.value) for document in documents if (one := decode(document)))
        found = {key: message(key[1], parts) for key, parts in grouped(made.resources).items()}
        self.whole: Any = next(one for (_, kind, _), one in found.items() if kind == LISTENER)
        self.chains = {one.filter_chain_match.server_names[0]: one for one in self.whole.filter_chains}
        self.secrets: Resources = {name: one for (_, kind, name), one in found.items() if kind == SECRET}

    def resources(self, way: str, count: int) -> dict[str, Resources]:
        """What Envoy has with so many hosts."""
        hosts = self.hosts[:count]
        head = listener_pb2.Listener()
        head.CopyFrom(self.whole)
        del head.filter_chains[:]
        found: dict[str, Resources] = {SECRET: self.secrets, _CHAIN: {}}
        if way == "lds":
            head.filter_chains.extend(self.chains[host] for host in hosts)
        elif way.startswith("fcds"):
            head.fcds_config.config_source.CopyFrom(ads())
            tree = head.filter_chain_matcher.matcher_tree
            tree.input.name = "server name"
            tree.input.typed_config.Pack(network_inputs_pb2.ServerNameInput())
            for host in hosts:
                chain = components_v3.FilterChain()
                chain.CopyFrom(self.chains[host])
                chain.ClearField("filter_chain_match")
                if way.endswith("known") and host in self.hosts[self.size :]:
                    chain.transport_socket.CopyFrom(self.chains[hosts[0]].transport_socket)
                found[_CHAIN][chain.name] = chain
                action = tree.exact_match_map.map[host].action
                action.name = "chain"
                action.typed_config.Pack(wrappers_pb2.StringValue(value=chain.name))
        else:
            head.filter_chains.append(_on_demand(self.chains[hosts[0]]))
            found[SECRET] = {host: _named(self.secrets[f"bench/c{at}"], host) for at, host in enumerate(hosts)}
        found[LISTENER] = {head.name: head}
        return found


def _named(one: Any, name: str) -> secret_pb2.Secret:
    found = secret_pb2.Secret()
    found.CopyFrom(one)
    found.name = name
    return found


def _on_demand(one: components_v3.FilterChain) -> components_v3.FilterChain:
    """A chain for all server names. Its selector's messages are not in xds-protos: they are encoded by hand."""
    chain = components_v3.FilterChain()
    chain.CopyFrom(one)
    chain.ClearField("filter_chain_match")
    tls = tls_pb2.DownstreamTlsContext()
    chain.transport_socket.typed_config.Unpack(tls)
    common = tls.common_tls_context
    del common.tls_certificate_sds_secret_configs[:]
    mapper = any_pb2.Any(type_url=f"{_TYPE}cert_mappers.sni.v3.SNI", value=_field(1, b"none"))
    extension = _field(1, b"sni") + _field(2, mapper.SerializeToString())
    config = _field(1, ads().SerializeToString()) + _field(2, extension)
    selector = common.custom_tls_certificate_selector
    selector.name = "on demand"
    selector.typed_config.type_url = f"{_TYPE}cert_selectors.on_demand_secret.v3.Config"
    selector.typed_config.value = config
    tls.disable_stateless_session_resumption = True
    tls.disable_stateful_session_resumption = True
    chain.transport_socket.typed_config.Pack(tls)
    return chain


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


class Server:
    """An ADS server for one Envoy: what it asks for by name it gets, listeners it gets unasked."""

    def __init__(self, resources: dict[str, Resources]) -> None:
        self._resources = resources
        self._asked: dict[str, set[str]] = {}
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self.rejected: list[str] = []

    async def start(self, address: str) -> grpc.aio.Server:
        """Listen at this address."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
        )
        server = grpc.aio.server()
        service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"DeltaAggregatedResources": handler}),)
        )
        server.add_insecure_port(address)
        await server.start()
        return server

    def update(self, resources: dict[str, Resources]) -> None:
        """Send what is new or different, to whoever asked."""
        before, self._resources = self._resources, resources
        for kind in (SECRET, _CHAIN, LISTENER):
            old, new = before.get(kind, {}), resources.get(kind, {})
            changed = [name for name, one in new.items() if old.get(name) != one]
            self._send(kind, [name for name in changed if kind == LISTENER or name in self._asked.get(kind, ())])

    def _send(self, kind: str, names: list[str], *, always: bool = False) -> None:
        response = discovery_pb2.DeltaDiscoveryResponse(type_url=kind, nonce=str(time.monotonic_ns()))
        for name in names:
            one = self._resources.get(kind, {}).get(name)
            if one is None:
                response.removed_resources.append(name)
                continue
            found = response.resources.add(name=name, version=str(time.monotonic_ns()))
            found.resource.Pack(one)
            found.resource.type_url = kind
        if names or always:
            self._out.put_nowait(response)

    async def _stream(self, requests: Any, _: Any) -> AsyncIterator[Any]:
        reading = asyncio.create_task(self._read(requests))
        try:
            while True:
                yield await self._out.get()
        finally:
            reading.cancel()

    async def _read(self, requests: Any) -> None:
        async for request in requests:
            kind = request.type_url
            if request.error_detail.message:
                self.rejected.append(request.error_detail.message)
            first = kind not in self._asked
            names = [one for one in request.resource_names_subscribe if one != "*"]
            self._asked.setdefault(kind, set()).update(names)
            self._asked[kind].difference_update(request.resource_names_unsubscribe)
            if kind == LISTENER and first:
                names = list(self._resources[LISTENER])
            if first or names:
                self._send(kind, names, always=True)


async def _measured(world: World, way: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dbc-") as temporary:
        base = Path(temporary)
        server = Server(world.resources(way, world.size))
        running = await server.start(f"unix:{base / 'xds'}")
        static: dict[str, Any] = {"clusters": [xds_cluster({"pipe": {"path": str(base / "xds")}})]}
        file = base / "envoy.json"
        file.write_bytes(encoded(assembled("gw", str(base / "admin"), static, [], 0, 10_000)))
        command = [find(), "-c", str(file), "--concurrency", "2", "--disable-hot-restart", "--log-level", "error"]
        command += ["--drain-time-s", "1", "--drain-strategy", "immediate"]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            return await _asked(world, way, server, str(base / "admin"))
        finally:
            process.terminate()
            await process.wait()
            await running.stop(None)


async def _asked(world: World, way: str, server: Server, socket: str) -> dict[str, Any]:
    began = time.perf_counter()
    ready = await until_shown(world.port, world.hosts[world.size - 1]) - began
    counts = {"handshakes": 0, "failed": 0}
    held = [
        await asyncio.open_connection("127.0.0.1", world.port, ssl=client(), server_hostname=host)
        for host in world.hosts[: min(_HELD, world.size)]
    ]
    load = [asyncio.create_task(_load(world, counts)) for _ in range(_CLIENTS)]
    times, never, before = [], 0, await _stats(socket)
    for at in range(world.size, world.size + _ADDED):
        made = world.resources(way, at + 1)
        begun = time.perf_counter()
        server.update(made)
        try:
            times.append((await until_shown(world.port, world.hosts[at], patience=_PATIENCE) - begun) * 1e3)
        except TimeoutError:
            never += 1
        await asyncio.sleep(0.3)
    await asyncio.sleep(_REST)
    for one in load:
        one.cancel()
    closed = [reader.at_eof() for reader, _ in held]
    for _, writer in held:
        writer.close()
    after = await _stats(socket)
    replaced, in_place = (after[name] - before[name] for name in ("listener_modified", "listener_in_place_updated"))
    return {
        "first_handshake_s": round(ready, 2),
        "added_to_handshake_ms": summary(times) if times else {},
        f"never_within_{_PATIENCE}_s": never,
        "handshakes": counts["handshakes"],
        "failed_handshakes": counts["failed"],
        "connections_drained": f"{sum(closed)} of {len(held)}",
        "listeners_replaced": replaced - in_place,
        "updated_in_place": in_place,
        "rejected": server.rejected[:2],
    }


async def _stats(socket: str) -> dict[str, int]:
    found = (await admin.request(socket, _STATS)).decode()
    pairs = (line.split(": ") for line in found.splitlines() if ": " in line)
    return {name.rpartition(".")[2]: int(value) for name, value in pairs}


async def _load(world: World, counts: dict[str, int]) -> None:
    number = 0
    while True:
        number += 7
        counts["handshakes"] += 1
        if not await handshake(world.port, world.hosts[number % world.size]):
            counts["failed"] += 1
        await asyncio.sleep(0.002)
