"""Replicas of `daemun ratelimit`, and real Envoys that ask them, without a control plane."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from daemun.ir.quotas import Limits
from support.clients.client import Answer, ask
from support.envoys.standing import StandingEnvoy
from support.servers.ports import free_port

_TYPE = "type.googleapis.com/envoy.extensions.filters."


class Replicas:
    """So many of the service, by one file of limits."""

    def __init__(self, folder: Path, limits: Sequence[Limits], redis: str = "", count: int = 1) -> None:
        self._file = folder / "limits.json"
        self._file.write_bytes(msgspec.json.encode(list(limits)))
        self._redis = redis
        self.ports = [free_port() for _ in range(count)]
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Start them, and wait until each listens."""
        for port in self.ports:
            command = (sys.executable, "-m", "daemun", "ratelimit", "--limits", str(self._file))
            env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            where = ("--listen", f"127.0.0.1:{port}", "--redis", self._redis, "--log-level", "error")
            self.processes.append(await asyncio.create_subprocess_exec(*command, *where, env=env))
        async with asyncio.timeout(60):
            for port in self.ports:
                while True:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
                    await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End them, by their processes."""
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
                await process.wait()


class Proxy:
    """An Envoy that limits by the header `x-user`, and answers 200 by itself where it may."""

    def __init__(self, ports: Sequence[int], *, deny: bool = False, domain: str = "shop") -> None:
        self.port = free_port()
        config = bootstrap(self.port, free_port(), ports, deny=deny, domain=domain)
        self._envoy = StandingEnvoy(config, self.port)

    @classmethod
    def by(cls, port: int, config: dict[str, Any]) -> Self:
        """One with a configuration of its own, which listens at this port."""
        made = cls.__new__(cls)
        made.port = port
        made._envoy = StandingEnvoy(config, port)
        return made

    async def get(self, user: str) -> Answer:
        """Ask as this user."""
        return await ask(self.port, "/", host="limited.test", headers={"x-user": user})

    def stop(self) -> None:
        """End it."""
        self._envoy.close()


@contextlib.asynccontextmanager
async def proxies(ports: Sequence[int], count: int = 1, **options: Any) -> AsyncIterator[list[Proxy]]:
    """So many Envoys that ask these services."""
    found: list[Proxy] = []
    try:
        while len(found) < count:
            found.append(await asyncio.to_thread(Proxy, ports, **options))
        yield found
    finally:
        for one in found:
            one.stop()


def bootstrap(port: int, behind: int, services: Sequence[int], *, deny: bool, domain: str) -> dict[str, Any]:
    """Envoy's configuration: it asks the services, and passes on what may to a backend of its own."""
    limit = {
        "@type": f"{_TYPE}http.ratelimit.v3.RateLimit",
        "domain": domain,
        "failure_mode_deny": deny,
        "timeout": "2s",
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": "limits"}},
        },
    }
    action = {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}}
    to_backend = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "rate_limits": [{"actions": [action]}]}}
    fine = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    filters = [{"name": "envoy.filters.http.ratelimit", "typed_config": limit}]
    clusters = [_cluster("limits", services, h2=True), _cluster("backend", [behind])]
    listeners = [_listener(port, to_backend, filters), _listener(behind, fine, [])]
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


def _cluster(name: str, ports: Sequence[int], *, h2: bool = False) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _at(port)}} for port in ports]
    made: dict[str, Any] = {
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if h2:
        options = {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        made["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}
    return made


def _listener(port: int, route: dict[str, Any], filters: list[dict[str, Any]]) -> dict[str, Any]:
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPE}http.router.v3.Router"}}
    manager = {
        "@type": f"{_TYPE}network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, router],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"name": str(port), "address": _at(port), "filter_chains": [chain]}


def _at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
