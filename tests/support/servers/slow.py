"""A backend that takes its time, and what leads to it."""

import asyncio

from support.objects.documents import Doc, hosts, upstream
from support.servers.backend import Echo


class Slow(Echo):
    """A backend that says nothing until it is `ready`, not even that it is healthy."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked = asyncio.Event()
        self.ready = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, once it is ready."""
        self.asked.set()
        await self.ready.wait()
        await super().serve(reader, writer)

    def upstream(self) -> Doc:
        """The Upstream of its name, whose only host is asked whether it is healthy."""
        check = {"timeout": "300s", "interval": "300s", "unhealthyThreshold": 1, "healthyThreshold": 1}
        return upstream(self.name, static=hosts(self.port), healthChecks=[{**check, "httpHealthCheck": {"path": "/"}}])
