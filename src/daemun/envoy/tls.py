"""TLS contexts, towards clients and towards backends. Keys and CA certificates are named in them and come by SDS.

Names that a certificate must bear are part of the context, CA certificates are not: they change without it.
"""

import re
from collections.abc import Callable, Iterable

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from daemun.api.core import Service
from daemun.base import wire
from daemun.base.names import Name
from daemun.envoy import outside
from daemun.envoy.ads import ads
from daemun.flow import Collection, Reader
from daemun.gatewayapi.routes.backends import port_of
from daemun.gatewayapi.routes.backendtls import ByService, in_force
from daemun.ir.backend import BackendKey
from daemun.ir.listener import Listener
from daemun.ir.resource import Leaf
from daemun.ir.tls import BackendTLS, Bundle, ClientValidation, Handshake, SubjectName, bundle_name

TLS_SOCKET = "envoy.transport_sockets.tls"
"""The name of a transport socket with TLS."""
_ALPN = {"http": "http/1.1", "h2c": "h2"}
_SAN_TYPES = {
    "DNS": common_v3.SubjectAltNameMatcher.DNS,
    "URI": common_v3.SubjectAltNameMatcher.URI,
    "IP": common_v3.SubjectAltNameMatcher.IP_ADDRESS,
    "EMAIL": common_v3.SubjectAltNameMatcher.EMAIL,
    "TRUST_DOMAIN": common_v3.SubjectAltNameMatcher.URI,
}
_Validation = common_v3.CertificateValidationContext
_VERSIONS = {
    "": common_v3.TlsParameters.TLSv1_2,
    "TLSv1_0": common_v3.TlsParameters.TLSv1_0,
    "TLSv1_1": common_v3.TlsParameters.TLSv1_1,
    "TLSv1_2": common_v3.TlsParameters.TLSv1_2,
    "TLSv1_3": common_v3.TlsParameters.TLSv1_3,
}
_USUAL = Handshake()
MOST = "TLSv1_3"
"""The newest version, where Envoy is the client: its own limit there is 1.2."""
HANDSHAKE_SECONDS = 10
"""How long a handshake may take where nobody says: who begins one and falls silent would else hold its connection for
as long as an idle one may live."""


def downstream(listener: Listener, *alpn: str) -> tls_pb2.DownstreamTlsContext:
    """The context of a listener: its certificates, the check of those of its clients, and the protocols it offers."""
    context = tls_pb2.DownstreamTlsContext()
    common = context.common_tls_context
    agreed = listener.handshake or _USUAL
    if agreed.alpn is not None:
        common.alpn_protocols.extend(agreed.alpn or alpn)
    limit(common.tls_params, agreed)
    if not agreed.resumes:
        # A session that is resumed is not checked again: neither names nor revocations.
        context.disable_stateless_session_resumption = True
        context.disable_stateful_session_resumption = True
    context.ocsp_staple_policy = tls_pb2.DownstreamTlsContext.OcspStaplePolicy.Value(agreed.stapling)
    for secret in listener.secrets:
        common.tls_certificate_sds_secret_configs.add(name=secret, sds_config=ads())
    if listener.outside:
        context.require_client_certificate.value = listener.outside.asks
        outside.put(listener.outside.source, common, named(listener.outside.names))
    if listener.clients:
        context.require_client_certificate.value = listener.clients.mode == "required"
        trust(common, listener.clients.bundle, _rules(listener.clients))
    return context


def limit(proto: common_v3.TlsParameters, agreed: Handshake, most: str = "") -> None:
    """Bound what TLS may be; `most` is the version where none is said."""
    proto.tls_minimum_protocol_version = _VERSIONS[agreed.minimum]
    if agreed.maximum or most:
        proto.tls_maximum_protocol_version = _VERSIONS[agreed.maximum or most]
    proto.cipher_suites.extend(agreed.ciphers)
    proto.ecdh_curves.extend(agreed.curves)


def _rules(clients: ClientValidation) -> common_v3.CertificateValidationContext:
    """What the certificates of clients must be, besides coming from who is trusted."""
    rules = named(clients.names)
    if clients.mode == "any":
        rules.trust_chain_verification = _Validation.ACCEPT_UNTRUSTED
    if clients.depth is not None:
        rules.max_verify_depth.value = clients.depth
    rules.only_verify_leaf_cert_crl = clients.leaf_only
    return rules


