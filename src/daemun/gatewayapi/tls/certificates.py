"""Whether a Secret holds a certificate that a listener can serve."""

from daemun.api.core import Secret

CERTIFICATE = "tls.crt"
PRIVATE_KEY = "tls.key"
STAPLE = "tls.ocsp-staple"
"""What the authority says of the certificate, in DER (OCSP), to be shown with it."""
_MOST_BYTES = 64 * 1024
"""Clients refuse a chain that is much longer, some earlier."""


def fault(secret: Secret) -> str | None:
    """What is wrong with the key pair in a Secret of type kubernetes.io/tls; None when it can be served.

    An expired certificate can be served: refusing it would turn a browser's warning into an outage.
    """
    chain, key = secret.get(CERTIFICATE), secret.get(PRIVATE_KEY)
    if not chain or not key:
        return f"it has no {CERTIFICATE if not chain else PRIVATE_KEY}"
    for name, value in ((CERTIFICATE, chain), (PRIVATE_KEY, key)):
        if len(value) > _MOST_BYTES:
            return f"{name} is longer than {_MOST_BYTES // 1024} KiB"
    # Loaded with the first certificate: a gateway without TLS does without 9 MB of cryptography.
    from daemun.gatewayapi.tls import keypair

    return keypair.fault(chain, key, has_staple=staple(secret) is not None)


def staple(secret: Secret) -> bytes | None:
    """What is to be shown with the certificate, if it has that and Envoy would take it."""
    written, chain = secret.get(STAPLE), secret.get(CERTIFICATE)
    if not written or not chain:
        return None
    from daemun.gatewayapi.tls import keypair

    return None if keypair.staple_fault(chain, written) else written


def staple_fault(secret: Secret, *, needed: bool) -> str | None:
    """What is wrong with what is to be shown with the certificate; `needed`: it may not be without."""
    written, chain = secret.get(STAPLE), secret.get(CERTIFICATE)
    if not written:
        return f"it has no {STAPLE}" if needed else None
    from daemun.gatewayapi.tls import keypair

    return keypair.staple_fault(chain or b"", written)
