"""Gloo's TLS towards a backend as Envoy's: certificates from a Secret, from files, or from an SDS server."""

from collections.abc import Iterable

from envoy.config.core.v3 import config_source_pb2, grpc_service_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf import any_pb2

from daemun.api.gloo.ssl import (
    CallCredentials,
    FileCredentialSource,
    SDSConfig,
    SSLFiles,
    SslParameters,
    UpstreamSslConfig,
)
from daemun.base.names import CORE, Ref
from daemun.envoy.ads import ads
from daemun.envoy.tls import MOST, limit, san_type, trust
from daemun.envoy.upstreams.family import Draft, Fault
from daemun.gatewayapi.handshakes import checked
from daemun.gatewayapi.tlsoptions import subject_name
from daemun.gloo.handshakes import handshake
from daemun.gloo.served import Fields
from daemun.gloo.upstreams import ResolvedUpstream
from daemun.ir.tls import bundle_name

SERVES = (
    Fields(
        UpstreamSslConfig,
        (
            "secretRef",
            "sslFiles",
            "sds",
            "sni",
            "verifySubjectAltName",
            "parameters",
            "alpnProtocols",
            "allowRenegotiation",
        ),
    ),
    Fields(SSLFiles, ("tlsCert", "tlsKey", "rootCa", "ocspStaple")),
    Fields(
        SDSConfig,
        ("targetUri", "callCredentials", "certificatesSecretName", "validationContextName"),
        moot=("clusterName",),  # of Gloo's bootstrap, to what is at `targetUri`, which is asked directly
    ),
    Fields(CallCredentials, ("fileCredentialSource",)),
    Fields(FileCredentialSource, ("tokenFileName", "header")),
    Fields(SslParameters, ("minimumProtocolVersion", "maximumProtocolVersion", "cipherSuites", "ecdhCurves")),
)
_Validation = common_v3.CertificateValidationContext
_SDS_SECONDS = 5
"""How long a cluster waits for a foreign SDS server: no other change of a cluster gets to the proxy meanwhile."""


def context(config: UpstreamSslConfig, draft: Draft, sni: str = "") -> tls_pb2.UpstreamTlsContext:
    """The context for a backend. `sni` is what it is called where the configuration does not say."""
    found = tls_pb2.UpstreamTlsContext(sni=config.sni or sni)
    if config.allow_renegotiation is not None:
        found.allow_renegotiation = config.allow_renegotiation
    common = found.common_tls_context
    common.alpn_protocols.extend(config.alpn_protocols)
    limit(common.tls_params, handshake(config.parameters, config.alpn_protocols), MOST)
    rules = _Validation()
    for name in config.verify_subject_alt_name:
        # Exactly these: with Gloo a star stands for nothing else.
        rules.match_typed_subject_alt_names.add(san_type=san_type(subject_name(name))).matcher.exact = name
    if config.secret_ref is not None:
        _from_secret(config, draft, common, rules)
    elif config.ssl_files is not None:
        _from_files(config.ssl_files, common, rules)
    elif config.sds is not None:
        _from_server(config.sds, common, rules)
    return found


def faults(where: str, config: UpstreamSslConfig, upstream: ResolvedUpstream) -> Iterable[Fault]:
    """What makes TLS impossible, or less than it seems to be."""
    if config.secret_ref is None and config.ssl_files is None and config.sds is None and config.verify_subject_alt_name:
        yield from _unchecked(where)
    if config.secret_ref is not None and config.verify_subject_alt_name:
        parts = upstream.secrets.get(upstream.secret(config.secret_ref))
        if parts is not None and not parts.authority:
            yield from _unchecked(where)
    if config.ssl_files is not None:
        files = config.ssl_files
        if bool(files.tls_cert) != bool(files.tls_key):
            yield (
                f"{where}.sslFiles",
                "a certificate needs its key, and a key its certificate",
                "Give both, or neither.",
            )
        if config.verify_subject_alt_name and not files.root_ca:
            yield from _unchecked(where)
    if config.sds is not None:
        yield from _sds_faults(f"{where}.sds", config.sds)
    yield from _parameter_faults(where, config)
    for name in config.verify_subject_alt_name:
        if not name:
            yield f"{where}.verifySubjectAltName", "an empty name cannot be in a certificate", "Remove it."


