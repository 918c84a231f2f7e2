"""HTTP servers of tests on loopback, and names for them."""

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from support.servers.ports import free_port


class WebServer:
    """A server on a port of its own that can end and come again there, with TLS if it has a context. Subclasses say
    what it answers.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.tls: ssl.SSLContext | None = None
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def application(self) -> web.Application:
        """What answers; made anew for each start."""
        raise NotImplementedError

    async def start(self) -> Self:
        """Begin to answer, or do so again after `stop`."""
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True, ssl_context=self.tls).start()
        return self

    async def stop(self) -> None:
        """End, and whatever waits with it."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class Site:
    """A server that notes who asked. `handler` answers."""

    def __init__(self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self._handler = handler
        self.asked: list[str] = []
        self.port = 0
        self.url = ""
        """Where it is, without a path."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        return await self._handler(request)


@contextlib.asynccontextmanager
async def serve(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    """A site on an address."""
    site = Site(handler)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    site.port = runner.addresses[0][1]
    site.url = f"http://{address}:{site.port}"
    try:
        yield site
    finally:
        await runner.cleanup()


class Names(AbstractResolver):
    """Resolves any name to the next of some addresses, and then to the last of them."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = list(addresses)
        self.resolved = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses[min(self.resolved, len(self._addresses) - 1)]
        self.resolved += 1
        kind = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass
