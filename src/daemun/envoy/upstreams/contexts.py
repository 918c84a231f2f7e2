"""Gloo's TLS towards a backend as Envoy's: certificates from a Secret, from files, or from an SDS server."""

from collections.abc import Iterable

from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from daemun.api.gloo.ssl import (
    CallCredentials,
    FileCredentialSource,
    SDSConfig,
    SSLFiles,
    SslParameters,
    UpstreamSslConfig,
)
from daemun.base.names import CORE, Ref
from daemun.envoy import outside
from daemun.envoy.ads import ads
from daemun.envoy.tls import MOST, limit, san_type, trust
from daemun.envoy.upstreams.family import Draft, Fault
from daemun.gatewayapi.tls.handshakes import Checked, checked
from daemun.gatewayapi.tls.options import subject_name
from daemun.gloo.served.fields import Fields
from daemun.gloo.tls.handshakes import handshake
from daemun.gloo.tls.outside import faults as outside_faults
from daemun.gloo.tls.outside import source_of
from daemun.gloo.upstreams.upstream import ResolvedUpstream
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
            "oneWayTls",
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


def context(config: UpstreamSslConfig, draft: Draft, sni: str = "") -> tls_pb2.UpstreamTlsContext:
    """The context for a backend. `sni` is what it is called where the configuration does not say."""
    found = tls_pb2.UpstreamTlsContext(sni=config.sni or sni)
    if config.allow_renegotiation is not None:
        found.allow_renegotiation = config.allow_renegotiation
    common = found.common_tls_context
    agreed = _checked("", config).handshake
    common.alpn_protocols.extend(agreed.alpn or ())
    limit(common.tls_params, agreed, MOST)
    rules = _Validation()
    for name in config.verify_subject_alt_name:
        # Exactly these: with Gloo a star stands for nothing else.
        rules.match_typed_subject_alt_names.add(san_type=san_type(subject_name(name))).matcher.exact = name
    if config.secret_ref is not None:
        _from_secret(config, draft, common, rules)
    elif (source := source_of(config.ssl_files, config.sds)) is not None:
        outside.put(source, common, rules)
    if config.one_way_tls and config.sds is None:
        common.ClearField("tls_certificates")
        common.ClearField("tls_certificate_sds_secret_configs")
    return found


def faults(where: str, config: UpstreamSslConfig, upstream: ResolvedUpstream) -> Iterable[Fault]:
    """What makes TLS impossible, or less than it seems to be."""
    if config.secret_ref is None and config.ssl_files is None and config.sds is None and config.verify_subject_alt_name:
        yield from _unchecked(where)
    if config.secret_ref is not None and config.verify_subject_alt_name:
        parts = upstream.secrets.get(upstream.secret(config.secret_ref))
        if parts is not None and not parts.authority:
            yield from _unchecked(where)
    if config.ssl_files is not None and config.verify_subject_alt_name and not config.ssl_files.root_ca:
        yield from _unchecked(where)
    yield from outside_faults(config.ssl_files, config.sds, where)
    yield from ((one.where, one.text, one.mend) for one in _checked(where, config).faults)
    for name in config.verify_subject_alt_name:
        if not name:
            yield f"{where}.verifySubjectAltName", "an empty name cannot be in a certificate", "Remove it."


def notes(where: str, config: UpstreamSslConfig) -> Iterable[Fault]:
    """What is left out of TLS, or comes to nothing."""
    yield from ((one.where, one.text, one.mend) for one in _checked(where, config).notes)


def _checked(where: str, config: UpstreamSslConfig) -> Checked:
    """Versions, ciphers, curves and protocols, as far as Envoy knows them."""
    fields = {"alpn": "alpnProtocols"}
    fields |= {"maximum": "maximumProtocolVersion", "ciphers": "cipherSuites", "curves": "ecdhCurves"}
    return checked(
        handshake(config.parameters, config.alpn_protocols),
        lambda part: f"{where}.{'' if part == 'alpn' else 'parameters.'}{fields[part]}",
    )


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
