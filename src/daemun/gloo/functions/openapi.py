"""An OpenAPI document of gRPC services that are called with JSON: their paths (google.api.http), as they are served."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from daemun.api.gloo.listener_filters import GrpcJsonTranscoder

Doc = dict[str, Any]
_FIELD = descriptor_pb2.FieldDescriptorProto
_VARIABLE = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}")
_VERBS = ("get", "put", "post", "delete", "patch")
_TEXT, _NUMBER, _ANYTHING = {"type": "string"}, {"type": "number"}, {"type": "object"}
_INTEGER = {"type": "integer", "format": "int32"}
_LONG = {"type": "string", "format": "int64"}
"""JSON's numbers are too short for them (protobuf's JSON)."""
_SCALARS: dict[int, Doc] = {
    _FIELD.TYPE_DOUBLE: _NUMBER,
    _FIELD.TYPE_FLOAT: _NUMBER,
    _FIELD.TYPE_BOOL: {"type": "boolean"},
    _FIELD.TYPE_STRING: _TEXT,
    _FIELD.TYPE_BYTES: {"type": "string", "format": "byte"},
    **dict.fromkeys((_FIELD.TYPE_INT32, _FIELD.TYPE_UINT32, _FIELD.TYPE_SINT32), _INTEGER),
    **dict.fromkeys((_FIELD.TYPE_FIXED32, _FIELD.TYPE_SFIXED32), _INTEGER),
    **dict.fromkeys((_FIELD.TYPE_INT64, _FIELD.TYPE_UINT64, _FIELD.TYPE_SINT64), _LONG),
    **dict.fromkeys((_FIELD.TYPE_FIXED64, _FIELD.TYPE_SFIXED64), _LONG),
}
_WELL_KNOWN: dict[str, Doc] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": _TEXT,
    "FieldMask": _TEXT,
    "Empty": _ANYTHING,
    "Struct": _ANYTHING,
    "Any": _ANYTHING,
    "Value": {},
    "ListValue": {"type": "array", "items": {}},
    "BoolValue": {"type": "boolean"},
    **dict.fromkeys(("StringValue", "BytesValue"), _TEXT),
    **dict.fromkeys(("DoubleValue", "FloatValue"), _NUMBER),
    **dict.fromkeys(("Int32Value", "UInt32Value"), _INTEGER),
    **dict.fromkeys(("Int64Value", "UInt64Value"), _LONG),
}


class _Call(NamedTuple):
    """One way to call a method."""

    verb: str
    path: str
    body: str = ""
    response_body: str = ""


def document(title: str, spec: GrpcJsonTranscoder) -> Doc:
    """The document (OpenAPI 3.0) of what a transcoder with its descriptor set serves. Methods that it does not serve,
    and custom verbs, are left out."""
    return _Writer(spec).document(title)


class _Writer:
    def __init__(self, spec: GrpcJsonTranscoder) -> None:
        self._spec = spec
        options = spec.print_options
        self._proto_names = options is not None and options.preserve_proto_field_names
        self._numbers = options is not None and options.always_print_enums_as_ints
        self._files = descriptor_pb2.FileDescriptorSet.FromString(spec.proto_descriptor_bin or b"").file
        self._messages: dict[str, descriptor_pb2.DescriptorProto] = {}
        self._enums: dict[str, descriptor_pb2.EnumDescriptorProto] = {}
        for file in self._files:
            self._enter(f".{file.package}" if file.package else "", file.message_type, file.enum_type)
        self._schemas: Doc = {}

    def _enter(self, above: str, messages: Any, enums: Any) -> None:
        self._enums.update({f"{above}.{one.name}": one for one in enums})
        for one in messages:
            self._messages[f"{above}.{one.name}"] = one
            self._enter(f"{above}.{one.name}", one.nested_type, one.enum_type)

    def document(self, title: str) -> Doc:
        paths: Doc = {}
        for file in self._files:
            for service in file.service:
                name = ".".join(filter(None, (file.package, service.name)))
                if name in self._spec.services:
                    for method in service.method:
                        for at, call in enumerate(self._calls(name, method)):
                            operation = f"{service.name}_{method.name}{at or ''}"
                            paths.setdefault(call.path, {})[call.verb] = self._operation(name, operation, method, call)
        found: Doc = {"openapi": "3.0.3", "info": {"title": title, "version": "1"}, "paths": paths}
        if self._schemas:
            found["components"] = {"schemas": dict(sorted(self._schemas.items()))}
        return found

    def _calls(self, service: str, method: descriptor_pb2.MethodDescriptorProto) -> Iterator[_Call]:
        if not method.options.HasExtension(annotations_pb2.http):
            if self._spec.auto_mapping:
                yield _Call("post", f"/{service}/{method.name}", "*")
            return
        rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
        for one in (rule, *rule.additional_bindings):
            verb = one.WhichOneof("pattern")
            if verb in _VERBS:
                path = _VARIABLE.sub(r"{\1}", getattr(one, verb))
                yield _Call(verb, path, one.body, one.response_body)

    def _operation(self, service: str, name: str, method: descriptor_pb2.MethodDescriptorProto, call: _Call) -> Doc:
        asked, answered = self._messages[method.input_type], self._messages[method.output_type]
        in_path = [found[1] for found in _VARIABLE.finditer(call.path)]
        parameters: list[Doc] = [
            {"name": one, "in": "path", "required": True, "schema": self._at(asked, one)} for one in in_path
        ]
        if call.body != "*":
            apart = {call.body, *in_path}
            plain = (one for one in asked.field if one.name not in apart and one.type != _FIELD.TYPE_MESSAGE)
            parameters += ({"name": one.name, "in": "query", "schema": self._field(one)} for one in plain)
        found: Doc = {"operationId": name, "tags": [service]}
        if parameters:
            found["parameters"] = parameters
        if call.body:
            schema = self._message(method.input_type) if call.body == "*" else self._at(asked, call.body)
            found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        schema = self._at(answered, call.response_body) if call.response_body else self._message(method.output_type)
        if method.server_streaming:
            schema = {"type": "array", "items": schema}
        found["responses"] = {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}
        return found

    def _at(self, message: descriptor_pb2.DescriptorProto, path: str) -> Doc:
        """The schema of a field, by its path; of one that is not there, a text."""
        first, _, rest = path.partition(".")
        found = next((one for one in message.field if one.name == first), None)
        if found is None:
            return _TEXT
        return self._at(self._messages[found.type_name], rest) if rest else self._field(found)

    def _field(self, field: descriptor_pb2.FieldDescriptorProto) -> Doc:
        entry = self._messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            return {"type": "object", "additionalProperties": self._field(entry.field[1])}
        one = self._one(field)
        return {"type": "array", "items": one} if field.label == _FIELD.LABEL_REPEATED else one

    def _one(self, field: descriptor_pb2.FieldDescriptorProto) -> Doc:
        if field.type == _FIELD.TYPE_ENUM:
            known = self._enums.get(field.type_name)
            if self._numbers or known is None:
                return _INTEGER
            return {"type": "string", "enum": [one.name for one in known.value]}
        return _SCALARS.get(field.type) or self._message(field.type_name)

    def _message(self, name: str) -> Doc:
        package, _, last = name.rpartition(".")
        if package == ".google.protobuf" and last in _WELL_KNOWN:
            return _WELL_KNOWN[last]
        key = name.lstrip(".")
        if key not in self._schemas:
            self._schemas[key] = {}  # it may have itself in it
            fields = {self._name(one): self._field(one) for one in self._messages[name].field}
            self._schemas[key] = {"type": "object", **({"properties": fields} if fields else {})}
        return {"$ref": f"#/components/schemas/{key}"}

    def _name(self, field: descriptor_pb2.FieldDescriptorProto) -> str:
        return field.name if self._proto_names else field.json_name or _camel(field.name)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(one[:1].upper() + one[1:] for one in rest)
