"""The certificate of a gRPC server, which can be replaced while it serves: streams that are open stay open."""

import grpc


class ServerCertificate:
    """Give `credentials` to the server; `replace` is heeded from the next handshake on.

    With `clients`, authorities in PEM, who connects must have a certificate that one of them has signed.
    """

    def __init__(self, certificate: bytes, key: bytes, clients: bytes = b"") -> None:
        first = _configuration(certificate, key, clients)
        self._next: grpc.ServerCertificateConfiguration | None = None
        self.credentials = grpc.dynamic_ssl_server_credentials(
            first,
            self._fetch,  # type: ignore[arg-type]  # its stubs do not know that None means "as before"
            require_client_authentication=bool(clients),
        )

    def replace(self, certificate: bytes, key: bytes, clients: bytes = b"") -> None:
        """Show another certificate, in PEM."""
        self._next = _configuration(certificate, key, clients)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks at every handshake, from a thread of its own: None if nothing has changed."""
        found, self._next = self._next, None
        return found


def _configuration(certificate: bytes, key: bytes, clients: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, certificate)], clients or None)
