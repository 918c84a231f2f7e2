"""One connection to a directory, which does one thing at a time."""

import asyncio
import ssl
from typing import NamedTuple, Self

from daemun.extauth.dial import DialError, dial
from daemun.extauth.ldap.ber import (
    BOOLEAN,
    ENUMERATED,
    SEQUENCE,
    BerError,
    element,
    elements,
    integer,
    number,
    text,
)
from daemun.fetch import Guard, Share

SUCCESS, NO_SUCH_OBJECT, INVALID_CREDENTIALS, INSUFFICIENT_ACCESS = 0, 32, 49, 50
INVALID_DN, INAPPROPRIATE_AUTHENTICATION, UNWILLING = 34, 48, 53
_BIND, _BOUND, _UNBIND, _SEARCH, _ENTRY, _DONE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65
_EXTENDED, _EXTENDED_DONE, _EXTENDED_VALUE = 0x77, 0x78, 0x8B
_SIMPLE = _OPERATION = 0x80
_WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_BY_NAME = b"dn:"
_VERSION = 3
_MOST_BYTES = 1 << 20
_BASE, _NEVER = 0, 0


class LdapError(Exception):
    """The directory cannot be heard, or says what is no answer. Where it gives a result code, that is in `code`."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class Entry(NamedTuple):
    """An entry by its name, as the directory writes it, and the values of an attribute."""

    name: str
    values: list[bytes]


class Connection:
    """Opened by `open`. After an error it is of no more use."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self.share: Share | None = None
        """Of which what is read is taken: whoever has the connection sets it."""

    @classmethod
    async def open(cls, guard: Guard, host: str, port: int, tls: ssl.SSLContext | None) -> Self:
        """Connect. Raises LdapError."""
        try:
            return cls(*await dial(guard, host, port, tls))
        except DialError as error:
            raise LdapError(str(error)) from None

    def close(self) -> None:
        """Hang up, politely."""
        self._number += 1
        if not self._writer.is_closing():
            self._writer.write(element(SEQUENCE, integer(self._number), element(_UNBIND)))
        self._writer.close()

    def usable(self) -> bool:
        """Whether the other side has not hung up."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    async def bind(self, name: str, password: bytes) -> int:
        """The result code of a simple bind. Both must be something: without a password it would mean nothing."""
        if not name or not password:
            raise LdapError("a bind without a name or a password means nothing")
        request = element(_BIND, integer(_VERSION), text(name), text(password, _SIMPLE))
        for tag, body in await self._asked(request, _BOUND):
            if tag == _BOUND:
                return _code(body)
        raise LdapError("it has not said whether it knows the user")

    async def who(self) -> str:
        """The name of the entry that was bound last (RFC 4532); empty if the directory does not say it."""
        for tag, body in await self._asked(element(_EXTENDED, text(_WHO_AM_I, _OPERATION)), _EXTENDED_DONE):
            if tag == _EXTENDED_DONE and _code(body) == SUCCESS:
                said = next((value for kind, value in elements(body) if kind == _EXTENDED_VALUE), b"")
                return said.removeprefix(_BY_NAME).decode(errors="replace") if said.startswith(_BY_NAME) else ""
        return ""

    async def read(self, name: str, filter_bytes: bytes, attribute: str) -> Entry | None:
        """An entry with the values of an attribute; None if there is none that the filter finds.

        Raises LdapError if the entry is not shown.
        """
        request = element(
            _SEARCH,
            text(name),
            integer(_BASE, ENUMERATED),
            integer(_NEVER, ENUMERATED),
            integer(1),
            integer(0),
            element(BOOLEAN, b"\0"),
            filter_bytes,
            element(SEQUENCE, text(attribute)),
        )
        found: Entry | None = None
        for tag, body in await self._asked(request, _DONE):
            if tag == _ENTRY:
                found = _entry(body, attribute)
            elif tag == _DONE and _code(body) not in (SUCCESS, NO_SUCH_OBJECT):
                raise LdapError("it does not show the user's entry", _code(body))
        return found

    async def _asked(self, request: bytes, last: int) -> list[tuple[int, bytes]]:
        """The answers to a request, up to one of this tag."""
        self._number += 1
        self._writer.write(element(SEQUENCE, integer(self._number), request))
        found: list[tuple[int, bytes]] = []
        size = 0
        try:
            await self._writer.drain()
            while not found or found[-1][0] != last:
                message = await self._message()
                size += len(message)
                if size > _MOST_BYTES:
                    raise LdapError("it says too much")
                (_, which), (tag, body), *_ = elements(message)
                if number(which) != self._number:
                    raise LdapError("it answers what was not asked")
                found.append((tag, body))
        except (OSError, EOFError, BerError, ValueError):
            raise LdapError("it has broken off or says what is no LDAP") from None
        return found

    async def _message(self) -> bytes:
        """The contents of the next message."""
        tag, first = await self._reader.readexactly(2)
        if tag != SEQUENCE:
            raise BerError
        size = first
        if first >= 0x80:
            count = first & 0x7F
            if not 0 < count <= 4:
                raise BerError
            size = int.from_bytes(await self._reader.readexactly(count), "big")
        if size > _MOST_BYTES:
            raise BerError
        if self.share is not None:
            self.share.take(size)
        return await self._reader.readexactly(size)


def _code(body: bytes) -> int:
    for tag, value in elements(body):
        if tag == ENUMERATED:
            return number(value)
        break
    raise BerError


def _entry(body: bytes, attribute: str) -> Entry:
    """What is told of an entry. The attribute's name may be written in small or capital letters."""
    parts = list(elements(body))
    if len(parts) < 2:
        raise BerError
    name = parts[0][1].decode(errors="replace")
    for _, one in elements(parts[1][1]):
        pair = list(elements(one))
        if len(pair) == 2 and pair[0][1].decode(errors="replace").lower() == attribute.lower():
            return Entry(name, [value for _, value in elements(pair[1][1])])
    return Entry(name, [])
