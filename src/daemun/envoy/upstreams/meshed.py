"""Services in a mesh: by Istio's TLS to endpoints that have a sidecar, and known to Linkerd by its name.

Endpoints with a sidecar are marked (`envoy.endpoints`), and only these are spoken to by TLS: so a Service may have both
kinds while a mesh is rolled out, and one that takes nothing but TLS (a strict PeerAuthentication) is reached.
"""

import re

from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.ads import ads
from daemun.envoy.tls import MOST, TLS_SOCKET, limit
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.served import Fields
from daemun.ir.identity import Identity
from daemun.ir.mesh import LINKERD, METADATA, Mesh
from daemun.ir.tls import Handshake

TLS_MODE, ISTIO = "tlsMode", "istio"
"""The mark of an endpoint behind a sidecar of Istio's; pods say it by the label `security.istio.io/tlsMode`."""


class Meshed(Family):
    """`disableIstioAutoMtls`, and what Settings say of meshes."""

    serves = (Fields(UpstreamSpec, ("disableIstioAutoMtls",)),)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """A TLS of its own for endpoints with the mark, and what Linkerd is told (`features.options.linkerd`)."""
        del spec
        mesh = draft.upstream.mesh
        if mesh is None:
            return
        if mesh.istio:
            match = draft.cluster.transport_socket_matches.add(name=ISTIO)
            match.match[TLS_MODE] = ISTIO
            match.transport_socket.name = TLS_SOCKET
            match.transport_socket.typed_config.Pack(_istio(mesh, draft), deterministic=True)
        if mesh.linkerd:
            draft.cluster.metadata.filter_metadata[METADATA][LINKERD] = f"{mesh.host}:{mesh.port}"


def _istio(mesh: Mesh, draft: Draft) -> tls_pb2.UpstreamTlsContext:
    """Whoever answers must be of the Service's own namespace, where its pods are, in whichever trust domain."""
    context = tls_pb2.UpstreamTlsContext(sni=f"outbound_.{mesh.port}_._.{mesh.host}")
    common = context.common_tls_context
    common.alpn_protocols.append(ISTIO)
    limit(common.tls_params, Handshake(), MOST)
    rules = as_member(common, Identity("istio"), draft)
    name = rules.match_typed_subject_alt_names.add(san_type=common_v3.SubjectAltNameMatcher.URI)
    name.matcher.safe_regex.regex = rf"spiffe://[^/]+/ns/{re.escape(mesh.namespace)}/sa/[^/]+"
    return context


def as_member(
    common: tls_pb2.CommonTlsContext, identity: Identity, draft: Draft
) -> common_v3.CertificateValidationContext:
    """Show who we are in a mesh, and trust its authorities; what else must be so of a certificate is for the caller."""
    common.tls_certificate_sds_secret_configs.add(name=identity.pair, sds_config=ads())
    combined = common.combined_validation_context
    combined.validation_context_sds_secret_config.name = identity.trust
    combined.validation_context_sds_secret_config.sds_config.CopyFrom(ads())
    draft.secrets |= dict.fromkeys((identity.pair, identity.trust))
    return combined.default_validation_context
