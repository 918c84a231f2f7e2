"""Whether a Secret holds a certificate that a listener can serve."""

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
    # Loaded with the first certificate: a gateway without TLS does without 9 MB of cryptography.
    from daemun.gatewayapi import keypair

    return keypair.fault(chain, key)
