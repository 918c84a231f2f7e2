"""Where the parts of a migration lay down what they make, and what they have to tell."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from daemun.base.names import GATEWAY, GLOO_KUBE_GATEWAY, Name, Ref
from daemun.gloo.classic.hosts import Domain
from daemun.gloo.classic.report import Report
from daemun.gloo.migrate.world import World

Doc: TypeAlias = dict[str, Any]
_VERSIONS: Mapping[tuple[str, str], str] = {
    (GATEWAY, "ReferenceGrant"): "v1beta1",
    (GATEWAY, "TCPRoute"): "v1alpha2",
    (GLOO_KUBE_GATEWAY, "DirectResponse"): "v1alpha1",
}
_LONGEST_NAME = 200
"""Characters, which leaves room for what is put behind."""


class Wishes(msgspec.Struct, frozen=True):
    """How to migrate.

    `gateway_class` is the class of the Gateways. With `keep_ports` they have the ports that the proxies had, else those
    that Gloo's own Service had. With `characters` a prefix stays one of characters, as a regular expression. With
    `flatten` the routes of RouteTables stand in the HTTPRoutes of those who delegate to them.
    """

    gateway_class: str = "gloo-gateway"
    keep_ports: bool = False
    characters: bool = False
    flatten: bool = False


class Made(msgspec.Struct, frozen=True):
    """An object that was made, and a few words about it: what came from what."""

    document: Doc
    notes: tuple[str, ...] = ()


class Bench:
    """The world, the wishes, the `report` of what is told, and the objects that are `made`, in order."""

    def __init__(self, world: World, wishes: Wishes) -> None:
        self.world = world
        self.wishes = wishes
        self.report = Report()
        self.made: list[Made] = []
        self.hosts: dict[Name, list[tuple[Name, str]]] = {}
        """The listeners of VirtualServices with options of their own."""
        self.odd_ports = False
        """Whether there are listeners with other ports than those of HTTP and HTTPS."""
        self.lost_domains: dict[Name, set[str]] = {}
        """The hostnames that belong to an older VirtualService."""
        self._taken = set(world.objects)
        self._shared: dict[tuple[str, str, bytes], str] = {}
        self._grants: dict[Name, dict[tuple[str, str, str], dict[tuple[str, str, str], None]]] = {}

    def domains(self, tenant: Name) -> tuple[Domain, ...]:
        """The domains that a VirtualService keeps at every Gateway that serves it."""
        lost = self.lost_domains.get(tenant, set())
        return tuple(one for one in self.world.tenants[tenant].domains if one.hostname not in lost)

    def name(self, group: str, kind: str, namespace: str, wanted: str) -> Name:
        """A name for a new object: the one that is wanted, unless an object has it already."""
        base = label(wanted)[:_LONGEST_NAME]
        for number in range(1, len(self._taken) + 2):
            found = Ref(group, kind, namespace, base if number == 1 else f"{base}-{number}")
            if found not in self._taken:
                self._taken.add(found)
                return found.key
        raise AssertionError("among more names than there are objects one is free")

    def make(self, group: str, kind: str, name: Name, spec: Doc, *notes: str, annotations: Doc | None = None) -> None:
        """Lay down an object."""
        self.made.append(made(group, kind, name, spec, *notes, annotations=annotations))

    def shared(self, group: str, kind: str, namespace: str, wanted: str, spec: Doc, *notes: str) -> str:
        """The name of an object in a namespace that says just this, made if there is none yet."""
        key = (kind, namespace, msgspec.json.encode(spec))
        if key not in self._shared:
            name = self.name(group, kind, namespace, wanted)
            self.make(group, kind, name, spec, *notes)
            self._shared[key] = name.name
        return self._shared[key]

    def permit(self, by: tuple[str, str, str], target: Ref) -> None:
        """See to it that objects of a (group, kind, namespace) may refer to an object."""
        if by[2] != target.namespace:
            wanted = self._grants.setdefault(Name(target.namespace, by[2]), {})
            wanted.setdefault(by, {})[target.group, target.kind, target.name] = None

    def grants(self) -> Iterator[Made]:
        """The ReferenceGrants that are needed, one for each pair of namespaces and kind that refers."""
        for (namespace, _), wanted in sorted(self._grants.items()):
            for (group, kind, home), targets in sorted(wanted.items()):
                for part in chunks(sorted(targets), 16):
                    to = [{"group": one, "kind": of, "name": name} for one, of, name in part]
                    spec = {"from": [{"group": group, "kind": kind, "namespace": home}], "to": to}
                    name = self.name(GATEWAY, "ReferenceGrant", namespace, f"{kind}s-of-{home}")
                    note = f"Gloo's classic resources refer across namespaces freely: here {kind}s of {home} may."
                    yield made(GATEWAY, "ReferenceGrant", name, spec, note)


def made(group: str, kind: str, name: Name, spec: Doc, *notes: str, annotations: Doc | None = None) -> Made:
    """An object of a kind, with its version."""
    version = _VERSIONS.get((group, kind), "v1")
    metadata: Doc = {"name": name.name, "namespace": name.namespace}
    if annotations:
        metadata["annotations"] = annotations
    document = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": spec}
    return Made(document, notes)


def label(text: str) -> str:
    """The text as a name that an object may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("*", "any")).strip("-") or "x"


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items, a few at a time."""
    every = list(items)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def plain(value: Any) -> Any:
    """A typed value as it is written in a manifest."""
    return msgspec.to_builtins(value)
