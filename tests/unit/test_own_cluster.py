"""Where proxies ask Daemun's own server of authorization, and whom they trust to be it."""

from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2

from daemun.envoy.own import own_cluster


def test_over_the_network_it_is_asked_by_tls_and_must_be_who_it_is_called() -> None:
    context = tls_pb2.UpstreamTlsContext()
    assert own_cluster("auth.gates.svc:9983", "/etc/x/ca.crt").transport_socket.typed_config.Unpack(context)
    common = context.common_tls_context
    assert context.sni == "auth.gates.svc"
    assert common.tls_params.tls_minimum_protocol_version == common_pb2.TlsParameters.TLSv1_3
    assert common.validation_context.trusted_ca.filename == "/etc/x/ca.crt"
    (name,) = common.validation_context.match_typed_subject_alt_names
    assert name.matcher.exact == "auth.gates.svc"


def test_a_socket_on_this_machine_needs_no_tls() -> None:
    made = own_cluster("unix:/run/auth.sock", "")
    assert made.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe.path == "/run/auth.sock"
    assert not made.HasField("transport_socket")
