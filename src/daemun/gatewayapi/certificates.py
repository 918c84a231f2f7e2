"""Whether a Secret holds a certificate that a listener can serve."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from daemun.api.core import Secret

CERTIFICATE = "tls.crt"
PRIVATE_KEY = "tls.key"
_SMALLEST_RSA = 2048
_CURVES = {"secp256r1", "secp384r1", "secp521r1"}


def fault(secret: Secret) -> str | None:
    """What is wrong with the key pair in a Secret of type kubernetes.io/tls; None when it can be served.

    An expired certificate can be served: refusing it would turn a browser's warning into an outage.
    """
    chain, key = secret.get(CERTIFICATE), secret.get(PRIVATE_KEY)
    if not chain or not key:
        return f"it has no {CERTIFICATE if not chain else PRIVATE_KEY}"
    try:
        certified = x509.load_pem_x509_certificates(chain)[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"{CERTIFICATE} is not a PEM certificate"
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return f"{PRIVATE_KEY} is not an unencrypted PEM key"
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*encoding) != certified.public_bytes(*encoding):
        return f"{PRIVATE_KEY} is not the key of {CERTIFICATE}"
    if isinstance(public, RSAPublicKey) and public.key_size < _SMALLEST_RSA:
        return f"its RSA key is shorter than {_SMALLEST_RSA} bits, which Envoy refuses"
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name not in _CURVES:
        return f"its key is on the curve {public.curve.name}, which Envoy refuses"
    return None
