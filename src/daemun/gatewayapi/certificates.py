"""Whether a Secret holds a certificate that a listener can serve."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from daemun.api.core import Secret

CERTIFICATE = "tls.crt"
PRIVATE_KEY = "tls.key"


def fault(secret: Secret) -> str | None:
    """What is wrong with the key pair in a Secret of type kubernetes.io/tls; None when it can be served.

    An expired certificate can be served: refusing it would turn a browser's warning into an outage.
    """
    chain, key = secret.get(CERTIFICATE), secret.get(PRIVATE_KEY)
    if not chain or not key:
        return f"it has no {CERTIFICATE if not chain else PRIVATE_KEY}"
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError:
        return f"{CERTIFICATE} is not a PEM certificate"
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        return f"{PRIVATE_KEY} is not an unencrypted PEM key"
    public = private.public_key()
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*encoding) != certificates[0].public_key().public_bytes(*encoding):
        return f"{PRIVATE_KEY} is not the key of {CERTIFICATE}"
    if getattr(public, "key_size", 4096) < 2048 and type(public).__name__.startswith("RSA"):
        return "its RSA key is shorter than 2048 bits, which Envoy refuses"
    return None
