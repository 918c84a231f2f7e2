"""A stand-in for Consul's agent: the health of services, with true blocking queries.

The real agent cannot be built here (its Go module needs another whose checksum cannot be verified). What it does is
taken from Consul's documentation of its HTTP API: an answer has an index, and a query with one waits until the service
has changed since, or the time is over.
"""

import asyncio
from typing import Any, Self

from aiohttp import web

from support.ports import free_port


class Consul:
    """An agent on a port of its own. `token` is wanted of whoever asks, if there is one."""

    PATH = "/v1/health/service/{name}"
    INDEX, TOKEN = "X-Consul-Index", "X-Consul-Token"

    def __init__(self) -> None:
        self.port = free_port()
        self.token = ""
        self.asked: list[dict[str, str]] = []
        self.index = 10
        self.waiting = 0
        self._services: dict[str, list[dict[str, Any]]] = {}
        self._changed: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Self:
        """Begin to answer, or do so again after `stop`."""
        app = web.Application()
        app.router.add_get(self.PATH, self._health)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        return self

    async def stop(self) -> None:
        """End, and whatever waits with it."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def put(self, name: str, *ports: int, address: str = "127.0.0.1", tags: tuple[str, ...] = ()) -> None:
        """A service has these instances, and no others."""
        entries = [
            {
                "Node": {"Node": "n", "Address": "127.0.0.1"},
                "Service": {"Service": name, "Address": address, "Port": port, "Tags": list(tags)},
                "Checks": [],
            }
            for port in ports
        ]
        await self.set(name, entries)

    async def set(self, name: str, entries: list[dict[str, Any]]) -> None:
        """A service has these entries (HealthServiceEntry)."""
        async with self._news:
            self.index += 1
            self._services[name], self._changed[name] = entries, self.index
            self._news.notify_all()

    def forget(self) -> None:
        """Begin anew, as an agent that lost its state: with small indexes."""
        self.index = 1
        self._services, self._changed = {}, {}

    async def _health(self, request: web.Request) -> web.Response:
        name, query = request.match_info["name"], request.query
        self.asked.append(dict(query))
        if self.token and request.headers.get(self.TOKEN) != self.token:
            return web.Response(status=403, text="Permission denied")
        since = int(query.get("index", "0"))
        async with self._news:
            if since:
                self.waiting += 1
                try:
                    async with asyncio.timeout(float(query.get("wait", "300s").rstrip("s"))):
                        await self._news.wait_for(lambda: self._at(name) > since or self.index < since)
                except TimeoutError:
                    pass
                finally:
                    self.waiting -= 1
            found, index = self._services.get(name, []), self._at(name)
        return web.json_response(found, headers={self.INDEX: str(index)})

    def _at(self, name: str) -> int:
        return self._changed.get(name, 1)
