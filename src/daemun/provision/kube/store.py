"""The objects of proxies as the API server has them. Only their metadata is ever read."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec import field

from daemun.base.names import Name
from daemun.kube import paths
from daemun.kube.client import METADATA, METADATA_LIST, KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.stream import lines
from daemun.provision.kube.objects import ALL_MADE, GATEWAY_NAME, MANAGED_BY, MANAGER, Made, Rendered

_SELECTOR = {"labelSelector": f"{MANAGED_BY}={MANAGER},{GATEWAY_NAME}"}
_WATCH_SECONDS = 300
_PAUSE_SECONDS = (1.0, 5.0)


class Owner(msgspec.Struct, frozen=True):
    """An ownerReference."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an object's metadata."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int = 0
    deletion_timestamp: str = ""
    owner_references: tuple[Owner, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Changes whenever what was applied changes. Of kinds that count generations, the status is left out."""
        return str(self.generation) if self.generation else self.resource_version

    @property
    def gateway(self) -> Owner | None:
        """The Gateway that it belongs to; or the proxy of Gloo's classic mode, which is no object that could own it."""
        if not self.owner_references and self.labels.get(MANAGED_BY) == MANAGER and GATEWAY_NAME in self.labels:
            return Owner("Proxy", self.labels[GATEWAY_NAME], "")
        return next((one for one in self.owner_references if one.kind == "Gateway" and one.controller), None)


class _Object(msgspec.Struct, frozen=True):
    metadata: Metadata


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Object


Notice = Callable[[str, Metadata, bool], None]
"""Told of an object as it is now: its path, its metadata, and whether it is gone."""


class _List(msgspec.Struct, frozen=True):
    items: tuple[_Object, ...] | None = None  # null when empty


class Store:
    """Reads and writes them. Without `namespaces` it is all namespaces whose objects are listed."""

    def __init__(self, client: KubeClient, namespaces: Sequence[str] = ()) -> None:
        self._client = client
        self._namespaces = namespaces

    async def look(self, path: str) -> Metadata | None:
        """An object, if it is there."""
        found = await self._client.find(path, METADATA)
        return None if found is None else _read(found)

    async def apply(self, rendered: Rendered) -> Metadata:
        """Make it, or make it as it should be."""
        return _read(await self._client.apply(rendered.path, rendered.body))

    async def delete(self, path: str, uid: str) -> None:
        """Remove just this object, not another of its name."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._client.request("DELETE", path, body=body)
        except ApiError as error:
            if not (error.missing or error.conflict):
                raise

    async def ours(self) -> dict[str, Metadata]:
        """Everything that was made for a Gateway, by its path."""
        found: dict[str, Metadata] = {}
        for made in ALL_MADE:
            for place in self._places(made):
                listed = msgspec.json.decode(await self._client.get(place, _SELECTOR, METADATA_LIST), type=_List)
                for one in listed.items or ():
                    found[made.path(Name(one.metadata.namespace, one.metadata.name))] = one.metadata
        return found

    async def follow(self, notice: Notice) -> None:
        """Tell of everything that was made for a Gateway, and of every change, until cancelled.

        Nothing rests on it: what is missed while a watch is broken off, `ours` finds.
        """
        async with asyncio.TaskGroup() as group:
            for made in ALL_MADE:
                for place in self._places(made):
                    group.create_task(self._follow(made, place, notice))

    async def _follow(self, made: Made, place: str, notice: Notice) -> None:
        params = {**_SELECTOR, "watch": "1", "timeoutSeconds": str(_WATCH_SECONDS)}
        while True:
            with contextlib.suppress(KubeError, msgspec.MsgspecError):
                async with self._client.stream(place, params, accept=METADATA, idle=_WATCH_SECONDS + 10) as pieces:
                    async for line in lines(pieces):
                        event = msgspec.json.decode(line, type=_Event)
                        meta = event.object.metadata
                        notice(made.path(Name(meta.namespace, meta.name)), meta, event.type == "DELETED")
            await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - no secret

    def _places(self, made: Made) -> list[str]:
        if not self._namespaces:
            return [paths.resource(made.group, made.version, made.plural)]
        return [paths.within(made.group, made.version, made.plural, one) for one in self._namespaces]


def _read(body: bytes) -> Metadata:
    return msgspec.json.decode(body, type=_Object).metadata
