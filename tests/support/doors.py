"""A door with several servers of authorization, asked as proxies ask them in a cluster: by TLS from both ends."""

import asyncio
import datetime
import functools
import re
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf.json_format import MessageToDict

from daemun.envoy.own import own_cluster
from daemun.features.authz import again, over_grpc
from daemun.gatewayapi.settings import Settings
from daemun.ir.auth import Chain
from daemun.ir.backend import OWN_SERVER
from daemun.provision.kube.certificates import (
    AUTH,
    AUTH_KEY,
    PROXY,
    PROXY_KEY,
    SERVER,
    SERVER_KEY,
    TRUST,
    Hosts,
    renewed,
)
from support.door import DAEMUN, Door
from support.ports import free_port
from support.world import until

HOST = "daemun-extauth.gates.svc"


class Doors(Door):
    """`replicas` servers; `process` has each. The certificates are those that a control plane makes."""

    def __init__(self, *chains: Chain, replicas: int) -> None:
        super().__init__(*chains, timeout="10s")
        self.ports = [free_port() for _ in range(replicas)]
        self.process: dict[int, asyncio.subprocess.Process] = {}
        found = renewed({}, Hosts("daemun.gates.svc", HOST), datetime.datetime.now(datetime.UTC))
        for name in (AUTH, AUTH_KEY, PROXY, PROXY_KEY, SERVER, SERVER_KEY, TRUST):
            (self._folder / name).write_bytes(found[name])
        self.pems = found

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
        reader, writer = await asyncio.open_unix_connection(str(self._folder / "admin"))
        writer.write(b"GET /clusters HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
        told = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        found = re.findall(rf"^{re.escape(OWN_SERVER.cluster)}::.*::health_flags::healthy$", told, re.MULTILINE)
        return len(found) == len(self.ports)

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
        resources["clusters"][1] = MessageToDict(self._cluster(), preserving_proto_field_name=True)
        filters = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        authz = over_grpc(OWN_SERVER.cluster, 10_000)
        authz.grpc_service.retry_policy.CopyFrom(again(10_000))
        filters[0]["typed_config"] |= MessageToDict(authz, preserving_proto_field_name=True)
        return found

    def _cluster(self) -> cluster_pb2.Cluster:
        settings = Settings(extauth=f"{HOST}:9983", extauth_authority=str(self._folder / TRUST))
        cluster = own_cluster(OWN_SERVER, settings)
        assert cluster is not None
        cluster.type = cluster_pb2.Cluster.STATIC
        (first,) = cluster.load_assignment.endpoints[0].lb_endpoints
        del cluster.load_assignment.endpoints[0].lb_endpoints[:]
        for port in self.ports:
            first.endpoint.address.socket_address.address = "127.0.0.1"
            first.endpoint.address.socket_address.port_value = port
            cluster.load_assignment.endpoints[0].lb_endpoints.append(first)
        context = tls_pb2.UpstreamTlsContext()
        cluster.transport_socket.typed_config.Unpack(context)
        # Whoever has no control plane has it from files.
        del context.common_tls_context.tls_certificate_sds_secret_configs[:]
        shown = context.common_tls_context.tls_certificates.add()
        shown.certificate_chain.filename = str(self._folder / PROXY)
        shown.private_key.filename = str(self._folder / PROXY_KEY)
        cluster.transport_socket.typed_config.Pack(context)
        return cluster


async def _open(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True
