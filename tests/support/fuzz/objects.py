"""All objects at one moment, as documents."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from daemun.base.names import Ref
from support.objects.documents import Doc


class Key(NamedTuple):
    """Which object."""

    kind: str
    namespace: str
    name: str


Change = Mapping[Key, Doc | None]
"""What is set or removed (None) at once."""
_GROUPS = {
    "Service": "",
    "Secret": "",
    "Namespace": "",
    "EndpointSlice": "discovery.k8s.io",
    "Upstream": "gloo.solo.io",
    "AuthPolicy": "daemun.dev",
    "RateLimitPolicy": "daemun.dev",
    "RouteOption": "gateway.solo.io",
    "VirtualHostOption": "gateway.solo.io",
}


def key_of(document: Doc) -> Key:
    """The key of a document."""
    meta = document["metadata"]
    return Key(document["kind"], meta.get("namespace", ""), meta["name"])


def ref_of(key: Key) -> Ref:
    """The same, as a control plane calls it."""
    return Ref(_GROUPS.get(key.kind, "gateway.networking.k8s.io"), key.kind, key.namespace, key.name)


def change_of(*documents: Doc | list[Doc], gone: tuple[Key, ...] = ()) -> Change:
    """A change that brings these documents, and takes those objects away."""
    every = [document for one in documents for document in (one if isinstance(one, list) else [one])]
    return dict.fromkeys(gone) | {key_of(one): one for one in every}


class Objects:
    """The objects of one moment; they do not change."""

    def __init__(self, every: Mapping[Key, Doc]) -> None:
        self.every = every

    def after(self, change: Change) -> "Objects":
        """What they are after a change."""
        return Objects({key: one for key, one in {**self.every, **change}.items() if one is not None})

    def get(self, kind: str, namespace: str, name: str) -> Doc | None:
        """One of them, if it is there."""
        return self.every.get(Key(kind, namespace, name))

    def of(self, *kinds: str) -> Iterator[tuple[Key, Doc]]:
        """All of these kinds."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> dict[str, list[tuple[Key, Doc]]]:
        found: dict[str, list[tuple[Key, Doc]]] = {}
        for key, document in self.every.items():
            found.setdefault(key.kind, []).append((key, document))
        return found

    @cached_property
    def routes(self) -> list[tuple[Key, Doc]]:
        """All routes."""
        return list(self.of("HTTPRoute", "GRPCRoute"))

    @cached_property
    def slices(self) -> dict[tuple[str, str], list[Doc]]:
        """EndpointSlices by the namespace and name of their Service."""
        found: dict[tuple[str, str], list[Doc]] = {}
        for key, document in self.of("EndpointSlice"):
            service = document["metadata"]["labels"]["kubernetes.io/service-name"]
            found.setdefault((key.namespace, service), []).append(document)
        return found
