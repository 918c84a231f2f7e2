"""What counts as CA certificates. What is refused here Envoy would refuse too, and what is not it takes."""

import pytest

from daemun.gatewayapi.tls.cacerts import certificates
from support.objects.certificates import Authority

ONE, TWO = Authority().pem, Authority().pem


@pytest.mark.parametrize("text", [ONE, ONE + TWO, ONE.replace("\n", "\r\n"), f"# ours\n{ONE}\n\n{TWO}\n# and no more"])
def test_certificates_are_kept_as_they_are(text: str) -> None:
    assert certificates(text.encode()).decode() == ONE + (TWO if TWO in text else "")


def test_what_stands_beside_them_goes_nowhere() -> None:
    _, key = Authority().issue("a.test")
    broken = b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    assert certificates(key + ONE.encode() + broken).decode() == ONE


@pytest.mark.parametrize("text", ["", "x", ONE[:-40], ONE.replace("MII", "MIJ", 1), ONE + TWO[:100] + "\n" + TWO])
def test_no_certificates_or_a_broken_one_is_nothing(text: str) -> None:
    assert certificates(text.encode()) == b""
