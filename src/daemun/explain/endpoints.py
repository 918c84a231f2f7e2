"""Where a cluster's requests really go and how, as Envoy has it."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3

from daemun.envoy.defaults import HTTP_OPTIONS
from daemun.envoy.tls import TLS_SOCKET
from daemun.envoy.upstreams.tunnel import proxy_name
from daemun.ir.backend import BackendKey
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


def spoken(translation: Translation, proxy: str, key: BackendKey) -> str:
    """What is spoken to a backend, in a word: an Upstream and an Egress say it in their clusters only."""
    whole = translation.resources.get(PartKey(proxy, CLUSTER, key.cluster))
    if key.kind not in {"upstream", "egress"} or whole is None:
        return key.spoken
    cluster = cluster_pb2.Cluster.FromString(encode(whole))
    options = http_v3.HttpProtocolOptions()
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].Unpack(options)
    # It may be within another, of the PROXY protocol.
    tls = TLS_SOCKET.encode() in cluster.transport_socket.SerializeToString()
    if options.explicit_http_config.HasField("http2_protocol_options"):
        return "h2" if tls else "h2c"
    return "https" if tls else "http"


def _shown(address: address_pb2.Address) -> str:
    if address.HasField("pipe"):
        return str(address.pipe.path)
    socket = address.socket_address
    host = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{host}:{socket.port_value}"
