"""HTTP to a server that an operator has named: one request, bounded in size and time, and every failure as one error.

Nobody is followed elsewhere, and nothing of the environment (proxies, cookies, .netrc) plays a part. Where tenants name
the server, a guard has the last word on the very address that is connected to.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2 as httpx

from daemun.base.guard import Guard
from daemun.kube.handshake import Handshake
from daemun.kube.tidy import tidy
from daemun.sources.tlsfiles import TlsFiles

MOST_BYTES = 16 << 20


class NoAnswerError(Exception):
    """There is no answer that can be read. The text does not name the server, nor anything that was sent."""


class Answer(NamedTuple):
    """What came back, whatever its status says. Headers are found by any case of their name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def after(self) -> float:
        """For how many seconds the server asks to be left alone (`Retry-After`); 0: it does not."""
        after = self.headers.get("Retry-After", "")
        return float(after) if after.isdigit() and len(after) < 6 else 0.0

    @property
    def elsewhere(self) -> bool:
        """Whether we are sent elsewhere, where no credentials go."""
        return self.status in {301, 302, 303, 307, 308}


class Client:
    """Connections to one server. Files of TLS are read again when they change; with `server_name` TLS asks for that
    name instead of the URL's host. Without a `guard` every address may be meant.
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
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """End all connections."""
        if self._http is not None:
            await self._http.aclose()
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
        extensions: dict[str, Any] = {"trace": _Guarded(self._guard) if self._guard else Handshake()}
        if self._server_name:
            extensions["sni_hostname"] = self._server_name
        try:
            http = await self._client()
            request = http.build_request(
                method, url, params=params, headers=headers, content=body, extensions=extensions
            )
            async with asyncio.timeout(seconds):
                if self._guard is not None:
                    await _permit(self._guard, url)
                response = await tidy(http.send(request, stream=True), httpx.Response.aclose)
                try:
                    text = await tidy(self._bounded(response))
                finally:
                    await tidy(response.aclose())
        except TimeoutError:
            raise NoAnswerError(f"does not answer within {seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, UnicodeError, ValueError) as error:
            raise NoAnswerError(f"does not answer: {str(error) or type(error).__name__}") from None
        return Answer(response.status_code, response.headers, text)

    async def _bounded(self, response: httpx.Response) -> bytes:
        text = b""
        async for piece in response.aiter_bytes(1 << 16):
            text += piece
            if len(text) > self._most_bytes:
                raise ValueError(f"what it says is larger than {self._most_bytes >> 20} MiB")
        return text

    async def _client(self) -> httpx.AsyncClient:
        """The client; a new one when a file of TLS has changed."""
        async with self._opening:
            stamps = await asyncio.to_thread(self._files.stamps)
            if self._http is None or stamps != self._stamps:
                context = await asyncio.to_thread(self._files.context)
                former, self._stamps = self._http, stamps
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
                self._http = httpx.AsyncClient(
                    verify=context, trust_env=False, timeout=None, limits=limits, follow_redirects=False
                )
                if former is not None:
                    await former.aclose()
            return self._http


class _Guarded(Handshake):
    """Refuses a connection before a byte is sent on it: a name may mean something else than when it was looked up."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard

    async def __call__(self, step: str, about: Mapping[str, Any]) -> None:
        await super().__call__(step, about)
        if step == "connection.connect_tcp.complete":
            stream = about["return_value"]
            if why := self._guard.refuses(stream.get_extra_info("server_addr")[0]):
                await stream.aclose()
                raise OSError(f"{why}, which is not allowed")


async def _permit(guard: Guard, url: str) -> None:
    """Raises OSError for a host that has a refused address: nobody learns which ports are open there."""
    loop = asyncio.get_running_loop()
    for *_, address in await loop.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM):
        if why := guard.refuses(str(address[0])):
            raise OSError(f"{why}, which is not allowed")
