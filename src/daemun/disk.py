"""Files that are replaced at once, and a shelf of sealed ones, which only its key reads and makes."""

import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_KEY = 32


class DamagedError(Exception):
    """A file that is not what was put there, or was put there with another key."""


def replace(path: Path, data: bytes) -> None:
    """Replace a file at once, readable only by us. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # 0600 and exclusive
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def key(path: Path) -> bytes:
    """The key in a file; without the file one is made. Raises OSError, ValueError if it is no key."""
    if not path.exists():
        replace(path, AESGCM.generate_key(8 * _KEY))
    found = path.read_bytes()
    if len(found) < _KEY:
        raise ValueError(f"{path} has no key: it needs {_KEY} bytes")
    return found[:_KEY]


class Shelf:
    """Sealed files by name."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._cipher = AESGCM(secret)

    def get(self, name: str) -> bytes | None:
        """What was put there. Raises OSError, DamagedError."""
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            raise DamagedError(f"{self._folder / name} cannot be read with this key") from None

    def put(self, name: str, data: bytes) -> None:
        """Replace it. Raises OSError."""
        nonce = os.urandom(_NONCE)
        replace(self._folder / name, nonce + self._cipher.encrypt(nonce, data, name.encode()))
