"""A changed file until its first 200, beside the floor: a bare xDS push of the same scope."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import scoped_route_pb2

from bench.folder.floor import BareServer
from bench.tools.poller import free_port, until_200
from bench.tools.worlds import put, route, stage, summary, text, world
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import LISTENER, SCOPE, Leaf, Part, PartKey, encode
from daemun.programs.app import App
from daemun.provision.local import LocalProxies

ROUTES = int(os.environ.get("BENCH_ROUTES", "1000"))
_ROUNDS = 60


def measure() -> dict[str, Any]:
    """Both, in turn, with their own Envoys, in one run; once with a file for each route, once with one for all."""
    return {name: asyncio.run(_measure(name)) for name in ("many_files", "one_file")}


async def _measure(layout: str) -> dict[str, Any]:
    async with stage() as (base, folder, port, behind):
        world(folder, 0 if layout == "one_file" else ROUTES, port, behind)
        file = _OneFile(folder) if layout == "one_file" else _ManyFiles(folder)
        app = App([folder], lambda _: None, Settings(), run_dir=base / "a" / "r", state_dir=base / "s")
        serving = asyncio.create_task(app.run())
        await app.synced.wait()
        floor = _Floor(app, base, free_port())
        await floor.start()
        ours, bare = [], []
        for number in range(_ROUNDS):
            target = number % ROUTES
            ours.append(await _by_file(file, port, target, number))
            bare.append(await floor.by_push(target, number))
        await floor.stop()
        serving.cancel()
        await asyncio.wait([serving])
    file_ms, bare_ms = summary(ours), summary(bare)
    ratio = round(file_ms["p50"] / bare_ms["p50"], 2)
    print(
        f"{ROUTES} routes, {layout.replace('_', ' ')}: file change to first 200 p50 {file_ms['p50']:.1f} ms, "
        f"bare push {bare_ms['p50']:.1f} ms, ratio {ratio:.2f}"
    )
    return {"routes": ROUTES, "file_ms": file_ms, "bare_push_ms": bare_ms, "ratio_p50": ratio}


class _ManyFiles:
    """A file for each route."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepared(self, target: int, path: str) -> tuple[Path, str]:
        """The file to be written when the route gets this path, and its content."""
        return self._folder / f"route-{target}.yaml", text(route(target, path))


class _OneFile:
    """One file for all routes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "routes.yaml"
        self._texts = [text(route(number)) for number in range(ROUTES)]
        put(self._path, "".join(self._texts))

    def prepared(self, target: int, path: str) -> tuple[Path, str]:
        """The file to be written when the route gets this path, and its content."""
        self._texts[target] = text(route(target, path))
        return self._path, "".join(self._texts)


async def _by_file(file: _ManyFiles | _OneFile, port: int, target: int, number: int) -> float:
    path = f"/round-{number}"
    where, content = file.prepared(target, path)
    started = time.perf_counter()
    put(where, content)
    return (await until_200(port, f"h{target}.example.com", path) - started) * 1e3


class _Floor:
    """A second Envoy with the same resources at another port, fed by a bare server."""

    def __init__(self, app: App, base: Path, own_port: int) -> None:
        self._port = own_port
        self._parts = {key: _moved(key, part, own_port) for key, part in app.plane.translation.resources.items()}
        self._server = BareServer(self._parts)
        self._socket = base / "b" / "r" / "x.sock"
        self._proxies = LocalProxies(base / "b" / "r", self._socket)
        self._proxy = next(iter(self._parts)).proxy

    async def start(self) -> None:
        """Bring it up, with every route in place."""
        await self._proxies.start()
        await self._server.start(f"unix:{self._socket}")
        await self._proxies.ensure(self._proxy)
        await until_200(self._port, "h0.example.com", "/")

    async def stop(self) -> None:
        """Stop it."""
        await self._proxies.stop(drain=0)
        await self._server.stop()

    async def by_push(self, target: int, number: int) -> float:
        """Push the scope of a host with one changed path; all bytes are made before the clock starts."""
        path = f"/push-{number}"
        host = f"h{target}.example.com"
        parts = {
            key: part
            for key, part in self._parts.items()
            if key.type_url == SCOPE and key.resource.endswith(f"/{host}")
        }
        name = next(key.resource for key in parts)
        body = b"".join(encode(parts[key]) for key in sorted(parts))
        response = self._server.response(SCOPE, name, _with_path(body, path))
        started = time.perf_counter()
        self._server.push(response)
        return (await until_200(self._port, host, path) - started) * 1e3


def _with_path(body: bytes, path: str) -> bytes:
    scope = scoped_route_pb2.ScopedRouteConfiguration.FromString(body)
    scope.route_configuration.virtual_hosts[0].routes[0].match.path = path
    return scope.SerializeToString()


def _moved(key: PartKey, part: Part, own_port: int) -> Part:
    """The part as it is, or an Envoy listener bound to another port."""
    if key.type_url != LISTENER:
        return part
    listener = listener_pb2.Listener.FromString(encode(part))
    listener.address.socket_address.port_value = own_port
    return Part((), (Leaf(listener.SerializeToString(), part.leaves[0].origin),), part.digest)
