"""A stand-in for Nomad's agent: the services that Nomad knows itself, with blocking queries as Consul has them.

What it does is taken from Nomad's documentation of its HTTP API, "Services" and "Blocking Queries".
"""

from typing import Any

from support.standins.consul import Consul


class Nomad(Consul):
    """An agent with one namespace."""

    PATH, LIST = "/v1/service/{name}", "/v1/services"
    INDEX, TOKEN = "X-Nomad-Index", "X-Nomad-Token"

    async def put(self, name: str, *ports: int, address: str = "127.0.0.1", tags: tuple[str, ...] = ()) -> None:
        """A service has these instances, and no others."""
        await self.set(
            name,
            [
                {"ServiceName": name, "Namespace": "default", "Address": address, "Port": port, "Tags": list(tags)}
                for port in ports
            ],
        )

    def _listed(self) -> Any:
        services = [{"ServiceName": name, "Tags": []} for name, entries in self._services.items() if entries]
        return [{"Namespace": "default", "Services": services}]