def named(names: Iterable[SubjectName]) -> common_v3.CertificateValidationContext:
    """The rule that a certificate must bear one of these names, if there are any."""
    rules = _Validation()
    for name in names:
        _match(rules.match_typed_subject_alt_names.add(san_type=san_type(name)), name)
    return rules


def san_type(name: SubjectName) -> common_v3.SubjectAltNameMatcher.SanType.ValueType:
    """The kind of subject alternative name that it must be: a name of another kind is none, whatever it says."""
    return _SAN_TYPES[name.kind]


def wrap(chain: components_v3.FilterChain, listener: Listener, *alpn: str) -> None:
    """Put the TLS of a listener around what a filter chain does."""
    chain.transport_socket.name = TLS_SOCKET
    chain.transport_socket.typed_config.Pack(downstream(listener, *alpn), deterministic=True)
    seconds = (listener.handshake or _USUAL).seconds or HANDSHAKE_SECONDS
    chain.transport_socket_connect_timeout.FromMicroseconds(int(seconds * 1_000_000))


def trust(common: tls_pb2.CommonTlsContext, bundle: Bundle, rules: common_v3.CertificateValidationContext) -> None:
    """Trust the CA certificates of a bundle, and check by these rules besides."""
    combined = common.combined_validation_context
    combined.default_validation_context.CopyFrom(rules)
    combined.validation_context_sds_secret_config.name = bundle_name(bundle)
    combined.validation_context_sds_secret_config.sds_config.CopyFrom(ads())


def upstream_rule(
    policies: ByService, services: Collection[Name, Service], certificates: Collection[str, str]
) -> Callable[[Reader, str, BackendKey, Leaf], Leaf | None]:
    """The rule that puts TLS on the cluster of a backend, as a proxy needs it: Gateways show certificates of their own.

    It gives no cluster at all rather than one without TLS, and makes one leaf of both: whatever becomes of it becomes
    of all of it.
    """

    def encrypted(reader: Reader, proxy: str, key: BackendKey, plain: Leaf) -> Leaf | None:
        name = Name(key.namespace, key.name)
        service = reader.get(services, name)
        port = port_of(service, key.port, key.protocol) if service else None
        policy = in_force(reader.find(policies, name), name, port) if port else None
        if policy is None or policy.tls is None:
            return None
        certificate = reader.get(certificates, proxy) or ""
        cluster = cluster_pb2.Cluster()
        cluster.transport_socket.name = TLS_SOCKET
        cluster.transport_socket.typed_config.Pack(upstream(policy.tls, key, certificate), deterministic=True)
        secrets = [bundle_name(policy.tls.bundle)] if policy.tls.bundle else []
        secrets += [certificate] if certificate else []
        data = plain.data + wire.encoded(cluster)
        return Leaf(data, policy.tls.origin, secrets=tuple(secrets), late=plain.late)

    return encrypted


def upstream(tls: BackendTLS, key: BackendKey, certificate: str) -> tls_pb2.UpstreamTlsContext:
    """The context of a backend: its server name, what its certificate must be, and the one that is shown to it."""
    context = tls_pb2.UpstreamTlsContext(sni=tls.server_name)
    common = context.common_tls_context
    if key.protocol in _ALPN:
        common.alpn_protocols.append(_ALPN[key.protocol])
    limit(common.tls_params, tls.handshake or _USUAL, MOST)
    rules = named(tls.names)
    if tls.bundle:
        trust(common, tls.bundle, rules)
    else:
        rules.trusted_ca.filename = tls.system
        common.validation_context.CopyFrom(rules)
    if certificate:
        common.tls_certificate_sds_secret_configs.add(name=certificate, sds_config=ads())
    return context


def _match(matcher: common_v3.SubjectAltNameMatcher, name: SubjectName) -> None:
    """A wildcard stands for one label, as it does in certificates; Envoy itself knows those in certificates only."""
    if name.kind == "TRUST_DOMAIN":
        matcher.matcher.prefix = f"spiffe://{name.value}/"
    elif name.kind == "DNS" and name.value.startswith("*."):
        matcher.matcher.safe_regex.regex = rf"(?i)[^.]+{re.escape(name.value[1:])}"
    else:
        matcher.matcher.exact = name.value
