"""HTTP/1.1 connections to one API server: kept for a while, and closed whenever somebody gives up in the middle."""

import asyncio
import contextlib
import io
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from daemun.kube.credentials import Credentials, Fixed
from daemun.kube.errors import KubeError, UnreachableError
from daemun.kube.transport import Answer, Method

_CONNECT_SECONDS = 5.0
_REUSED_SECONDS = 15.0
"""So long an idle connection is kept: a handshake costs more than the request, and something is asked each 10 s."""
_SLOWEST = 32 << 10
"""Bytes in a second that a server takes of what is written, or it counts as silent."""
_AT_ONCE = 1 << 20
"""Bytes: of what is longer aiohttp wants to write a part at a time, and an answer is put together in a thread."""


class Connections:
    """Those to the API server at `server`, made when they are needed, from one event loop.

    Nothing of the environment (proxies, .netrc) and nothing that answers say (cookies, redirects) plays a part.
    """

    def __init__(
        self,
        server: str,
        tls: ssl.SSLContext | None = None,
        credentials: Credentials | None = None,
        *,
        tls_server_name: str = "",
        proxy: str = "",
    ) -> None:
        self._server = server.rstrip("/")
        self._tls = tls
        self._credentials = credentials or Fixed("")
        self._name = tls_server_name or None
        self._proxy = proxy or None
        self._http: aiohttp.ClientSession | None = None
        if URL(server).scheme not in {"http", "https"}:
            raise KubeError(f"{server} is no URL of an API server")
        if proxy and URL(proxy).scheme not in {"http", "https"}:
            raise KubeError(f"the proxy {proxy} is none for HTTP")

    async def close(self) -> None:
        """End all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def send(
        self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Send a request. One that changes something is never sent twice."""
        # Silence counts from the end of what is written on; this is for a server that does not even take that.
        total = None if body is None else _CONNECT_SECONDS + seconds + len(body) / _SLOWEST
        with self._told():
            patience = aiohttp.ClientTimeout(total, _CONNECT_SECONDS, seconds)
            response = await self._begun(method, target, headers, body, patience)
            try:
                return await _whole(response)
            finally:
                response.close()  # does nothing after the end of the answer

    @contextlib.asynccontextmanager
    async def stream(
        self, target: str, headers: Mapping[str, str], idle: float
    ) -> AsyncIterator[Answer | AsyncIterator[bytes]]:
        """Read something: the pieces of it as they come, or the answer that is an error."""
        with self._told():
            patience = aiohttp.ClientTimeout(None, _CONNECT_SECONDS, idle)
            response = await self._begun("GET", target, headers, None, patience)
        try:
            if response.status >= 400:
                with self._told():
                    answer = await _whole(response)
                yield answer
            else:
                yield self._pieces(response)
        finally:
            response.close()

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        with self._told():
            async for piece in response.content.iter_any():
                yield piece

    async def _begun(
        self,
        method: Method,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        patience: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The beginning of an answer. Credentials that are refused are tried once more if there are others by now."""
        used = await self._credentials.header()
        response = await self._request(method, target, headers, body, patience, used)
        if response.status != 401 or not used:
            return response
        try:
            fresh = await self._credentials.header(refused=used)
        except BaseException:
            response.close()
            raise
        if fresh == used:
            return response
        response.close()
        return await self._request(method, target, headers, body, patience, fresh)

    async def _request(
        self,
        method: Method,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        patience: aiohttp.ClientTimeout,
        authorization: str,
    ) -> aiohttp.ClientResponse:
        return await self._session().request(
            method,
            URL(self._server + target),
            data=body if body is None or len(body) <= _AT_ONCE else io.BytesIO(body),
            headers={**headers, "Authorization": authorization} if authorization else headers,
            timeout=patience,
            allow_redirects=False,
            server_hostname=self._name,
            middlewares=None if method == "GET" else (_once,),
        )

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls or True, limit=0, keepalive_timeout=_REUSED_SECONDS, use_dns_cache=False
            )
            self._http = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "daemun", "Accept-Encoding": "gzip"},
                proxy=self._proxy,
                response_class=_Response,
                trust_env=False,
            )
        return self._http

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Every failure of the connection as UnreachableError."""
        try:
            yield
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:  # a TimeoutError is an OSError
            cause = getattr(error, "os_error", None) or error
            what = str(cause) or type(cause).__name__
            raise UnreachableError(f"the API server at {self._server} does not answer: {what}") from error


class _Response(aiohttp.ClientResponse):
    """Whose connection is gone at once when it is given up before its end.

    Otherwise TLS says goodbye first, and waits half a minute for a server that is paused to say so, too.
    """

    def close(self) -> None:
        if self.connection is not None and self.connection.transport is not None:
            self.connection.transport.abort()
        super().close()


async def _whole(response: aiohttp.ClientResponse) -> Answer:
    headers = response.headers
    pieces = [piece async for piece in response.content.iter_any()]
    # To join the tens of megabytes of a long list holds up all else, and Python can do it beside that.
    long = sum(map(len, pieces)) > _AT_ONCE
    body = await asyncio.to_thread(b"".join, pieces) if long else b"".join(pieces)
    return Answer(response.status, body, headers.get("Retry-After", ""), headers.get("ETag", ""))


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending anew what a connection broke off at: PUT and DELETE are idempotent only if nobody else
    writes in between, and what the second answer says (404, 409) would not be what became of the first."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error) or type(error).__name__) from error
