"""Certificates that Envoy gets elsewhere than from us: from files on its machine, or from an SDS server."""

from envoy.config.core.v3 import config_source_pb2, grpc_service_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf import any_pb2

from daemun.ir.tls import Files, SecretServer

_SECONDS = 5
"""How long is waited for a foreign SDS server: no other change of a cluster gets to the proxy meanwhile."""


def put(
    source: Files | SecretServer, common: tls_pb2.CommonTlsContext, rules: common_v3.CertificateValidationContext
) -> None:
    """Name what is shown, and what the certificates of others are checked with, which must also hold to the rules."""
    if isinstance(source, Files):
        _from_files(source, common, rules)
    else:
        _from_server(source, common, rules)


def _from_files(files: Files, common: tls_pb2.CommonTlsContext, rules: common_v3.CertificateValidationContext) -> None:
    if files.certificate:
        pair = common.tls_certificates.add()
        pair.certificate_chain.filename, pair.private_key.filename = files.certificate, files.key
        if files.staple:
            pair.ocsp_staple.filename = files.staple
    if files.authority:
        rules.trusted_ca.filename = files.authority
        common.validation_context.CopyFrom(rules)


def _from_server(
    server: SecretServer, common: tls_pb2.CommonTlsContext, rules: common_v3.CertificateValidationContext
) -> None:
    source = config_source_pb2.ConfigSource(resource_api_version=config_source_pb2.V3)
    source.initial_fetch_timeout.seconds = _SECONDS
    api = source.api_config_source
    api.api_type = api.GRPC
    api.transport_api_version = config_source_pb2.V3
    google = api.grpc_services.add().google_grpc
    google.target_uri, google.stat_prefix = server.target, "sds"
    if server.token_file:
        _token(server, google)
    if server.certificate:
        common.tls_certificate_sds_secret_configs.add(name=server.certificate, sds_config=source)
    if server.authority:
        combined = common.combined_validation_context
        combined.default_validation_context.CopyFrom(rules)
        combined.validation_context_sds_secret_config.name = server.authority
        combined.validation_context_sds_secret_config.sds_config.CopyFrom(source)


def _token(server: SecretServer, google: grpc_service_pb2.GrpcService.GoogleGrpc) -> None:
    """A token from a file, which gRPC sends within the same machine."""
    from envoy.config.grpc_credential.v3 import file_based_metadata_pb2 as token_v3

    config = token_v3.FileBasedMetadataConfig(header_key=server.token_header or "authorization")
    config.secret_data.filename = server.token_file
    packed = any_pb2.Any()
    packed.Pack(config, deterministic=True)
    google.credentials_factory_name = "envoy.grpc_credentials.file_based_metadata"
    google.channel_credentials.local_credentials.SetInParent()
    plugin = google.call_credentials.add().from_plugin
    plugin.name = "envoy.grpc_credentials.file_based_metadata"
    plugin.typed_config.CopyFrom(packed)
