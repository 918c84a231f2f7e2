"""Which kinds an API server has, and in which version and under which plural they are read."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import Kind
from daemun.base.names import Ref
from daemun.kube import paths
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, UnreadableError


class Served(NamedTuple):
    """A kind as the API server has it: the first of `kind.versions` that is there."""

    kind: Kind
    version: str
    plural: str
    whole: bool = False
    """The status is no subresource, as in most of Gloo's own CRDs: it is written with the object."""

    def path(self, namespace: str = "") -> str:
        """The path of all its objects, or of those in a namespace."""
        if namespace:
            return paths.within(self.kind.group, self.version, self.plural, namespace)
        return paths.resource(self.kind.group, self.version, self.plural)

    def object(self, ref: Ref) -> str:
        """The path of one object."""
        return paths.resource(self.kind.group, self.version, self.plural, ref.key)


class _Resource(msgspec.Struct):
    """metav1.APIResource, as far as it is read. Subresources have a name with a slash."""

    name: str
    kind: str
    verbs: tuple[str, ...] = ()

    @property
    def watched(self) -> bool:
        """Whether it is a kind that can be watched."""
        return "/" not in self.name and _VERBS.issubset(self.verbs)


class _Resources(msgspec.Struct):
    """metav1.APIResourceList."""

    resources: tuple[_Resource, ...] = ()


_DECODER = msgspec.json.Decoder(_Resources)
_VERBS = {"list", "watch"}
_AT_ONCE = 2
"""Requests under way: each may take a connection of its own, which costs more than the request does."""


async def discover(client: KubeClient, kinds: Iterable[Kind]) -> Mapping[tuple[str, str], Served]:
    """The kinds that can be watched, by group and kind; those that are not installed are absent.

    Raises KubeError when that cannot be told, which is not the same.
    """
    kinds = tuple(kinds)
    versions = list(dict.fromkeys((kind.group, version) for kind in kinds for version in kind.versions))
    known = await _versions(client, versions)
    found: dict[tuple[str, str], Served] = {}
    for kind in kinds:
        for version in kind.versions:
            resources = known[kind.group, version]
            plural = next((one.name for one in resources if one.kind == kind.kind and one.watched), None)
            if plural is not None:
                whole = issubclass(kind.type, GlooResource) and not any(
                    one.name == f"{plural}/status" for one in resources
                )
                found[kind.group, kind.kind] = Served(kind, version, plural, whole)
                break
    return found


async def _versions(
    client: KubeClient, versions: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[_Resource, ...]]:
    """What there is in each version of a group."""
    known: dict[tuple[str, str], tuple[_Resource, ...]] = {}
    left = iter(versions)

    async def ask() -> None:
        for one in left:
            known[one] = await _resources(client, *one)

    asking = [asyncio.create_task(ask()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*asking)
    finally:
        for one in asking:
            one.cancel()
    return known


async def _resources(client: KubeClient, group: str, version: str) -> tuple[_Resource, ...]:
    """What there is in a version of a group."""
    try:
        answer = await client.get(paths.root(group, version))
    except ApiError as error:
        if error.missing:
            return ()
        raise
    try:
        return _DECODER.decode(answer).resources
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"what kinds {group}/{version} has cannot be read: {error}") from None
