"""Hashes of passwords, beside those that openssl and htpasswd's own library make."""

import shutil
import subprocess

import bcrypt
import pytest

from daemun.extauth.crypt import holds
from daemun.ir.auth.checks import Hash, Password

PASSWORDS = ["a", "secret", "pässwörd", "x" * 15, "y" * 16, "z" * 17, "with space and $", "0123456789" * 8]
OPENSSL = shutil.which("openssl")


def openssl(*arguments: str) -> str:
    assert OPENSSL, "openssl is on every machine that tests run on"
    return subprocess.run([OPENSSL, "passwd", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("salt", ["ab", "TYiryv0/", "0.0"])
def test_apr1(password: str, salt: str) -> None:
    value = openssl("-apr1", "-salt", salt, password).rpartition("$")[2]
    known = Password("apr1", value, salt)
    assert holds(password.encode(), known)
    assert not holds(password.encode() + b"x", known)
    assert holds(password.encode(), Password("apr1", f"$apr1${salt}${value}"))


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(("flag", "name"), [("-5", "sha256"), ("-6", "sha512")])
@pytest.mark.parametrize("salt", ["short", "sixteencharacter"])
def test_sha_crypt(password: str, flag: str, name: Hash, salt: str) -> None:
    known = Password(name, openssl(flag, "-salt", salt, password))
    assert holds(password.encode(), known)
    assert not holds(password.encode() + b"x", known)


def test_rounds_are_read_and_bounded() -> None:
    assert not holds(b"x", Password("sha256", "$5$rounds=999999999999$salt$x"))
    assert not holds(b"x", Password("sha256", "$5$rounds=١٠$salt$x"))
    # From the test vectors of the specification.
    known = (
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSn"
        "CM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
    )
    assert holds(b"Hello world!", Password("sha512", known))


@pytest.mark.parametrize("version", [b"2a", b"2b", b"2y"])
def test_bcrypt(version: bytes) -> None:
    value = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).replace(b"$2b$", b"$" + version + b"$").decode()
    assert holds(b"secret", Password("bcrypt", value))
    assert not holds(b"Secret", Password("bcrypt", value))
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert holds(b"x" * 100, Password("bcrypt", long)), "what is beyond its 72 bytes never counted"


def test_sha1_in_hex_and_base64_and_with_a_salt() -> None:
    assert holds(b"user", Password("sha1", "{SHA}Et6pb+wgWTVmq3VpLJlJWWgzrck="))
    assert holds(b"user", Password("sha1", "12dea96fec20593566ab75692c9949596833adc9"))
    assert holds(b"er", Password("sha1", "12dea96fec20593566ab75692c9949596833adc9", "us"))
    assert holds(b"us", Password("sha1", "12dea96fec20593566ab75692c9949596833adc9", "er"))
    assert not holds(b"User", Password("sha1", "{SHA}Et6pb+wgWTVmq3VpLJlJWWgzrck="))


@pytest.mark.parametrize("kind", ["apr1", "sha1", "bcrypt", "sha256", "sha512"])
@pytest.mark.parametrize("value", ["", "$", "x", "$5$", "$6$", "$2b$", "$2b$04$", "{SHA}", "{SHA}!"])
def test_a_hash_that_is_none_is_nobodys(kind: Hash, value: str) -> None:
    for password in (b"", b"x", b"\0", b"\xff"):
        assert not holds(password, Password(kind, value))
