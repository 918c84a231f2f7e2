"""Whether a certificate and a private key belong together and can be served by Envoy."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_SMALLEST_RSA = 2048
_CURVES = {"secp256r1", "secp384r1", "secp521r1"}


def fault(chain: bytes, key: bytes) -> str | None:
    """What is wrong with the tls.crt and tls.key of a Secret; None when they can be served."""
    try:
        certified = x509.load_pem_x509_certificates(chain)[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "tls.crt is not a PEM certificate"
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls.key is not an unencrypted PEM key"
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*encoding) != certified.public_bytes(*encoding):
        return "tls.key is not the key of tls.crt"
    if isinstance(public, RSAPublicKey) and public.key_size < _SMALLEST_RSA:
        return f"its RSA key is shorter than {_SMALLEST_RSA} bits, which Envoy refuses"
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name not in _CURVES:
        return f"its key is on the curve {public.curve.name}, which Envoy refuses"
    return None
