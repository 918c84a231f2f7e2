"""Apps and routes of a Cloud Foundry, and the instances of their processes, asked for again and again.

The Cloud Controller has no watch, and answers no conditional requests. Its audit events tell of what users did, not
that an instance became routable or moved to another cell, so that the stats of the process are the only truth.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from daemun.api.gloo.scalars import Duration
from daemun.base.durations import nanoseconds
from daemun.ir.instances import Catalogue, Entry, Instance, Instances, Lookup
from daemun.sources.registries.cloudfoundry import resources
from daemun.sources.registries.cloudfoundry.controller import Controller
from daemun.sources.registries.cloudfoundry.login import Login, grant
from daemun.sources.registries.registry import Config, Registry, RegistryError, Tools, checked

_SECONDS = 15.0
_SHORTEST = 1.0
_WEB_PORT = 8080


class CloudFoundryConfig(Config, frozen=True):
    """Which Cloud Foundry. Services without a place are in this `space` of this `organization`.

    Instances are reached at the ports of their cells, as CF's own router does, or in the network of the containers; of
    a route with an internal domain always there. `tlsPorts` are those that the cells' own Envoys end TLS at.
    """

    api: str
    organization: str = ""
    space: str = ""
    process: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\w.-]+$")] = "web"
    network: Literal["Cells", "Containers"] = "Cells"
    tls_ports: bool = False
    interval: Duration = "15s"
    insecure_skip_verify: bool = False


def _api(config: CloudFoundryConfig) -> str:
    return checked("config.api", config.api, "https://api.SYSTEM-DOMAIN")


class _Apps(NamedTuple):
    """GUIDs by name, and when they were asked for."""

    since: float
    guids: Mapping[str, str]


class CloudFoundry(Registry):
    """A service is an app by its name, or a route by its URL; its place is ORGANIZATION/SPACE."""

    Config = CloudFoundryConfig

    def __init__(self, config: CloudFoundryConfig, tools: Tools) -> None:
        api = _api(config)
        self._config = config
        self._interval = max(nanoseconds(config.interval) / 1e9, _SHORTEST)
        self._fetcher = tools.fetcher(tls=tools.tls(insecure=config.insecure_skip_verify), seconds=_SECONDS)
        self._controller = Controller(api, self._fetcher, Login(self._fetcher, grant(tools)))
        self._spaces: dict[str, str] = {}
        self._known: dict[str, _Apps] = {}
        self._finding = asyncio.Lock()

    @classmethod
    def check(cls, config: CloudFoundryConfig) -> None:
        """An API has an address."""
        _api(config)

    async def close(self) -> None:
        """End all connections."""
        await self._fetcher.close()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances that run and are routable, now and after every interval."""
        while True:
            if "." in lookup.service:
                found = await self._of_route(lookup.service, lookup.place)
            else:
                found = await self._of_app(lookup.service, lookup.place)
            yield tuple(sorted(found))
            await asyncio.sleep(self._interval)

    async def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """The apps of the space, or all that the login may see."""
        while True:
            params = {"include": "space.organization"}
            if self._config.space:
                params["space_guids"] = await self._space("")
            found: set[Entry] = set()
            async for apps, included in self._controller.pages("/v3/apps", resources.App, **params):
                places = resources.places(included)
                for app in apps:
                    labels = app.metadata.labels or {}
                    tags = tuple(sorted(f"{key}={value or ''}" for key, value in labels.items()))
                    found.add(Entry(app.name, places.get(app.space, ""), tags))
            yield frozenset(found)
            await asyncio.sleep(self._interval)

    async def _of_app(self, name: str, place: str) -> set[Instance]:
        """An app that is not there has no instances; a space that is not shown is another matter."""
        cells = self._config.network == "Cells"
        for anew in (False, True):  # perhaps it is the space that is another now, or is not shown any more
            if (guid := (await self._apps(place, anew=anew)).get(name)) is not None:
                found = await self._instances(guid, self._config.process, 0, cells=cells)
                if found is not None:
                    return found
        return set()

    async def _apps(self, place: str, *, anew: bool = False) -> Mapping[str, str]:
        """The GUIDs of a space's apps, asked for once for all lookups of a time. (An app gets another one when it is
        replaced by one of the same name.)
        """
        space = await self._space(place, anew=anew)
        async with self._finding:
            known = self._known.get(space)
            if known is None or anew or time.monotonic() - known.since > self._interval / 2:
                since = time.monotonic()
                apps = await self._controller.all("/v3/apps", resources.App, space_guids=space)
                known = self._known[space] = _Apps(since, {one.name: one.guid for one in apps})
            return known.guids

    async def _of_route(self, url: str, place: str) -> set[Instance]:
        host, _, path = url.partition("/")
        candidates = [host, *_parents(host)]
        domains = await self._controller.all("/v3/domains", resources.Domain, names=",".join(candidates))
        if not domains:
            raise RegistryError("no domain of this Cloud Foundry fits, or none is shown", "See `cf domains`.")
        domain = max(domains, key=lambda one: len(one.name))
        params = {"domain_guids": domain.guid, "hosts": host.removesuffix(domain.name).rstrip(".")}
        if place or self._config.space:
            params["space_guids"] = await self._space(place, anew=True)
        routes = await self._controller.all("/v3/routes", resources.Route, **params)
        cells = self._config.network == "Cells" and not domain.internal
        found: set[Instance] = set()
        for route in routes:
            if route.path.strip("/") == path.strip("/"):
                for one in route.destinations:
                    kind = one.app.process.type if one.app.process else self._config.process
                    each = await self._instances(one.app.guid, kind, one.port or 0, cells=cells)
                    found.update(instance._replace(weight=max(1, one.weight or 1)) for instance in each or ())
        return found

    async def _instances(self, app: str, process: str, port: int, *, cells: bool) -> set[Instance] | None:
        """Of an app's process, at this port of its containers; 0: at the first. None: there is no such process."""
        path = f"/v3/apps/{app}/processes/{process}/stats"
        stats = await self._controller.find(path, resources.Stats)
        if stats is None:
            return None
        running = [one for one in stats.resources if one.takes_requests]
        found = {at for one in running if (at := self._address(one, port, cells=cells)) is not None}
        if running and not found:
            text = f"no instance of the process {process} shows an address{f' for its port {port}' if port else ''}"
            raise RegistryError(text, "Give the login a role that sees all of a process, such as that of a developer.")
        return found

    def _address(self, one: resources.Instance, port: int, *, cells: bool) -> Instance | None:
        index = (f"index={one.index}",)
        if not cells:
            address = one.instance_internal_ip
            ports = (each.internal for each in one.instance_ports or ())
            return Instance(address, port or next(ports, None) or _WEB_PORT, index) if address else None
        for each in one.instance_ports or ():
            number = each.external_tls_proxy_port if self._config.tls_ports else each.external
            if one.host and number and port in {0, each.internal}:
                return Instance(one.host, number, index)
        return None

    async def _space(self, place: str, *, anew: bool = False) -> str:
        """A space's GUID, which is kept. Raises RegistryError if it is not shown."""
        organization, _, space = place.rpartition("/")
        organization, space = organization or self._config.organization, space or self._config.space
        if not organization or not space:
            mend = "Give the Upstream a place ORGANIZATION/SPACE, or the Registry an organization and a space."
            raise RegistryError("does not say in which space it is", mend)
        key = f"{organization}/{space}"
        async with self._finding:  # all lookups begin at once, and most are in the same space
            if anew or key not in self._spaces:
                organizations = await self._controller.all("/v3/organizations", resources.Named, names=organization)
                of = ",".join(one.guid for one in organizations) or "none"
                spaces = await self._controller.all("/v3/spaces", resources.Named, names=space, organization_guids=of)
                if not spaces:
                    text = f"there is no space {key}, or it is not shown to this login"
                    raise RegistryError(text, "See `cf spaces`, and the roles of the login.")
                self._spaces[key] = spaces[0].guid
            return self._spaces[key]


def _parents(host: str) -> Iterator[str]:
    while "." in host:
        host = host.partition(".")[2]
        yield host
