"""Gloo's sslParameters: what is agreed to in a TLS handshake, with clients and with Upstreams alike."""

from daemun.api.gloo.ssl import SslParameters
from daemun.ir.tls import Handshake

_AUTO = "TLS_AUTO"
_NONE = "allow_empty"
"""In the place of protocols: none is offered (SslConfig, `alpnProtocols`)."""


def handshake(parameters: SslParameters | None, alpn: tuple[str, ...]) -> Handshake:
    """What is said of versions, ciphers, curves and protocols; what is not said is left to us."""
    said = parameters or SslParameters()
    return Handshake(
        minimum="" if said.minimum_protocol_version == _AUTO else said.minimum_protocol_version,
        maximum="" if said.maximum_protocol_version == _AUTO else said.maximum_protocol_version,
        ciphers=said.cipher_suites,
        curves=said.ecdh_curves,
        alpn=None if _NONE in alpn else alpn,
    )
