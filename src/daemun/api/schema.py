"""From a type to the schema that a CRD has of it: OpenAPI v3 as Kubernetes wants it, "structural"."""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

Schema = dict[str, Any]

ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
OPAQUE: Schema = {"type": "object"} | ANYTHING
"""An object that the API server takes as it is."""
_INT_OR_STRING = {int, str}
_TEXT_OR_TRUTH = {str, bool}
_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bytes: {"type": "string", "format": "byte"},
}
_BOUNDS = {
    "ge": "minimum",
    "le": "maximum",
    "pattern": "pattern",
}
_LENGTHS = {
    "string": {"min_length": "minLength", "max_length": "maxLength"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}


def schema(annotation: Any, above: tuple[type, ...] = ()) -> Schema:
    """The schema of a type. `above` are the messages that it is in: one within itself is opaque, or it had no end."""
    if annotation is Any:
        return dict(ANYTHING)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return dict(OPAQUE) if annotation in above else _message(annotation, (*above, annotation))
    if annotation in _SCALARS:
        return dict(_SCALARS[annotation])
    if hasattr(annotation, "__metadata__"):
        return _bounded(schema(annotation.__origin__, above), annotation.__metadata__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return {"type": "array", "items": schema(arguments[0], above)}
    if origin is dict:
        inner = schema(arguments[1], above)
        return dict(OPAQUE) if inner == ANYTHING else {"type": "object", "additionalProperties": inner}
    if origin is Literal:
        return schema(type(arguments[0])) | {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _union(arguments, above)
    raise TypeError(f"{annotation} has no schema")


def _message(message: type[msgspec.Struct], above: tuple[type, ...]) -> Schema:
    fields = msgspec.structs.fields(message)
    if not fields:
        return {"type": "object"}
    made: Schema = {"type": "object", "properties": {one.encode_name: schema(one.type, above) for one in fields}}
    required = [one.encode_name for one in fields if one.required]
    return made | ({"required": required} if required else {})


def _union(arguments: tuple[Any, ...], above: tuple[type, ...]) -> Schema:
    some = [one for one in arguments if one is not types.NoneType]
    kinds = {getattr(one, "__origin__", one) for one in some}
    if kinds == _INT_OR_STRING:  # a number that JSON cannot hold: digits
        return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    if kinds >= _TEXT_OR_TRUTH:  # values of JSON: structural schemas have no word for these together
        return dict(ANYTHING)
    if len(some) != 1:
        raise TypeError(f"{arguments} have no schema in common")
    inner = schema(some[0], above)
    scalar = inner.get("type") not in ("object", "array") and inner != ANYTHING
    return inner | ({"nullable": True} if scalar and types.NoneType in arguments else {})


def _bounded(inner: Schema, metadata: tuple[Any, ...]) -> Schema:
    return inner | dict(_limits(inner.get("type", ""), metadata))


def _limits(kind: str, metadata: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    names = _BOUNDS | _LENGTHS.get(kind, {})
    for meta in metadata:
        if isinstance(meta, Meta):
            for attribute, name in names.items():
                value = getattr(meta, attribute)
                if value is not None:
                    yield name, value


def kind_schema(kind: type[msgspec.Struct]) -> Schema:
    """The schema of a kind of object, whose metadata the API server knows itself. Its status is taken as it is."""
    spec = next(one for one in msgspec.structs.fields(kind) if one.name == "spec")
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema(spec.type),
            "status": dict(OPAQUE),
        },
    } | ({"required": ["spec"]} if spec.required else {})
