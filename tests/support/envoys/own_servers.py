"""A server of Daemun's own in replicas, as proxies are told of it in a cluster: by TLS from both ends."""

import asyncio
import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from daemun.envoy.own import own_cluster
from daemun.gatewayapi.settings import Settings
from daemun.ir.backend import BackendKey
from daemun.provision.kube.certificates import PROXY, PROXY_KEY, Hosts, renewed


def made(folder: Path, hosts: Hosts) -> dict[str, bytes]:
    """The certificates that a control plane makes, in files of their names as well."""
    found = renewed({}, hosts, datetime.datetime.now(datetime.UTC))
    for name, pem in found.items():
        (folder / name).write_bytes(pem)
    return dict(found)


def cluster_at(key: BackendKey, settings: Settings, folder: Path, ports: Sequence[int]) -> cluster_pb2.Cluster:
    """The cluster that proxies have, at these replicas."""
    cluster = own_cluster(key, settings)
    assert cluster is not None
    cluster.type = cluster_pb2.Cluster.STATIC
    (first,) = cluster.load_assignment.endpoints[0].lb_endpoints
    del cluster.load_assignment.endpoints[0].lb_endpoints[:]
    for port in ports:
        first.endpoint.address.socket_address.address = "127.0.0.1"
        first.endpoint.address.socket_address.port_value = port
        cluster.load_assignment.endpoints[0].lb_endpoints.append(first)
    context = tls_pb2.UpstreamTlsContext()
    cluster.transport_socket.typed_config.Unpack(context)
    # Whoever has no control plane has it from files.
    del context.common_tls_context.tls_certificate_sds_secret_configs[:]
    shown = context.common_tls_context.tls_certificates.add()
    shown.certificate_chain.filename = str(folder / PROXY)
    shown.private_key.filename = str(folder / PROXY_KEY)
    cluster.transport_socket.typed_config.Pack(context)
    return cluster


async def healthy(admin: Path, key: BackendKey) -> int:
    """How many of them Envoy asks, by its own word at this socket."""
    reader, writer = await asyncio.open_unix_connection(str(admin))
    writer.write(b"GET /clusters HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
    told = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return len(re.findall(rf"^{re.escape(key.cluster)}::.*::health_flags::healthy$", told, re.MULTILINE))
