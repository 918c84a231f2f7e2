"""HTTP to a server that an operator has named: one request, bounded in size and time, and every failure as one error.

Nobody is followed elsewhere. Where tenants name the server, a guard has the last word on the address.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from yarl import URL

from daemun.base.durations import seconds_asked
from daemun.base.guard import Guard
from daemun.fetch.session import session
from daemun.sources.tlsfiles import TlsFiles

MOST_BYTES = 16 << 20


class NoAnswerError(Exception):
    """There is no answer that can be read. The text does not name the server, nor anything that was sent."""


class TooMuchError(NoAnswerError):
    """There is an answer, and more of it than is read."""


class Answer(NamedTuple):
    """What came back, whatever its status says. Headers are found by any case of their name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def after(self) -> float:
        """For how many seconds the server asks to be left alone (`Retry-After`); 0: it does not."""
        return seconds_asked(self.headers.get("Retry-After", "")) or 0.0

    @property
    def elsewhere(self) -> bool:
        """Whether we are sent elsewhere, where no credentials go."""
        return self.status in {301, 302, 303, 307, 308}


class Client:
    """Connections to one server, as many as there are requests at once. Files of TLS are read again when they change;
    with `server_name` TLS asks for that name instead of the URL's host. Without a `guard` every address may be meant.
    """

    def __init__(
        self,
        files: TlsFiles | None = None,
        most_bytes: int = MOST_BYTES,
        server_name: str = "",
        guard: Guard | None = None,
    ) -> None:
        self._files, self._most_bytes, self._server_name = files or TlsFiles(), most_bytes, server_name
        self._guard = guard
        self._stamps: tuple[float, ...] = ()
        self._http: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """End all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float,
    ) -> Answer:
        """Ask. `params` are joined to the URL. Raises NoAnswerError, after `seconds` at the latest."""
        try:
            async with (
                asyncio.timeout(seconds),
                (await self._client()).request(
                    method,
                    URL(url, encoded=True),
                    params=params,
                    headers={"Accept-Encoding": "identity", **(headers or {})},
                    data=body,
                    allow_redirects=False,
                    server_hostname=self._server_name or None,
                ) as response,
            ):
                return Answer(response.status, response.headers, await self._bounded(response))
        except TimeoutError:
            raise NoAnswerError(f"does not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError, UnicodeError, ValueError) as error:
            cause = getattr(error, "os_error", None) or error
            raise NoAnswerError(f"does not answer: {str(cause) or type(cause).__name__}") from None

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        text = bytearray()
        async for piece in response.content.iter_any():
            text += piece
            if len(text) > self._most_bytes:
                response.close()
                raise TooMuchError(f"does not answer: what it says is larger than {self._most_bytes >> 20} MiB")
        return bytes(text)

    async def _client(self) -> aiohttp.ClientSession:
        """The client; a new one when a file of TLS has changed."""
        if self._http is not None and not any(self._files[:4]):
            return self._http
        async with self._opening:
            stamps = await asyncio.to_thread(self._files.stamps)
            if self._http is None or stamps != self._stamps:
                context = await asyncio.to_thread(self._files.context)
                former, self._stamps = self._http, stamps
                self._http = session(context, self._guard)
                if former is not None:
                    await former.close()
            return self._http
