"""Where proxies ask Daemun's own servers, and whom they trust to be them."""

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2

from daemun.envoy.own import own_cluster
from daemun.gatewayapi.settings import Settings
from daemun.ir.backend import OWN_LIMITS, OWN_SERVER, BackendKey

BOTH = pytest.mark.parametrize(("key", "name"), [(OWN_SERVER, "extauth"), (OWN_LIMITS, "ratelimit")])


def made(key: BackendKey, **settings: str) -> cluster_pb2.Cluster:
    cluster = own_cluster(key, Settings(**settings))
    assert cluster is not None
    assert cluster.name == key.cluster
    return cluster


@BOTH
def test_over_the_network_it_is_asked_by_tls_and_must_be_who_it_is_called(key: BackendKey, name: str) -> None:
    context = tls_pb2.UpstreamTlsContext()
    cluster = made(key, **{name: "server.gates.svc:9983", f"{name}_authority": "/etc/x/ca.crt"})
    assert cluster.transport_socket.typed_config.Unpack(context)
    common = context.common_tls_context
    assert context.sni == "server.gates.svc"
    assert common.tls_params.tls_minimum_protocol_version == common_pb2.TlsParameters.TLSv1_3
    assert common.validation_context.trusted_ca.filename == "/etc/x/ca.crt"
    (one,) = common.validation_context.match_typed_subject_alt_names
    assert one.matcher.exact == "server.gates.svc"


@BOTH
def test_a_socket_on_this_machine_needs_no_tls(key: BackendKey, name: str) -> None:
    cluster = made(key, **{name: "unix:/run/server.sock"})
    assert cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe.path == "/run/server.sock"
    assert not cluster.HasField("transport_socket")


@BOTH
def test_there_is_none_without_an_address(key: BackendKey, name: str) -> None:
    assert own_cluster(key, Settings(**{name: ""})) is None


@BOTH
def test_what_is_found_out_about_replicas_is_heeded_at_once(key: BackendKey, name: str) -> None:
    """Without a word Envoy lets a change of health that follows another wait for up to a second."""
    common = made(key, **{name: "server.gates.svc:9983"}).common_lb_config
    assert common.HasField("update_merge_window")
    assert common.update_merge_window.ToMilliseconds() == 0
