"""One HTTP request to somebody else, within bounds."""

import asyncio
import ssl
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from daemun.base.guard import Guard
from daemun.fetch.budget import Budget, CrowdedError, Share
from daemun.fetch.session import session

MAX_BYTES = 1 << 20
MAX_SECONDS = 5.0
MAX_REDIRECTS = 3
_UNBOUNDED = 1 << 62
_CONNECTIONS, _CONNECTIONS_PER_HOST = 100, 32
_BUFFER = 64 << 10
"""What a connection takes beside the body that has come, about."""
_HEADERS = {"Accept-Encoding": "gzip, deflate", "User-Agent": "daemun"}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


Lines = tuple[tuple[str, str], ...]
"""Headers as they come, names in lower case."""


class FetchError(Exception):
    """Nothing usable came back. The text names no more of a URL than its host and path."""


class Answer:
    """A status, headers (by lower-case name, the last of each) and a body, decompressed. `lines` are all headers."""

    __slots__ = ("body", "headers", "lines", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, lines: Lines | None = None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.lines = tuple(headers.items()) if lines is None else lines


class Fetcher:
    """Sends requests, from one event loop. `tls` stands for the system's certificate authorities.

    `seconds` are a request's, all in all, `most` the bytes of an answer, `connections` those to one host (0: any). What
    is read at once of all answers is of the `owner`'s share of a `budget`; without one it is not counted.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = MAX_SECONDS,
        most: int = MAX_BYTES,
        connections: int = _CONNECTIONS_PER_HOST,
        budget: Budget | None = None,
        owner: str = "",
    ) -> None:
        self._guard = guard or Guard()
        self._resolver = resolver
        self._tls = tls
        self._seconds = seconds
        self._most, self._connections = most, connections
        self._budget, self._owner = budget or Budget(_UNBOUNDED), owner
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Read a URL. Raises FetchError; a status of 400 and above is none."""
        return await self._within(url, None, headers or {})

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form (it is sent nowhere else: no redirect is followed). Raises FetchError."""
        return await self._within(url, form, headers or {})

    async def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, escaped: bool = False
    ) -> Answer:
        """Send any request; no redirect is followed. Raises FetchError. `escaped`: the URL is sent as it is."""
        target = _checked(url, escaped=escaped)
        with _told(target, self._seconds):
            async with asyncio.timeout(self._seconds):
                found = await self._once(target, body, headers, method)
        assert isinstance(found, Answer)  # noqa: S101 - with a body there is none to follow
        return found

    async def _within(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        target = _checked(url)
        with _told(target, self._seconds):
            async with asyncio.timeout(self._seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    found = await self._once(target, form, headers)
                    if isinstance(found, Answer):
                        return found
                    target = found
        raise FetchError(f"{shown(target)} redirects too often")

    async def _once(
        self, target: URL, data: Mapping[str, str] | bytes | None, headers: Mapping[str, str], method: str = ""
    ) -> Answer | URL:
        async with self._session().request(
            method or ("GET" if data is None else "POST"),
            target,
            data=data,
            headers={**_HEADERS, **headers},
            allow_redirects=False,
        ) as response:
            if data is None and response.status in _REDIRECTS:
                return _redirected(target, response.headers.get("Location", ""))
            with self._budget.share(self._owner) as share:
                body = await _body(response, self._most, share)
            lines = tuple((name.lower(), value) for name, value in response.headers.items())
            return Answer(response.status, dict(lines), body, lines)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = session(
                self._tls,
                self._guard,
                resolver=self._resolver,
                limit=_CONNECTIONS if self._connections else 0,
                limit_per_host=self._connections,
            )
        return self._http


def shown(url: URL) -> str:
    """What of a URL may be logged: a query can hold secrets."""
    return f"{url.scheme}://{url.host or ''}{f':{url.explicit_port}' if url.explicit_port else ''}{url.path}"


def _checked(url: str, *, escaped: bool = False) -> URL:
    try:
        target = URL(url, encoded=escaped)
    except ValueError:
        raise FetchError("that is no URL") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError(f"{shown(target)} is no URL of http or https")
    if target.user or target.password:
        raise FetchError(f"{shown(target)} names a user, which is not allowed in a URL")
    return target


def _redirected(source: URL, location: str) -> URL:
    """Where a redirect leads: on the same host, and never to less TLS than before."""
    try:
        target = _checked(str(source.join(URL(location))))
    except ValueError:
        raise FetchError(f"{shown(source)} redirects to what is no URL") from None
    upgraded = source.scheme == "http" and target.scheme == "https"
    if target.host != source.host or not (upgraded or (target.scheme, target.port) == (source.scheme, source.port)):
        raise FetchError(f"{shown(source)} redirects to another server, which is not followed")
    return target


async def _body(response: aiohttp.ClientResponse, most: int, share: Share) -> bytes:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "deflate", ""):
        raise FetchError(f"{shown(response.url)} answers in an encoding that was not asked for")
    inflate = zlib.decompressobj(wbits=47 if coding == "gzip" else 15) if coding in ("gzip", "deflate") else None
    parts: list[bytes] = []
    size = taken = 0
    share.take(_BUFFER)
    async for piece in response.content.iter_any():
        if inflate and inflate.eof:
            response.close()
            raise FetchError(f"{shown(response.url)} goes on after the end of what is compressed")
        part = inflate.decompress(piece, most + 1) if inflate else piece
        size += len(part)
        share.take(len(part))
        taken += len(piece)  # what is compressed may come to nothing, and take no end
        if size > most or taken > 2 * most or (inflate and inflate.unconsumed_tail):
            response.close()
            raise FetchError(f"{shown(response.url)} answers with more than {most} bytes")
        parts.append(part)
    if inflate and inflate.unused_data:
        raise FetchError(f"{shown(response.url)} goes on after the end of what is compressed")
    if inflate and not inflate.eof:
        raise FetchError(f"{shown(response.url)} breaks off")
    return b"".join(parts)


@contextmanager
def _told(target: URL, seconds: float) -> Iterator[None]:
    """Every failure as FetchError."""
    try:
        yield
    except CrowdedError:
        raise FetchError(f"{shown(target)} is not read: too much is, at the moment") from None
    except TimeoutError:
        raise FetchError(f"{shown(target)} did not answer within {seconds:g} s") from None
    except (aiohttp.ClientError, OSError, zlib.error, ValueError) as error:
        cause = getattr(error, "os_error", None) or error
        raise FetchError(f"{shown(target)} cannot be read: {cause}") from None
