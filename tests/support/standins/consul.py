"""A stand-in for Consul's agent: the catalogue and the health of services, with true blocking queries.

The real agent cannot be built here (its Go module needs another whose checksum cannot be verified). What it does is
taken from Consul's documentation of its HTTP API: an answer has an index, and a query with one waits until the service
has changed since, or the time is over.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from support.servers.sites import WebServer


class Consul(WebServer):
    """An agent on a port of its own. `token` is wanted of whoever asks, if there is one."""

    PATH, LIST = "/v1/health/service/{name}", "/v1/catalog/services"
    INDEX, TOKEN = "X-Consul-Index", "X-Consul-Token"

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        self.asked: list[dict[str, str]] = []
        self.index = 10
        self.waiting = 0
        self.datacenters = ["dc1"]
        self._services: dict[str, list[dict[str, Any]]] = {}
        self._changed: dict[str, int] = {}
        self._news = asyncio.Condition()

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_get(self.PATH, self._health)
        app.router.add_get(self.LIST, self._catalogue)
        app.router.add_get("/v1/catalog/datacenters", self._datacenters)
        app.router.add_routes(self.more())
        return app

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

    def add(self, name: str, port: int) -> None:
        """A service with one instance, of which nobody is told until something else changes."""
        self.index += 1
        entry = {"Node": {"Address": "127.0.0.1"}, "Service": {"Service": name, "Port": port, "Tags": []}}
        self._services[name], self._changed[name] = [entry], self.index

    async def remove(self, name: str) -> None:
        """A service is deregistered."""
        async with self._news:
            self.index += 1
            del self._services[name]
            self._changed[name] = self.index
            self._news.notify_all()

    def more(self) -> list[web.RouteDef]:
        """What else it answers."""
        return []

    def forget(self) -> None:
        """Begin anew, as an agent that lost its state: with small indexes."""
        self.index = 1
        self._services, self._changed = {}, {}

    async def _health(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(dict(request.query))
        return await self._block(request, lambda: (self._services.get(name, []), self._at(name)))

    async def _catalogue(self, request: web.Request) -> web.Response:
        return await self._block(request, lambda: (self._listed(), max(self._changed.values(), default=1)))

    async def _datacenters(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.datacenters)

    async def _block(self, request: web.Request, look: Callable[[], tuple[Any, int]]) -> web.Response:
        """What there is to say, once it is newer than the index that is asked beyond."""
        query = request.query
        if self.token and request.headers.get(self.TOKEN) != self.token:
            return web.Response(status=403, text="Permission denied")
        since = int(query.get("index", "0"))
        async with self._news:
            if since:
                self.waiting += 1
                try:
                    async with asyncio.timeout(float(query.get("wait", "300s").rstrip("s"))):
                        await self._news.wait_for(lambda: look()[1] > since or self.index < since)
                except TimeoutError:
                    pass
                finally:
                    self.waiting -= 1
            found, index = look()
        return web.json_response(found, headers={self.INDEX: str(index)})

    def _listed(self) -> Any:
        """All services, as the agent lists them."""
        return {
            name: sorted({tag for one in entries for tag in one["Service"].get("Tags") or ()})
            for name, entries in self._services.items()
        }

    def _at(self, name: str) -> int:
        return self._changed.get(name, 1)
