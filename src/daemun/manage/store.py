"""The objects of a cluster, to be read and written by a person's command."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from daemun.api.kinds import BY_NAME
from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.discovery import Served, discover
from daemun.kube.errors import ApiError, KubeError
from daemun.manage.documents import Document, ref_of

Key = tuple[str, str]
"""Group and kind."""


class Store:
    """Reads and writes objects. Every error is a KubeError that names the object."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self._served: dict[Key, Served] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, context: str | None = None, kubeconfig: Path | None = None) -> AsyncIterator[Self]:
        """A store of the cluster that `kubectl` would use, or of the one that is named."""
        async with KubeClient.connect(context, kubeconfig, patient=True) as client:
            yield cls(client)

    async def read(self, key: Key, name: Name) -> Document:
        """An object. Raises KubeError if it is not there."""
        found = await self.find(key, name)
        if found is None:
            raise KubeError(f"there is no {key[1]} {name}", "Look for it with `get`, in its namespace with -n.")
        return found

    async def find(self, key: Key, name: Name) -> Document | None:
        """An object, if it is there."""
        answer = await self.client.find(f"{(await self._kind(key)).path(name.namespace)}/{name.name}")
        return None if answer is None else msgspec.json.decode(answer)

    async def list(self, key: Key, namespace: str = "") -> list[Document]:
        """All objects of a kind in a namespace, or everywhere; none if the cluster does not know the kind."""
        served = (await discover(self.client, [BY_NAME[key]])).get(key)
        if served is None:
            return []
        group, kind = key
        answer = msgspec.json.decode(await self.client.get(served.path(namespace)))
        api = f"{group}/{served.version}" if group else served.version
        # The items of a list do not say what they are.
        return [{"apiVersion": api, "kind": kind} | one for one in answer.get("items", [])]

    async def create(self, written: Document) -> Document:
        """Make an object. Raises KubeError if one of this name is there."""
        ref = ref_of(written)
        served = await self._kind((ref.group, ref.kind))
        try:
            return await self._send("POST", served.path(ref.namespace), written)
        except ApiError as error:
            if error.conflict:
                raise KubeError(f"there is a {ref} already", "Take another name, or delete it first.") from None
            raise

    async def replace(self, written: Document) -> Document:
        """Write an object that was read. Raises KubeError if somebody else has written it in the meantime."""
        ref = ref_of(written)
        served = await self._kind((ref.group, ref.kind))
        try:
            return await self._send("PUT", served.object(ref), written)
        except ApiError as error:
            if error.conflict:
                raise KubeError(f"{ref} has changed in the meantime", "Look at it, and try again.") from None
            raise

    async def delete(self, key: Key, name: Name) -> None:
        """Delete an object. Raises KubeError if it is not there."""
        served = await self._kind(key)
        try:
            await self.client.request("DELETE", f"{served.path(name.namespace)}/{name.name}")
        except ApiError as error:
            if error.missing:
                raise KubeError(f"there is no {key[1]} {name}", "Look for it with `get`.") from None
            raise

    async def _kind(self, key: Key) -> Served:
        if key not in self._served:
            found = (await discover(self.client, [BY_NAME[key]])).get(key)
            if found is None:
                mend = "Install it: daemun crds --gloo | kubectl apply -f -"
                raise KubeError(f"the cluster does not know the kind {key[1]} of {key[0]}", mend)
            self._served[key] = found
        return self._served[key]

    async def _send(self, method: Any, path: str, written: Document) -> Document:
        answer: Document = msgspec.json.decode(await self.client.request(method, path, body=written))
        return answer


async def changed(
    store: Store,
    key: Key,
    name: Name,
    act: Callable[[Document], Document],
    version: str | None = None,
    *,
    write: bool = True,
) -> Document:
    """Read an object, change it, and write it if that is wanted. Raises KubeError if it has another `version`."""
    there = await store.read(key, name)
    now = there["metadata"].get("resourceVersion")
    if version is not None and version != now:
        raise KubeError(f"{key[1]} {name} does not have the version {version}", f"It has {now} now; look at it again.")
    made = act(there)
    return await store.replace(made) if write else made
