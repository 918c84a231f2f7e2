"""A4 and A5: a reference into another namespace does nothing without that namespace's consent, whatever field it is in.

The fields are not listed by hand: they are found in the types, so that one that is added later is tried too.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from daemun.api.decode import decode
from daemun.api.kinds import KINDS
from daemun.api.meta import BackendObjectReference, ObjectReference, Resource, SecretObjectReference
from daemun.base.names import GATEWAY, Ref
from daemun.ir.resource import encode
from support.objects.cases import translation
from support.objects.certificates import authority
from support.objects.documents import authorities, gateway, grant, listener, route, rule, secret, service, tls_policy

THERE = "elsewhere"
_PAIR = authority().issue("test.example")
_REFERENCES = {
    SecretObjectReference: {"name": "pair"},
    BackendObjectReference: {"name": "target", "port": 80},
    ObjectReference: {"group": "", "kind": "ConfigMap", "name": "ca"},
}
_TARGETS = {"pair": "Secret", "target": "Service", "ca": "ConfigMap"}


def _fields() -> Iterator[tuple[str, str, type]]:
    """Every field of Gateway API that refers to something, by its kind and path, and the type of its reference."""
    for kind in KINDS:
        if kind.group == GATEWAY:
            for path, type_ in sorted(set(_below(inspect.type_info(kind.type), (), frozenset())), key=str):
                yield kind.kind, ".".join(path), type_


def _below(found: inspect.Type, path: tuple[str, ...], seen: frozenset[type]) -> Iterator[tuple[tuple[str, ...], type]]:
    if isinstance(found, inspect.StructType) and found.cls not in seen:
        yield from ((path, one) for one in _REFERENCES if issubclass(found.cls, one))
        for field in found.fields:
            yield from _below(field.type, (*path, field.encode_name), seen | {found.cls})
    elif isinstance(found, inspect.VarTupleType | inspect.ListType):
        yield from _below(found.item_type, (*path[:-1], f"{path[-1]}[]"), seen)
    elif isinstance(found, inspect.UnionType):
        for one in found.types:
            yield from _below(one, path, seen)


FIELDS = [
    (kind, path, type_)
    for kind, path, type_ in _fields()
    if (kind, "externalAuth" in path) != ("GRPCRoute", True)  # the API has no such filter for this kind
]


def test_the_fields_are_found() -> None:
    kinds = {kind for kind, _, _ in FIELDS}
    assert kinds == {"Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}
    assert len(FIELDS) >= 16


@pytest.mark.parametrize(("kind", "path", "type_"), FIELDS, ids=[f"{kind}.{path}" for kind, path, _ in FIELDS])
def test_a_reference_needs_consent(kind: str, path: str, type_: type) -> None:
    name = _REFERENCES[type_]["name"]
    scene = _scene(kind, path, _REFERENCES[type_] | {"namespace": THERE})
    reason, emitted = _outcome(scene)
    assert not emitted, "nothing of the other namespace reaches a proxy"
    assert "RefNotPermitted" in reason

    consent = grant(f"{THERE}/g", kind, "default", _TARGETS[name])
    reason, emitted = _outcome([*scene, consent])
    assert emitted, "with consent it does, or the test above proves nothing"
    assert "RefNotPermitted" not in reason


@pytest.mark.parametrize(
    "consent",
    [
        grant("default/g", "HTTPRoute", "default"),  # written by whoever asks
        grant("default/g", "HTTPRoute", THERE),
        grant(f"{THERE}/g", "HTTPRoute", THERE),  # the namespaces swapped
        grant("third/g", "HTTPRoute", "default"),
        grant(f"{THERE}/g", "GRPCRoute", "default"),
        grant(f"{THERE}/g", "Gateway", "default"),
        grant(f"{THERE}/g", "HTTPRoute", "default", "Secret"),
    ],
    ids=["own", "own, swapped", "swapped", "third", "of another kind", "of a Gateway", "to another kind"],
)
def test_a5_only_the_right_consent_counts(consent: dict[str, Any]) -> None:
    reason, emitted = _outcome([*_scene("HTTPRoute", "spec.rules[].backendRefs[]", _there()), consent])
    assert (emitted, "RefNotPermitted" in reason) == (False, True)


def test_a5_consent_is_asked_of_each_of_several_backends() -> None:
    """The route has one in its own namespace, one that is granted, and one that is not."""
    refs = [{"name": "own", "port": 80}, _there(), {"name": "target", "namespace": "third", "port": 80}]
    scene = [
        gateway("gw", listener(8080)),
        route("r", rule(to=refs)),
        *_flat(service("own", 1), service(f"{THERE}/target", 2), service("third/target", 3)),
        grant("third/g", "HTTPRoute", "default"),
    ]
    reason, emitted = _outcome(scene)
    assert (emitted, "RefNotPermitted" in reason) == (False, True)
    made = _made(scene)
    clusters = {key.resource for key, _ in made.resources.items() if key.resource.startswith("service/")}
    assert clusters == {"service/default/own/80", "service/third/target/80"}


def _there() -> dict[str, Any]:
    return {"name": "target", "namespace": THERE, "port": 80}


def _flat(*documents: Any) -> Iterator[dict[str, Any]]:
    for one in documents:
        yield from one if isinstance(one, list) else [one]


def _scene(kind: str, path: str, reference: dict[str, Any]) -> list[dict[str, Any]]:
    """An object of this kind with the reference in this field, what it attaches to, and what it refers to."""
    certified = secret("default/mine", *_PAIR)
    protocol = {"TLSRoute": "TLS", "TCPRoute": "TCP", "UDPRoute": "UDP"}.get(kind, "")
    front = gateway("gw", listener(8443, protocol=protocol, certs=["mine"] if kind == "Gateway" else ()))
    found = [front, certified, secret(f"{THERE}/pair", *_PAIR)]
    transport = "UDP" if kind == "UDPRoute" else "TCP"
    found += _flat(authorities(f"{THERE}/ca", authority().pem), service(f"{THERE}/target", 1, protocol=transport))
    found += _flat(service("plain", 1), authorities("ca", authority().pem), tls_policy("p", "plain", "test.example"))
    if kind == "Gateway":
        target = front
        found += [route("r", rule(to="plain"))]
        if "perPort" in path:
            front["spec"]["tls"] = {"frontend": {"default": {}, "perPort": [{"port": 8443}]}}
    elif kind == "ListenerSet":
        front["spec"]["allowedListeners"] = {"namespaces": {"from": "Same"}}
        target = {
            "apiVersion": f"{GATEWAY}/v1",
            "kind": kind,
            "metadata": {"name": "set", "namespace": "default"},
            "spec": {"parentRef": {"name": "gw"}, "listeners": [{"name": "x", "port": 9443, "protocol": "HTTPS"}]},
        }
        found += [target]
    else:
        filters = {"requestMirror": "RequestMirror", "externalAuth": "ExternalAuth"}
        target = route("r", rule(to="plain"), kind=kind)
        if kind == "TLSRoute":
            target["spec"]["hostnames"] = ["test.example"]
        found += [target]
        name = path.split(".")[-2]
        if name in filters:
            extra = {"protocol": "GRPC", "grpc": {}} if name == "externalAuth" else {}
            _put(target, path.removesuffix(f".{name}.backendRef"), {"type": filters[name], name: extra})
    _put(target, path, reference)
    return found


def _put(document: dict[str, Any], path: str, value: dict[str, Any]) -> None:
    """Set a field, by its path; a list on the way has one element."""
    here: Any = document
    *way, last = path.split(".")
    for step in way:
        name, in_list, _ = step.partition("[]")
        here = here.setdefault(name, [{}] if in_list else {})
        here = here[0] if in_list else here
    name, in_list, _ = last.partition("[]")
    if in_list and here.get(name) and name == "filters":
        here[name].append(value)
    else:
        here[name] = [value] if in_list else value


def _made(documents: list[dict[str, Any]]) -> Any:
    items: dict[Ref, Resource] = {}
    for document in documents:
        decoded = decode(deepcopy(document))
        assert decoded is not None
        assert decoded.value is not None, [str(one) for one in decoded.problems]
        items[decoded.ref] = decoded.value
    return translation(items)


def _outcome(documents: list[dict[str, Any]]) -> tuple[str, bool]:
    """All that is said in statuses, and whether a proxy gets anything of the other namespace."""
    made = _made(documents)
    said = msgspec.json.encode([status for _, status in made.statuses.items()]).decode()
    marker = THERE.encode()
    emitted = any(marker in encode(part) or THERE in key.resource for key, part in made.resources.items())
    return said, emitted
