"""A door with several servers of authorization, asked as proxies ask them in a cluster: by TLS from both ends."""

import asyncio
import functools
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from daemun.features.authz import again, over_grpc
from daemun.gatewayapi.settings import Settings
from daemun.ir.auth import Chain
from daemun.ir.backend import OWN_SERVER
from daemun.provision.kube.certificates import AUTH, AUTH_KEY, TRUST, Hosts
from support.envoys.door import DAEMUN, Door
from support.envoys.own_servers import cluster_at, healthy, made
from support.scenes.world import until
from support.servers.ports import free_port

HOST = "daemun-extauth.gates.svc"


class Doors(Door):
    """`replicas` servers; `process` has each. The certificates are those that a control plane makes."""

    def __init__(self, *chains: Chain, replicas: int) -> None:
        super().__init__(*chains, timeout="10s")
        self.ports = [free_port() for _ in range(replicas)]
        self.process: dict[int, asyncio.subprocess.Process] = {}
        self.pems = made(self._folder, Hosts("daemun.gates.svc", HOST))

    async def __aexit__(self, *error: object) -> None:
        for process in self.process.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
        await super().__aexit__(*error)

    async def serve(self) -> None:
        """Start those that do not run."""
        file = self._written()
        for port in self.ports:
            if port not in self.process or self.process[port].returncode is not None:
                self.process[port] = await self._start(port, file)
        for port in self.ports:
            await until(functools.partial(_open, port))

    async def healthy(self) -> bool:
        """Whether Envoy asks all of them."""
        return await healthy(self._folder / "admin", OWN_SERVER) == len(self.ports)

    async def _start(self, port: int, chains: Path) -> asyncio.subprocess.Process:
        own = ("--certificate", self._folder / AUTH, "--key", self._folder / AUTH_KEY)
        return await asyncio.create_subprocess_exec(
            *(DAEMUN, "extauth", "--chains", chains, "--listen", f"127.0.0.1:{port}", "--log-level", "error"),
            *(*own, "--client-ca", self._folder / TRUST),
            stderr=DEVNULL,
        )

    def _config(self) -> dict[str, Any]:
        """As Door's, but with the cluster that proxies have, at these replicas."""
        found = super()._config()
        resources = found["static_resources"]
        settings = Settings(extauth=f"{HOST}:9983", extauth_authority=str(self._folder / TRUST))
        cluster = cluster_at(OWN_SERVER, settings, self._folder, self.ports)
        resources["clusters"][1] = MessageToDict(cluster, preserving_proto_field_name=True)
        filters = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        authz = over_grpc(OWN_SERVER.cluster, 10_000)
        authz.grpc_service.retry_policy.CopyFrom(again(10_000))
        filters[0]["typed_config"] |= MessageToDict(authz, preserving_proto_field_name=True)
        return found


async def _open(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True
