"""A real Envoy that asks replicas of `daemun ratelimit`, as proxies ask them in a cluster: by TLS from both ends."""

import asyncio
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from google.protobuf.json_format import MessageToDict

from daemun.features.options.rate_limit import asking
from daemun.gatewayapi.settings import Settings
from daemun.gloo.limits.limited import LimitServer
from daemun.ir.backend import OWN_LIMITS
from daemun.ir.quotas import Limits
from daemun.provision.kube.certificates import LIMITS, LIMITS_KEY, TRUST, Hosts
from support.envoys.limited import Proxy, bootstrap
from support.envoys.own_servers import cluster_at, healthy, made
from support.scenes.world import until
from support.servers.ports import free_port

HOST = "daemun-ratelimit.gates.svc"
DOMAIN = "shop"


class Counted:
    """`replicas` of the service, which count in `redis`; `process` has each. What they do not tell in time is a 500."""

    def __init__(self, folder: Path, limits: Sequence[Limits], redis: str, replicas: int, milliseconds: int) -> None:
        self._folder = folder
        self._file = folder / "limits.json"
        self._file.write_bytes(msgspec.json.encode(list(limits)))
        self._redis = redis
        self._milliseconds = milliseconds
        self.ports = [free_port() for _ in range(replicas)]
        self.process: dict[int, asyncio.subprocess.Process] = {}
        made(folder, Hosts("daemun.gates.svc", limits=HOST))

    async def __aenter__(self) -> Self:
        await self.serve()
        port = free_port()
        self.proxy = await asyncio.to_thread(Proxy.by, port, self._config(port))
        await until(self.healthy)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.proxy.stop()
        for process in self.process.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def serve(self) -> None:
        """Start those that do not run."""
        for port in self.ports:
            if port not in self.process or self.process[port].returncode is not None:
                self.process[port] = await self._start(port)
        for port in self.ports:
            await until(functools.partial(_open, port))

    async def healthy(self) -> bool:
        """Whether Envoy asks all of them."""
        return await healthy(self._folder / "admin", OWN_LIMITS) == len(self.ports)

    async def status(self, user: str) -> int:
        """What a request of this user is answered."""
        return (await self.proxy.get(user)).status

    async def _start(self, port: int) -> asyncio.subprocess.Process:
        own = ("--certificate", self._folder / LIMITS, "--key", self._folder / LIMITS_KEY)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "daemun", "ratelimit", "--limits", self._file, "--listen", f"127.0.0.1:{port}"),
            *(*own, "--client-ca", self._folder / TRUST, "--redis", self._redis, "--log-level", "error"),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def _config(self, port: int) -> dict[str, Any]:
        """As other tests' proxies, but with the filter and the cluster that proxies have in a cluster."""
        found = bootstrap(port, free_port(), (), deny=True, domain=DOMAIN)
        found["admin"] = {"address": {"pipe": {"path": str(self._folder / "admin")}}}
        resources = found["static_resources"]
        settings = Settings(ratelimit=f"{HOST}:9985", ratelimit_authority=str(self._folder / TRUST))
        cluster = cluster_at(OWN_LIMITS, settings, self._folder, self.ports)
        resources["clusters"][0] = MessageToDict(cluster, preserving_proto_field_name=True)
        filters = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        server = LimitServer(OWN_LIMITS, timeout=self._milliseconds, strict=True)
        config = MessageToDict(asking(DOMAIN, "limits", server), preserving_proto_field_name=True)
        filters[0]["typed_config"] = {"@type": filters[0]["typed_config"]["@type"]} | config
        return found


async def _open(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True
