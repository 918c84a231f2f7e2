"""Which kinds an API server has, and in which version and under which plural they are read."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import Kind
from daemun.base.names import Ref
from daemun.kube import paths
from daemun.kube.client import JSON, KubeClient
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


class _Kind(msgspec.Struct):
    kind: str = ""


class _Subresource(msgspec.Struct):
    subresource: str = ""


class _Discovered(msgspec.Struct, rename="camel"):
    """APIResourceDiscovery."""

    resource: str
    verbs: tuple[str, ...] = ()
    response_kind: _Kind | None = None
    subresources: tuple[_Subresource, ...] = ()

    def resources(self) -> Iterator[_Resource]:
        """The same as others tell it."""
        yield _Resource(self.resource, self.response_kind.kind if self.response_kind else "", self.verbs)
        for one in self.subresources:
            yield _Resource(f"{self.resource}/{one.subresource}", "")


class _Version(msgspec.Struct):
    version: str
    resources: tuple[_Discovered, ...] = ()


class _Name(msgspec.Struct):
    name: str = ""


class _Group(msgspec.Struct):
    metadata: _Name
    versions: tuple[_Version, ...] = ()


class _Groups(msgspec.Struct):
    """APIGroupDiscoveryList, of which older API servers know nothing."""

    kind: str
    items: tuple[_Group, ...] = ()


_Known = Mapping[tuple[str, str], tuple[_Resource, ...]]
"""What there is in each version of a group."""
_DECODER = msgspec.json.Decoder(_Resources)
_GROUPS = msgspec.json.Decoder(_Groups)
_LIST = "APIGroupDiscoveryList"
_AT_A_TIME = ",".join(
    (*(f"application/json;g=apidiscovery.k8s.io;v={one};as={_LIST}" for one in ("v2", "v2beta1")), JSON)
)
_PLACES = ("/api", "/apis")
_OLD = (403, 404, 406)
"""How an API server may answer that knows, or tells, each version alone."""
_VERBS = {"list", "watch"}
_AT_ONCE = 2
"""Requests under way: each may take a connection of its own, which costs more than the request does."""


async def discover(client: KubeClient, kinds: Iterable[Kind]) -> Mapping[tuple[str, str], Served]:
    """The kinds that can be watched, by group and kind; those that are not installed are absent.

    Raises KubeError when that cannot be told, which is not the same.
    """
    kinds = tuple(kinds)
    versions = list(dict.fromkeys((kind.group, version) for kind in kinds for version in kind.versions))
    return _served(kinds, await _versions(client, versions))


class Discovery:
    """The same, asked again and again: all groups at a time, of which nothing is sent that has not changed.

    An API server that starts tells groups at once though it does not know all yet, but of a single version it says then
    that it has to be asked again. So what seems not to be there, or no more as it was, is believed only of that.
    """

    def __init__(self, client: KubeClient, kinds: Iterable[Kind]) -> None:
        self._client = client
        self._kinds = {(one.group, one.kind): one for one in kinds}
        self._tags = dict.fromkeys(_PLACES, "")
        self._known: dict[str, _Known] = {}
        self._sure: dict[tuple[str, str], Served | None] = {}
        self._settled = False

    async def look(self) -> Mapping[tuple[str, str], Served]:
        """As `discover`."""
        for place in _PLACES:
            try:
                found = await self._client.news(place, self._tags[place], _AT_A_TIME)
            except ApiError as error:
                if error.status in _OLD:
                    return await discover(self._client, self._kinds.values())
                raise
            if found is None:
                continue
            self._tags[place] = ""  # until it is read
            known = _groups(found[0])
            if known is None:
                return await discover(self._client, self._kinds.values())
            self._known[place], self._tags[place] = known, found[1]
            self._settled = False
        if not self._settled:
            await self._compare()
        return {key: one for key, one in self._sure.items() if one is not None}

    async def _compare(self) -> None:
        told = _served(self._kinds.values(), {of: each for one in self._known.values() for of, each in one.items()})
        doubtful = [key for key in self._kinds if self._doubtful(key, told.get(key))]
        sure = await discover(self._client, [self._kinds[key] for key in doubtful]) if doubtful else {}
        self._sure = {key: (sure if key in doubtful else told).get(key) for key in self._kinds}
        self._settled = all(sure.get(key) == told.get(key) for key in doubtful)

    def _doubtful(self, key: tuple[str, str], told: Served | None) -> bool:
        """Whether less is told of a kind than was before; at first that is everything."""
        return told is None if key not in self._sure else self._sure[key] not in {None, told}


def _groups(text: bytes) -> _Known | None:
    """What there is in all groups; None if they are not told so."""
    try:
        found = _GROUPS.decode(text)
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"what kinds there are cannot be read: {error}") from None
    if found.kind != _LIST:
        return None
    return {
        (group.metadata.name, version.version): tuple(
            resource for one in version.resources for resource in one.resources()
        )
        for group in found.items
        for version in group.versions
    }


def _served(kinds: Iterable[Kind], known: _Known) -> Mapping[tuple[str, str], Served]:
    """The first version of each kind that there is."""
    found: dict[tuple[str, str], Served] = {}
    for kind in kinds:
        for version in kind.versions:
            resources = known.get((kind.group, version), ())
            plural = next((one.name for one in resources if one.kind == kind.kind and one.watched), None)
            if plural is not None:
                whole = issubclass(kind.type, GlooResource) and not any(
                    one.name == f"{plural}/status" for one in resources
                )
                found[kind.group, kind.kind] = Served(kind, version, plural, whole)
                break
    return found


async def _versions(client: KubeClient, versions: Iterable[tuple[str, str]]) -> _Known:
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
