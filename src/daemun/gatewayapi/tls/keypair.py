"""Whether a certificate and a private key belong together and can be served by Envoy."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import ocsp

_SMALLEST_RSA = 2048
_CURVES = {"secp256r1", "secp384r1", "secp521r1"}
_NO_CERTIFICATE = "tls.crt is not a PEM certificate"


def fault(chain: bytes, key: bytes, *, has_staple: bool = False) -> str | None:
    """What is wrong with the tls.crt and tls.key of a Secret; None when they can be served."""
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        certified = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return _NO_CERTIFICATE
    try:
        # The library would look for a tenth of a second whether an RSA key's primes are any.
        private = load_pem_private_key(key, password=None, unsafe_skip_rsa_key_validation=True)
        public = private.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls.key is not an unencrypted PEM key"
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*encoding) != certified.public_bytes(*encoding):
        return "tls.key is not the key of tls.crt"
    if isinstance(private, RSAPrivateKey) and not _is_whole(private):
        return "tls.key is an RSA key whose numbers do not fit each other"
    if isinstance(public, RSAPublicKey) and public.key_size < _SMALLEST_RSA:
        return f"its RSA key is shorter than {_SMALLEST_RSA} bits, which Envoy refuses"
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name not in _CURVES:
        return f"its key is on the curve {public.curve.name}, which Envoy refuses"
    if not has_staple and _must_staple(certificate):
        return "its certificate must be shown with an OCSP staple, and tls.ocsp-staple has none for it"
    return None


def _is_whole(key: RSAPrivateKey) -> bool:
    """Whether the numbers of an RSA key are one key's, as Envoy checks it (RFC 8017, 3.2)."""
    one = key.private_numbers()
    n, e = one.public_numbers.n, one.public_numbers.e
    if one.p < 2 or one.q < 2 or one.p * one.q != n:
        return False
    halves = ((one.p, one.dmp1), (one.q, one.dmq1))
    whole = all((one.d * e - 1) % (prime - 1) == 0 and half == one.d % (prime - 1) for prime, half in halves)
    return whole and one.iqmp * one.q % one.p == 1


def _must_staple(certificate: x509.Certificate) -> bool:
    """Whether the certificate itself says so (RFC 7633)."""
    try:
        features = certificate.extensions.get_extension_for_class(x509.TLSFeature).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return x509.TLSFeatureType.status_request in features


def staple_fault(chain: bytes, staple: bytes) -> str | None:
    """What is wrong with the tls.ocsp-staple of a Secret; None when Envoy takes it with this certificate."""
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        return _NO_CERTIFICATE
    try:
        response = ocsp.load_der_ocsp_response(staple)
        if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            return "tls.ocsp-staple says that the authority did not answer"
        every = list(response.responses)
    except ValueError:
        return "tls.ocsp-staple is not an OCSP response in DER"
    if len(every) != 1:
        return "tls.ocsp-staple speaks of several certificates, which Envoy refuses"
    if every[0].serial_number != certificate.serial_number:
        return "tls.ocsp-staple is of another certificate than tls.crt"
    return None