def _parameter_faults(where: str, config: UpstreamSslConfig) -> Iterable[Fault]:
    """Versions, ciphers, curves and protocols of which Envoy knows nothing."""
    fields = {"alpn": "alpnProtocols"}
    fields |= {"maximum": "maximumProtocolVersion", "ciphers": "cipherSuites", "curves": "ecdhCurves"}
    found = checked(
        handshake(config.parameters, config.alpn_protocols),
        lambda part: f"{where}.{'' if part == 'alpn' else 'parameters.'}{fields[part]}",
    )
    for one in (*found.faults, *found.notes):
        yield one.where, one.text, one.mend


def _sds_faults(where: str, sds: SDSConfig) -> Iterable[Fault]:
    if not sds.target_uri:
        yield f"{where}.targetUri", "is missing", "Give the address of the SDS server."
    if not sds.certificates_secret_name and not sds.validation_context_name:
        yield where, "names nothing to ask for", "Give certificatesSecretName or validationContextName."
    if sds.call_credentials is not None and not sds.target_uri.startswith("unix:"):
        text = "a token is sent over a Unix socket only: gRPC takes nothing else for safe enough"
        yield f"{where}.callCredentials", text, "Give a targetUri of unix:, or remove this."


def _unchecked(where: str) -> Iterable[Fault]:
    text = "names are checked in certificates that nobody vouches for: there is no root CA"
    yield f"{where}.verifySubjectAltName", text, "Give the root CA, or no names."


def _from_secret(
    config: UpstreamSslConfig,
    draft: Draft,
    common: tls_pb2.CommonTlsContext,
    rules: common_v3.CertificateValidationContext,
) -> None:
    """The Secret may hold a key pair, the authorities to trust, or both. Without these everybody is trusted."""
    assert config.secret_ref is not None  # noqa: S101 - the caller has looked
    name = draft.upstream.secret(config.secret_ref)
    parts = draft.upstream.secrets.get(name)
    if parts is None:
        return
    if parts.pair:
        common.tls_certificate_sds_secret_configs.add(name=str(name), sds_config=ads())
        draft.secrets[str(name)] = None
    if parts.authority:
        bundle = (Ref(CORE, "Secret", *name),)
        trust(common, bundle, rules)
        draft.secrets[bundle_name(bundle)] = None


def _from_files(
    files: SSLFiles, common: tls_pb2.CommonTlsContext, rules: common_v3.CertificateValidationContext
) -> None:
    if files.tls_cert:
        pair = common.tls_certificates.add()
        pair.certificate_chain.filename, pair.private_key.filename = files.tls_cert, files.tls_key
        if files.ocsp_staple:
            pair.ocsp_staple.filename = files.ocsp_staple
    if files.root_ca:
        rules.trusted_ca.filename = files.root_ca
        common.validation_context.CopyFrom(rules)


def _from_server(
    sds: SDSConfig, common: tls_pb2.CommonTlsContext, rules: common_v3.CertificateValidationContext
) -> None:
    source = config_source_pb2.ConfigSource(resource_api_version=config_source_pb2.V3)
    source.initial_fetch_timeout.seconds = _SDS_SECONDS
    api = source.api_config_source
    api.api_type = api.GRPC
    api.transport_api_version = config_source_pb2.V3
    google = api.grpc_services.add().google_grpc
    google.target_uri, google.stat_prefix = sds.target_uri, "sds"
    if sds.call_credentials is not None and sds.call_credentials.file_credential_source is not None:
        _token(sds.call_credentials.file_credential_source, google)
    if sds.certificates_secret_name:
        common.tls_certificate_sds_secret_configs.add(name=sds.certificates_secret_name, sds_config=source)
    if sds.validation_context_name:
        combined = common.combined_validation_context
        combined.default_validation_context.CopyFrom(rules)
        combined.validation_context_sds_secret_config.name = sds.validation_context_name
        combined.validation_context_sds_secret_config.sds_config.CopyFrom(source)


def _token(wanted: FileCredentialSource, google: grpc_service_pb2.GrpcService.GoogleGrpc) -> None:
    """A token from a file, which gRPC sends within the same machine."""
    from envoy.config.grpc_credential.v3 import file_based_metadata_pb2 as token_v3

    config = token_v3.FileBasedMetadataConfig(header_key=wanted.header or "authorization")
    config.secret_data.filename = wanted.token_file_name
    packed = any_pb2.Any()
    packed.Pack(config, deterministic=True)
    google.credentials_factory_name = "envoy.grpc_credentials.file_based_metadata"
    google.channel_credentials.local_credentials.SetInParent()
    plugin = google.call_credentials.add().from_plugin
    plugin.name = "envoy.grpc_credentials.file_based_metadata"
    plugin.typed_config.CopyFrom(packed)
