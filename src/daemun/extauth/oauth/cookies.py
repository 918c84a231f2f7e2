"""Cookies (RFC 6265) that hold more than one can: a value of any length, in as many as it takes."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from daemun.ir.auth.oauth import Cookie

CHUNK = 3_500
"""Characters of a value in one cookie: browsers keep 4,096 bytes of it with its name and attributes."""
MAX_CHUNKS = 12
"""A request's headers have an end, too: with more than this Envoy's 60 KiB would be near."""
_COUNTS = frozenset(map(str, range(1, MAX_CHUNKS + 1)))
DAYS_30 = 30 * 24 * 3600


class TooLongError(Exception):
    """A value that takes more cookies than a request can bear."""


def parsed(header: str) -> dict[str, str]:
    """The cookies of a request. Of two with one name the first counts, which is that of the longer path."""
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, is_one, value = pair.strip().partition("=")
        if is_one:
            found.setdefault(name, value)
    return found


def prefixed(name: str, attributes: Cookie, *, tls: bool) -> str:
    """A name that browsers take from its own host alone, or at least over TLS alone, where the attributes allow it.

    Whoever has another host of the domain could else give a browser cookies of their own session here (RFC 6265bis,
    4.1.3), and see what its user does in it.
    """
    if not tls or not (attributes.secure or attributes.same_site == "None"):
        return name
    alone = attributes.path in ("", "/") and not attributes.domain
    return ("__Host-" if alone else "__Secure-") + name


def without(header: str, names: Iterable[str]) -> str:
    """A Cookie header without some of its cookies."""
    gone = frozenset(names)
    return "; ".join(one for pair in header.split(";") if (one := pair.strip()) and one.partition("=")[0] not in gone)


class Jar(msgspec.Struct, frozen=True, gc=False):
    """The cookies of one name, and of its numbered kin."""

    name: str
    attributes: Cookie

    def of(self, cookies: Mapping[str, str]) -> list[str]:
        """Their names in a request."""
        return [name for name in self._names() if name in cookies]

    def read(self, cookies: Mapping[str, str]) -> str:
        """The value; empty if it is not all there."""
        count, has_more, first = cookies.get(self.name, "").partition(".")
        if not has_more or count not in _COUNTS:
            return ""
        parts = [first, *(cookies.get(f"{self.name}_{number}", "") for number in range(1, int(count)))]
        return "".join(parts) if all(parts) else ""

    def write(self, value: str, before: Mapping[str, str] = {}) -> Iterator[str]:
        """Set-Cookie headers, also those that end what is left of a longer value `before`. Raises TooLongError."""
        parts = [value[start : start + CHUNK] for start in range(0, len(value), CHUNK)] or [""]
        if len(parts) > MAX_CHUNKS:
            raise TooLongError(self.name)
        names = self._names()
        for number, (name, part) in enumerate(zip(names, parts, strict=False)):
            yield self._set(name, f"{len(parts)}.{part}" if number == 0 else part, self.attributes.max_age)
        for name in names[len(parts) :]:
            if name in before:
                yield self._set(name, "", 0, end=True)

    def end(self, cookies: Mapping[str, str]) -> Iterator[str]:
        """Set-Cookie headers that take away those of a request."""
        for name in self.of(cookies):
            yield self._set(name, "", 0, end=True)

    def _names(self) -> list[str]:
        return [self.name, *(f"{self.name}_{number}" for number in range(1, MAX_CHUNKS))]

    def _set(self, name: str, value: str, max_age: int | None, *, end: bool = False) -> str:
        attributes = self.attributes
        seconds = DAYS_30 if max_age is None else max_age
        said = [f"{name}={value}", f"Path={attributes.path or '/'}"]
        if attributes.domain:
            said.append(f"Domain={attributes.domain}")
        if end or seconds:
            said.append(f"Max-Age={seconds}")
        if attributes.secure or attributes.same_site == "None":
            said.append("Secure")
        if attributes.http_only:
            said.append("HttpOnly")
        if attributes.same_site:
            said.append(f"SameSite={attributes.same_site}")
        return "; ".join(said)
