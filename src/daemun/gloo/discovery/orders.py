"""What is to be done about one Upstream, so that there is what should be, and nothing of anybody else's is touched."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from daemun.api.gloo.upstream import Upstream
from daemun.api.registry import Registry
from daemun.base.names import Name
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gloo.discovery.catalogued import CONSULS, REGISTRYS
from daemun.gloo.discovery.services import KUBERNETES
from daemun.gloo.discovery.settings import Found, discovering
from daemun.gloo.upstreams.registered import REGISTRY
from daemun.ir.discovery import BY, Claim, Order, Wanted
from daemun.ir.registries import CONSUL

Claims = Index[Name, Claim, Wanted]
_API = "gloo.solo.io/v1"


class Inputs(msgspec.Struct, frozen=True):
    """The claims by the names of Upstreams, the Upstreams and Registries that there are, what Settings say, and which
    registries have told what they have (`spoken`)."""

    claims: Claims
    written: Collection[Name, Upstream]
    registries: Collection[Name, Registry]
    settings: Found
    spoken: Collection[str, bool]
    surroundings: Surroundings


def made_of(name: Name, upstream: Upstream) -> Iterator[Name]:
    """The name of an Upstream that a discoverer has made, for an index."""
    if upstream.metadata.labels.get(BY) in {KUBERNETES, CONSULS, REGISTRYS}:
        yield name


def order_rule(of: Inputs) -> Callable[[Reader, Name, Name], Iterator[tuple[Name, Order]]]:
    """The rule from the name of an Upstream to what is to be done, if anything. Of several claims the first counts."""

    def order(reader: Reader, name: Name, _: Name) -> Iterator[tuple[Name, Order]]:
        wanted = next(iter(reader.find(of.claims, name)), None)
        there = reader.get(of.written, name)
        if wanted is None:
            if there is not None and _gone(reader, of, there):
                yield name, Order(delete=there.metadata.uid or "-")
        elif there is None:
            yield name, Order(make=document(wanted))
        elif not _same(wanted, there):
            yield name, Order()
        elif change := _changed(wanted, there):
            yield name, Order(change=change)

    return order


def document(wanted: Wanted) -> dict[str, Any]:
    """The Upstream as a manifest."""
    metadata: dict[str, Any] = {
        "name": wanted.name.name,
        "namespace": wanted.name.namespace,
        "labels": {**wanted.labels},
    }
    if wanted.annotations:
        metadata["annotations"] = dict(wanted.annotations)
    return {"apiVersion": _API, "kind": "Upstream", "metadata": metadata, "spec": dict(wanted.spec)}


def _same(wanted: Wanted, there: Upstream) -> bool:
    """Whether the Upstream is the one that was made for this."""
    meta = there.metadata
    return meta.labels.get(BY) == wanted.by and meta.annotations.get(REGISTRY) == wanted.annotations.get(REGISTRY)


def _changed(wanted: Wanted, there: Upstream) -> dict[str, Any]:
    """The fields that are not as they should be."""
    meta = there.metadata
    change: dict[str, Any] = {}
    for key, has, should in (
        ("labels", meta.labels, wanted.labels),
        ("annotations", meta.annotations, wanted.annotations),
    ):
        if not should.items() <= has.items():
            change.setdefault("metadata", {})[key] = dict(should)
    spec = _difference(msgspec.json.decode(msgspec.json.encode(there.spec)), wanted.spec)
    return {**change, **({"spec": spec} if spec else {})}


def _difference(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        has = there.get(key)
        if isinstance(value, Mapping):
            inner = _difference(has if isinstance(has, Mapping) else {}, value)
            if key == "labels" and isinstance(has, Mapping):  # the Service's own, as a whole
                inner |= dict.fromkeys(has.keys() - value.keys())
            if inner or (has is None and value):
                found[key] = inner
        elif has != value:
            found[key] = value
    return found


def _gone(reader: Reader, of: Inputs, there: Upstream) -> bool:
    """Whether what an Upstream was made of is gone. Of a registry that has not told yet what it has, nothing is."""
    meta = there.metadata
    by, how = meta.labels.get(BY), discovering(reader, of.settings, of.surroundings)
    if by == REGISTRYS:
        name = Name(meta.namespace, meta.annotations.get(REGISTRY, ""))
        return reader.get(of.registries, name) is None or reader.get(of.spoken, str(name)) is not None
    if not how.on or meta.namespace != how.namespace:
        return False
    return by == KUBERNETES or (by == CONSULS and reader.get(of.spoken, CONSUL) is not None)
