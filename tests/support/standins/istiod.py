"""Istio on loopback: a stand-in for istiod's authority.

Istiod itself is run in `tests/cluster/test_istiod.py`, where it has been built. What its authority does is taken from
`security/v1alpha1/ca.proto` of istio.io/api: who has a token gets a certificate that bears the token's identity,
whatever the request says of names.
"""

import datetime
from typing import Any, Self

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemun.sources.identities import istio
from support.objects.certificates import Authority
from support.servers.ports import free_port

DOMAIN = "cluster.local"
GATE = f"spiffe://{DOMAIN}/ns/daemun-system/sa/daemun"


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
