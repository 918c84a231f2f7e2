"""Files that are replaced at once, and a shelf of sealed ones, which only its key reads and makes. To some is added."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_DRAFT = ".new-"
"""How files begin that are to replace others."""
_NONCE = 12
_KEY = 32
_SIZE = 4
"""Bytes before each piece that was added: how long it is."""
EMPTY = 4
"""Zeros at the end of a piece that is none: hardly one in four billions ends so by chance."""


class DamagedError(Exception):
    """A file that is not what was put there, or was put there with another key."""


def replace(path: Path, data: bytes) -> None:
    """Replace a file at once, readable only by us. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)  # 0600 and exclusive
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

    def begin(self, name: str) -> None:
        """A file to add pieces to, which is empty. Raises OSError."""
        replace(self._folder / name, b"")

    def add(self, name: str, place: int, data: bytes) -> int:
        """Add the piece with this number, counted from 0, to a file that was begun; how many bytes that were.

        Raises OSError, also if somebody has removed the file. Then a part of the piece may be there, and nothing may be
        added any more.
        """
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, data, _of(name, place))
        piece = len(sealed).to_bytes(_SIZE, "big") + sealed
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND)
        try:
            if os.write(descriptor, piece) < len(piece):
                raise OSError(f"{self._folder / name} takes only a part of what is written")
        finally:
            os.close(descriptor)
        return len(piece)

    def pieces(self, name: str) -> Iterator[bytes]:
        """All that was added, in order; of the last piece only a part may be there, and it is none then. Nor are zeros:
        after a power cut a file may be as long as it was to be, and what was to be in it is missing.

        Raises OSError, DamagedError.
        """
        data = (self._folder / name).read_bytes()
        place = at = 0
        while (begins := at + _SIZE) < len(data):
            at = begins + int.from_bytes(data[at:begins], "big")
            if at > len(data):
                return
            try:
                yield self._cipher.decrypt(data[begins : begins + _NONCE], data[begins + _NONCE : at], _of(name, place))
            except (InvalidTag, ValueError):
                if not any(data[max(begins, at - EMPTY) :]):
                    return
                raise DamagedError(f"{self._folder / name} cannot be read with this key") from None
            place += 1

    def tidy(self) -> None:
        """Remove what was being written when a program that had this shelf was killed. Raises OSError."""
        for name in self.named(_DRAFT):
            self.remove(name)

    def named(self, prefix: str) -> list[str]:
        """The names that begin so. Raises OSError."""
        return [one.name for one in self._folder.glob(f"{prefix}*")]

    def remove(self, name: str) -> None:
        """It is gone, if it was there. Raises OSError."""
        (self._folder / name).unlink(missing_ok=True)


def _of(name: str, place: int) -> bytes:
    """What a piece is sealed for: it cannot be read anywhere else."""
    return f"{name} {place}".encode()
