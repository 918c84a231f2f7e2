"""Services in a mesh: by Istio's TLS to endpoints that have a sidecar, by Consul's to its own, by name to Linkerd.

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
from daemun.gloo.served.fields import Fields
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
        if mesh.connect_as:
            draft.cluster.transport_socket.name = TLS_SOCKET
            draft.cluster.transport_socket.typed_config.Pack(_connect(mesh, draft), deterministic=True)
        if mesh.linkerd:
            draft.cluster.metadata.filter_metadata[METADATA][LINKERD] = f"{mesh.host}:{mesh.port}"


def _istio(mesh: Mesh, draft: Draft) -> tls_pb2.UpstreamTlsContext:
    """Whoever answers must be of the Service's own namespace, where its pods are, in whichever trust domain."""
    context = tls_pb2.UpstreamTlsContext(sni=f"outbound_.{mesh.port}_._.{mesh.host}")
    common = context.common_tls_context
    common.alpn_protocols.append(ISTIO)
    limit(common.tls_params, Handshake(), MOST)
    us = Identity("istio")
    _as_member(common, us.pair, us.trust, rf"ns/{re.escape(mesh.namespace)}/sa/[^/]+", draft)
    return context


def _connect(mesh: Mesh, draft: Draft) -> tls_pb2.UpstreamTlsContext:
    """Whoever answers must be the service, in whichever namespace and data center of the mesh."""
    context = tls_pb2.UpstreamTlsContext()
    common = context.common_tls_context
    limit(common.tls_params, Handshake(), MOST)
    us, all_of_them = Identity("consul", mesh.connect_as), Identity("consul")
    them = rf"(ap/[^/]+/)?ns/[^/]+/dc/[^/]+/svc/{re.escape(mesh.service)}"
    _as_member(common, us.pair, all_of_them.trust, them, draft)
    return context


def _as_member(common: tls_pb2.CommonTlsContext, pair: str, trust: str, them: str, draft: Draft) -> None:
    """Show who we are in a mesh, and trust its authorities in what they say of `them`, by the path of an identity."""
    common.tls_certificate_sds_secret_configs.add(name=pair, sds_config=ads())
    combined = common.combined_validation_context
    combined.validation_context_sds_secret_config.name = trust
    combined.validation_context_sds_secret_config.sds_config.CopyFrom(ads())
    name = combined.default_validation_context.match_typed_subject_alt_names.add(
        san_type=common_v3.SubjectAltNameMatcher.URI
    )
    name.matcher.safe_regex.regex = f"spiffe://[^/]+/{them}"
    draft.secrets |= dict.fromkeys((pair, trust))
