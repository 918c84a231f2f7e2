"""The certificate of the xDS server, which can be replaced while it serves: streams that are open stay open."""

import grpc


class ServerCertificate:
    """Give `credentials` to the server; `replace` is heeded from the next handshake on."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        first = _configuration(certificate, key)
        self._next: grpc.ServerCertificateConfiguration | None = None
        # Its stubs do not know that None means "as before".
        self.credentials = grpc.dynamic_ssl_server_credentials(first, self._fetch)  # type: ignore[arg-type]

    def replace(self, certificate: bytes, key: bytes) -> None:
        """Show another certificate, in PEM."""
        self._next = _configuration(certificate, key)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks at every handshake, from a thread of its own: None if nothing has changed."""
        found, self._next = self._next, None
        return found


def _configuration(certificate: bytes, key: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, certificate)])
