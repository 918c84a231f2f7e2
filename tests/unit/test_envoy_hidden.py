"""What Envoy calls sensitive is hidden, however deep it lies."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.common.aws.v3 import credential_provider_pb2
from envoy.extensions.filters.http.aws_request_signing.v3 import aws_request_signing_pb2
from envoy.extensions.filters.http.basic_auth.v3 import basic_auth_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message

from daemun.envoy.hidden import hide

MARKER = "do-not-show-this"


def packed(message: Message) -> any_pb2.Any:
    found = any_pb2.Any()
    found.Pack(message)
    return found


def test_keys_passwords_and_credentials_are_hidden_and_all_else_stays() -> None:
    secret = secret_pb2.Secret(name="shown")
    pair = secret.tls_certificate
    pair.certificate_chain.inline_bytes = b"shown"
    pair.private_key.inline_bytes = pair.password.inline_bytes = MARKER.encode()
    generic = secret_pb2.Secret(name="shown")
    generic.generic_secret.secret.inline_string = MARKER
    tickets = secret_pb2.Secret(name="shown")
    tickets.session_ticket_keys.keys.add().inline_bytes = MARKER.encode()
    basic = basic_auth_pb2.BasicAuth()
    basic.users.inline_string = MARKER
    for message in (secret, generic, tickets, packed(basic)):
        hide(message)
        assert MARKER.encode() not in message.SerializeToString()
    assert pair.certificate_chain.inline_bytes == b"shown"


def test_what_is_packed_deep_in_a_cluster_is_hidden() -> None:
    inline = credential_provider_pb2.InlineCredentialProvider(
        access_key_id="shown", secret_access_key=MARKER, session_token=MARKER
    )
    signing = aws_request_signing_pb2.AwsRequestSigning(service_name="shown")
    signing.credential_provider.inline_credential.CopyFrom(inline)
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.http_filters.add(name="shown").typed_config.Pack(signing)
    cluster = cluster_pb2.Cluster(name="shown")
    cluster.typed_extension_protocol_options["shown"].Pack(options)
    unknown = any_pb2.Any(type_url="type.googleapis.com/nobody.knows.It", value=b"x")
    cluster.typed_extension_protocol_options["other"].CopyFrom(unknown)
    assert MARKER.encode() in cluster.SerializeToString()
    hide(cluster)
    assert MARKER.encode() not in cluster.SerializeToString()
    assert cluster.typed_extension_protocol_options["other"] == unknown
    assert b"aws_request_signing" in cluster.SerializeToString()
