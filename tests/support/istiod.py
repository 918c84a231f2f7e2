"""Istio on loopback: a stand-in for istiod's authority, and real Envoys configured as Istio configures its sidecars.

Istiod itself is not run here. What its authority does is taken from `security/v1alpha1/ca.proto` of istio.io/api: who
has a token gets a certificate that bears the token's identity, whatever the request says of names.
"""

import datetime
from typing import Any, Self

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemun.sources.identities import istio
from support.certificates import Authority
from support.ports import free_port
from support.standing import StandingEnvoy

DOMAIN = "cluster.local"
GATE = f"spiffe://{DOMAIN}/ns/daemun-system/sa/daemun"
_TYPE = "type.googleapis.com/envoy."


class Istiod(grpc.GenericRpcHandler):
    """Issues certificates that live for so many `seconds` to whoever has the `token`."""

    def __init__(self, token: str, authority: Authority, seconds: float = 3600) -> None:
        self.port = 0
        self.seconds = seconds
        self.token = token
        self.issued: list[str] = []
        """The certificates' serial numbers."""
        self._authority, self._server = authority, grpc.aio.server(options=[("grpc.so_reuseport", 0)])

    @property
    def address(self) -> str:
        """Where it is."""
        return f"localhost:{self.port}"

    async def start(self) -> Self:
        """Listen, with a certificate of the same authority."""
        self.port = self.port or free_port()
        certificate, key = self._authority.issue("localhost")
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([self])
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """End at once."""
        await self._server.stop(0)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The one method there is."""
        if details.method != "/istio.v1.auth.IstioCertificateService/CreateCertificate":
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._create,
            request_deserializer=istio._Request.FromString,
            response_serializer=istio._Response.SerializeToString,
        )

    async def _create(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        if metadata.get("authorization") != f"Bearer {self.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "authentication failure")
        asked = x509.load_pem_x509_csr(request.csr.encode())
        assert asked.is_signature_valid
        key = asked.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        days = datetime.timedelta(seconds=self.seconds) / datetime.timedelta(days=1)
        certificate = self._authority.certify(key, GATE, days=(-1, days))
        self.issued.append(str(x509.load_pem_x509_certificate(certificate).serial_number))
        return istio._Response(cert_chain=[certificate.decode(), self._authority.pem])


def sidecar(authority: Authority, to: int, namespace: str, port: int, clients: str = ".*") -> StandingEnvoy:
    """An Envoy before a backend, as Istio's with a strict PeerAuthentication: TLS alone, from members of the mesh.

    `clients`: a pattern of the identities that may ask (an AuthorizationPolicy). The backend is told who did.
    """
    certificate, key = authority.issue(f"spiffe://{DOMAIN}/ns/{namespace}/sa/backend")
    context = {
        "@type": f"{_TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["istio-peer-exchange", "h2", "http/1.1"],
            "tls_certificates": [
                {
                    "certificate_chain": {"inline_string": certificate.decode()},
                    "private_key": {"inline_string": key.decode()},
                }
            ],
            "validation_context": {
                "trusted_ca": {"inline_string": authority.pem},
                "match_typed_subject_alt_names": [
                    {"san_type": "URI", "matcher": {"safe_regex": {"regex": f"spiffe://{DOMAIN}/{clients}"}}}
                ],
            },
        },
    }
    manager = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{_TYPE}extensions.filters.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                    "request_headers_to_add": [
                        {"header": {"key": "x-sni", "value": "%REQUESTED_SERVER_NAME%"}},
                    ],
                }
            ]
        },
    }
    listener = {
        "name": "inbound",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [
            {
                "name": "tls_inspector",
                "typed_config": {"@type": f"{_TYPE}extensions.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ],
        "filter_chains": [
            {
                "filter_chain_match": {
                    "transport_protocol": "tls",
                    "application_protocols": ["istio", "istio-peer-exchange", "istio-http/1.1", "istio-h2"],
                },
                "filters": [{"name": "hcm", "typed_config": manager}],
                "transport_socket": {"name": "tls", "typed_config": context},
            }
        ],
    }
    app = {
        "name": "app",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "app",
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": to}}}}
                    ]
                }
            ],
        },
    }
    return StandingEnvoy({"static_resources": {"listeners": [listener], "clusters": [app]}}, port)
