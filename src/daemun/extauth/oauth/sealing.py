"""Values that browsers keep for us and can neither read nor make: sealed with AES-GCM, each with a key of its own."""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SALT = 24
_NONCE = bytes(12)
"""Every value has a random salt, and so a key that seals nothing else: its nonce need not differ."""
T = TypeVar("T")


class Sealer:
    """Seals with a secret. What was sealed for one `purpose` is nothing to another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.sha256(b"daemun\0" + secret).digest()

    def seal(self, purpose: str, value: object) -> bytes:
        """A value that msgspec can write, sealed."""
        salt = secrets.token_bytes(_SALT)
        return salt + self._cipher(purpose, salt).encrypt(_NONCE, msgspec.msgpack.encode(value), None)

    def open(self, purpose: str, data: bytes, kind: type[T]) -> T | None:
        """What was sealed; None for anything else."""
        try:
            plain = self._cipher(purpose, data[:_SALT]).decrypt(_NONCE, data[_SALT:], None)
            return msgspec.msgpack.decode(plain, type=kind)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            return None

    def _cipher(self, purpose: str, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._secret, purpose.encode() + b"\0" + salt, "sha256"))


def text(data: bytes) -> str:
    """Bytes in letters that a cookie and a URL can hold."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(written: str) -> bytes:
    """The bytes of `text`; none for what is not that."""
    try:
        return base64.b64decode(written.encode() + b"=" * (-len(written) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
