"""Which key pairs Envoy can serve. What is refused here the real Envoy would refuse too, and with it the listener."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from daemun.api.core import Secret
from daemun.api.meta import ObjectMeta
from daemun.gatewayapi.tls.certificates import fault

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def chain(key: Key, until: int = 2100) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    )
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def pem(key: Key, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def judged(certificate: str, key: str) -> str | None:
    return fault(Secret(ObjectMeta("s"), string_data={"tls.crt": certificate, "tls.key": key}))


GOOD = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("part", ["d", "dmp1", "dmq1", "iqmp"])
def test_an_rsa_key_of_which_a_number_is_wrong(part: str) -> None:
    """Its modulus is the certificate's, but nothing could be signed with it."""
    good = rsa.generate_private_key(65537, 2048)
    numbers = good.private_numbers()
    parts = {name: getattr(numbers, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    parts[part] += 2
    bad = rsa.RSAPrivateNumbers(**parts, public_numbers=numbers.public_numbers)
    key = bad.private_key(unsafe_skip_rsa_key_validation=True)
    assert judged(chain(good), pem(key)) == "tls.key is an RSA key whose numbers do not fit each other"
    assert judged(chain(good), pem(good)) is None


def test_good_pairs() -> None:
    assert judged(chain(GOOD), pem(GOOD)) is None
    assert judged(chain(GOOD) + chain(OTHER), pem(GOOD)) is None, "the leaf comes first, its issuers follow"
    assert judged(chain(GOOD, until=2021), pem(GOOD)) is None, "expired, which is a warning in the browser"
    strong = rsa.generate_private_key(65537, 2048)
    assert judged(chain(strong), pem(strong)) is None


@pytest.mark.parametrize(
    ("certificate", "key", "expected"),
    [
        ("", "x", "it has no tls.crt"),
        ("x", "", "it has no tls.key"),
        ("x", pem(GOOD), "tls.crt is not a PEM certificate"),
        (pem(GOOD), pem(GOOD), "tls.crt is not a PEM certificate"),
        (chain(GOOD), "x", "tls.key is not an unencrypted PEM key"),
        (chain(GOOD), pem(GOOD, b"secret"), "tls.key is not an unencrypted PEM key"),
        (chain(GOOD), pem(OTHER), "tls.key is not the key of tls.crt"),
        (chain(OTHER) + chain(GOOD), pem(GOOD), "tls.key is not the key of tls.crt"),
    ],
)
def test_bad_pairs(certificate: str, key: str, expected: str) -> None:
    assert judged(certificate, key) == expected


def test_keys_that_envoy_refuses() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    assert judged(chain(weak), pem(weak)) == "its RSA key is shorter than 2048 bits, which Envoy refuses"
    odd = ec.generate_private_key(ec.SECP256K1())
    assert judged(chain(odd), pem(odd)) == "its key is on the curve secp256k1, which Envoy refuses"


def test_a_certificate_cut_off_anywhere_is_a_fault_and_never_raises() -> None:
    whole, key = chain(GOOD), pem(GOOD)
    for length in range(0, len(whole) - 20, 7):
        assert judged(whole[:length], key) is not None
    for length in range(0, len(key) - 20, 7):
        assert judged(whole, key[:length]) is not None
