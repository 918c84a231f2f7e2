"""Consul: the instances of services that its health checks pass, by blocking queries.

(Consul's HTTP API, "Health".)
"""

import base64
import contextlib
import functools
from collections.abc import AsyncGenerator, Iterator
from urllib.parse import quote

import msgspec

from daemun.api.gloo.scalars import Duration
from daemun.api.gloo.settings import ConsulConfiguration
from daemun.base.durations import nanoseconds
from daemun.ir.instances import Catalogue, Entry, Instance, Instances, Lookup
from daemun.ir.registries import CONNECT
from daemun.sources.client import Client
from daemun.sources.registries.blocking import BlockingQueries, Kind, server
from daemun.sources.registries.hostnames import Hostnames
from daemun.sources.registries.merging import latest
from daemun.sources.registries.registry import Config, Registry, Tools
from daemun.sources.tlsfiles import TlsFiles

_ADDRESS, _DNS = "http://127.0.0.1:8500", "127.0.0.1:8600"
"""The agent's own, which are Gloo's defaults."""
_POLLING, _SHORTEST = 5.0, 0.2
"""Seconds between two questions to the DNS: Gloo's default, and the fewest."""
_CONSUL = Kind("Consul", "config.httpAddress", "X-Consul-Index", "Give a token that may read services and nodes.")


class _Weights(msgspec.Struct, rename="pascal"):
    passing: int = 1


class _Node(msgspec.Struct, rename="pascal"):
    address: str = ""


class _Service(msgspec.Struct, rename="pascal"):
    address: str = ""
    port: int = 0
    tags: list[str] | None = None
    weights: _Weights | None = None


class _Entry(msgspec.Struct, rename="pascal"):
    """One instance, as far as it is read (HealthServiceEntry)."""

    node: _Node
    service: _Service


_DECODER = msgspec.json.Decoder(list[_Entry])
_SERVICES = msgspec.json.Decoder(dict[str, list[str]])
_PLACES = msgspec.json.Decoder(list[str])


class ConsulConfig(Config, frozen=True):
    """What a Registry says of a Consul. Its Secret may have a `token`, or `username` and `password`, and `ca.crt`."""

    http_address: str
    datacenter: str = ""
    wait_time: Duration | None = None
    insecure_skip_verify: bool = False


class Consul(Registry):
    """Asks the agent at the address of the configuration: a Registry's, or that of Settings."""

    Config = ConsulConfig

    def __init__(self, config: ConsulConfig | ConsulConfiguration, tools: Tools) -> None:
        if isinstance(config, ConsulConfig):
            self._places: tuple[str, ...] = (config.datacenter,)
        else:
            self._places = config.service_discovery.data_centers if config.service_discovery else ()
        self._place = config.datacenter
        self._hostnames = None if isinstance(config, ConsulConfig) else _hostnames(config)
        self._queries = queries(config, tools)

    @classmethod
    def check(cls, config: ConsulConfig) -> None:
        """An agent has an address."""
        server(_CONSUL, config.http_address)

    async def close(self) -> None:
        """End all connections."""
        await self._queries.close()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances whose checks pass, now and after every change."""
        params = {"passing": "1"}
        if place := lookup.place or self._place:
            params["dc"] = place
        ways = [one for one in lookup.how.split("+") if one]
        params |= dict.fromkeys((one for one in ways if one != CONNECT), "")
        path = f"/v1/health/{CONNECT if CONNECT in ways else 'service'}/{quote(lookup.service, safe='')}"
        streams = contextlib.AsyncExitStack()
        async with streams:
            answers = await streams.enter_async_context(contextlib.aclosing(self._instances(path, params)))
            if self._hostnames is not None:
                located = self._hostnames.located(answers)
                answers = await streams.enter_async_context(contextlib.aclosing(located))
            async for found in answers:
                yield found

    async def _instances(self, path: str, params: dict[str, str]) -> AsyncGenerator[Instances, None]:
        async with contextlib.aclosing(self._queries.follow(path, params, _DECODER)) as answers:
            async for entries in answers:
                yield tuple(sorted({one for one in map(_instance, entries) if one is not None}))

    async def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """The services in the data centers that are named; without any, in all that there are."""
        while True:
            places = await self._all() if not self._places else self._places
            streams = {place: functools.partial(self._listed, place) for place in places}
            async with contextlib.aclosing(latest(streams)) as answers:
                async for found in answers:
                    yield frozenset().union(*found.values())

    async def _listed(self, place: str) -> AsyncGenerator[Catalogue, None]:
        params = {"dc": place} if place else {}
        async with contextlib.aclosing(self._queries.follow("/v1/catalog/services", params, _SERVICES)) as answers:
            async for found in answers:
                yield frozenset(Entry(name, place, tuple(sorted(tags))) for name, tags in found.items())

    async def _all(self) -> list[str]:
        async with contextlib.aclosing(self._queries.follow("/v1/catalog/datacenters", {}, _PLACES)) as answers:
            return await anext(answers)


def queries(config: ConsulConfig | ConsulConfiguration, tools: Tools) -> BlockingQueries:
    """How that agent is asked. Raises RegistryError for an address that is none."""
    insecure = bool(config.insecure_skip_verify)
    if isinstance(config, ConsulConfig):
        address, files = config.http_address, tools.trust(insecure=insecure)
        headers = _headers(*(tools.text(key, "") for key in ("token", "username", "password")))
    else:
        address = config.http_address or config.address or _ADDRESS
        files = TlsFiles(config.ca_file, config.ca_path, config.cert_file, config.key_file, insecure)
        headers = _headers(config.token, config.username, config.password)
    wait = nanoseconds(config.wait_time) / 1e9 if config.wait_time else 0.0
    return BlockingQueries(_CONSUL, address, Client(files, guard=tools.guard), dict(headers), wait)


def _hostnames(config: ConsulConfiguration) -> Hostnames:
    """Who is asked for instances of which Consul has a hostname, which is Consul's own DNS, and how often."""
    every = nanoseconds(config.dns_polling_interval) / 1e9 if config.dns_polling_interval else 0.0
    return Hostnames(config.dns_address or _DNS, max(every or _POLLING, _SHORTEST))


def _headers(token: str, username: str, password: str) -> Iterator[tuple[str, str]]:
    if token:
        yield "X-Consul-Token", token
    if username:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        yield "Authorization", f"Basic {pair}"


def _instance(entry: _Entry) -> Instance | None:
    """An instance; one without an address of its own has its node's. What has no port takes no requests."""
    service = entry.service
    address = service.address or entry.node.address
    if not address or not 0 < service.port < 65_536:
        return None
    weight = max(1, service.weights.passing if service.weights else 1)
    return Instance(address, service.port, tuple(sorted(service.tags or ())), weight)
