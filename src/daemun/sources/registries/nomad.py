"""Nomad: the instances of services that it knows itself (its own provider, not Consul's), by blocking queries.

(Nomad's HTTP API, "Services".) Nomad lists an instance while its allocation runs, whatever its checks say.
"""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from urllib.parse import quote

import msgspec

from daemun.ir.instances import Catalogue, Entry, Instance, Instances, Lookup
from daemun.sources.client import Client
from daemun.sources.registries.blocking import BlockingQueries, Kind, server
from daemun.sources.registries.registry import Config, Registry, Tools

_NOMAD = Kind("Nomad", "config.address", "X-Nomad-Index", "Give a token with read-job in the namespace.")


class NomadConfig(Config, frozen=True):
    """Which Nomad. Without a region it is the one of the agent that is asked."""

    address: str = "http://127.0.0.1:4646"
    region: str = ""
    namespace: str = "default"
    insecure_skip_verify: bool = False


class _Registration(msgspec.Struct, rename="pascal"):
    """One instance, as far as it is read (ServiceRegistration)."""

    address: str = ""
    port: int = 0
    tags: list[str] | None = None


class _Stub(msgspec.Struct, rename="pascal"):
    service_name: str = ""
    tags: list[str] | None = None


class _Namespace(msgspec.Struct, rename="pascal"):
    """The services of one namespace (ServiceRegistrationListStub)."""

    namespace: str = ""
    services: list[_Stub] | None = None


_INSTANCES = msgspec.json.Decoder(list[_Registration])
_SERVICES = msgspec.json.Decoder(list[_Namespace])


class Nomad(Registry):
    """Asks the agent at the address of the configuration. The place of a service is its namespace."""

    Config = NomadConfig

    def __init__(self, config: NomadConfig, tools: Tools) -> None:
        token = tools.text("token", "")
        client = Client(tools.trust(insecure=config.insecure_skip_verify), guard=tools.guard)
        self._config = config
        self._queries = BlockingQueries(_NOMAD, config.address, client, {"X-Nomad-Token": token} if token else {})

    @classmethod
    def check(cls, config: NomadConfig) -> None:
        """An agent has an address."""
        server(_NOMAD, config.address)

    async def close(self) -> None:
        """End all connections."""
        await self._queries.close()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances that run, now and after every change."""
        path = f"/v1/service/{quote(lookup.service, safe='')}"
        followed = self._queries.follow(path, self._params(lookup.place), _INSTANCES)
        async with contextlib.aclosing(followed) as answers:
            async for found in answers:
                yield tuple(sorted({_instance(one) for one in found if one.address and 0 < one.port < 65_536}))

    async def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """The services of the namespace; of all that may be seen, if that is `*`."""
        followed = self._queries.follow("/v1/services", self._params(""), _SERVICES)
        async with contextlib.aclosing(followed) as answers:
            async for found in answers:
                yield frozenset(
                    Entry(one.service_name, each.namespace, tuple(sorted(one.tags or ())))
                    for each in found
                    for one in each.services or ()
                )

    def _params(self, place: str) -> Mapping[str, str]:
        params = {"namespace": place or self._config.namespace}
        return params | {"region": self._config.region} if self._config.region else params


def _instance(one: _Registration) -> Instance:
    return Instance(one.address, one.port, tuple(sorted(one.tags or ())))
