"""Where a cluster's requests really go, as Envoy has it."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2
from envoy.config.endpoint.v3 import endpoint_pb2

from daemun.envoy.upstreams.tunnel import proxy_name
from daemun.ir.resource import CLUSTER, ENDPOINT, PartKey, encode
from daemun.translate import Translation


def endpoints(translation: Translation, proxy: str, cluster: str) -> tuple[str, ...]:
    """The endpoints of a cluster: addresses with their ports, hostnames that Envoy looks up itself, Unix sockets."""
    part = translation.resources.get(PartKey(proxy, ENDPOINT, cluster))
    if part is not None:
        assignment = endpoint_pb2.ClusterLoadAssignment.FromString(encode(part))
    else:
        whole = translation.resources.get(PartKey(proxy, CLUSTER, cluster))
        assignment = cluster_pb2.Cluster.FromString(encode(whole) if whole else b"").load_assignment
    addresses = [one.endpoint.address for group in assignment.endpoints for one in group.lb_endpoints]
    if any(one.HasField("envoy_internal_address") for one in addresses):
        return endpoints(translation, proxy, proxy_name(cluster))
    return tuple(map(_shown, addresses))


def _shown(address: address_pb2.Address) -> str:
    if address.HasField("pipe"):
        return str(address.pipe.path)
    socket = address.socket_address
    host = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{host}:{socket.port_value}"
