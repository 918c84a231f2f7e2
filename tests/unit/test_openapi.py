"""The OpenAPI document of gRPC services, by what a client of it would do."""

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, timestamp_pb2

from daemun.api.gloo.listener_filters import GrpcJsonTranscoder, PrintOptions
from daemun.gloo.functions.openapi import document
from support.standins.shelves import SERVICE, descriptors

_FIELD = descriptor_pb2.FieldDescriptorProto


def described(file: descriptor_pb2.FileDescriptorProto) -> bytes:
    found = descriptor_pb2.FileDescriptorSet()
    for one in (descriptor_pb2, http_pb2, annotations_pb2, timestamp_pb2):
        one.DESCRIPTOR.CopyToProto(found.file.add())
    found.file.append(file)
    return found.SerializeToString()


def test_paths_parameters_and_bodies() -> None:
    spec = GrpcJsonTranscoder(proto_descriptor_bin=described(descriptors("Dust")), services=(SERVICE,))
    found = document("shelves", spec)
    assert found["paths"].keys() == {"/v1/shelves/{id}", "/v1/shelves"}
    get = found["paths"]["/v1/shelves/{id}"]["get"]
    assert get["operationId"] == "Shelves_GetShelf"
    assert [(one["name"], one["in"]) for one in get["parameters"]] == [("id", "path"), ("theme", "query")]
    assert get["parameters"][0]["schema"] == {"type": "string", "format": "int64"}
    shelf = {"$ref": "#/components/schemas/library.v1.Shelf"}
    post = found["paths"]["/v1/shelves"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"] == shelf
    assert "parameters" not in post
    assert get["responses"]["200"]["content"]["application/json"]["schema"] == shelf
    assert found["components"]["schemas"]["library.v1.Shelf"]["properties"]["theme"] == {"type": "string"}


def test_methods_without_a_path_by_their_names_and_services_that_are_not_served_not_at_all() -> None:
    data = described(descriptors("Dust"))
    named = document("s", GrpcJsonTranscoder(proto_descriptor_bin=data, services=(SERVICE,), auto_mapping=True))
    assert f"/{SERVICE}/Dust" in named["paths"]
    assert document("s", GrpcJsonTranscoder(proto_descriptor_bin=data))["paths"] == {}


def test_types() -> None:
    file = descriptors()
    file.dependency.append("google/protobuf/timestamp.proto")
    color = file.enum_type.add(name="Color")
    color.value.add(name="RED", number=0)
    shelf = file.message_type[0]
    entry = shelf.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)

    def add(name: str, kind: "_FIELD.Type.ValueType", of: str = "", many: bool = False) -> None:
        label = _FIELD.LABEL_REPEATED if many else _FIELD.LABEL_OPTIONAL
        shelf.field.add(name=name, number=len(shelf.field) + 1, type=kind, label=label, type_name=of or None)

    add("made_at", _FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    add("tags", _FIELD.TYPE_MESSAGE, ".library.v1.Shelf.TagsEntry", many=True)
    add("color", _FIELD.TYPE_ENUM, ".library.v1.Color")
    add("within", _FIELD.TYPE_MESSAGE, ".library.v1.Shelf", many=True)
    spec = GrpcJsonTranscoder(proto_descriptor_bin=described(file), services=(SERVICE,))
    fields = document("s", spec)["components"]["schemas"]["library.v1.Shelf"]["properties"]
    assert fields["madeAt"] == {"type": "string", "format": "date-time"}
    assert fields["tags"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert fields["color"] == {"type": "string", "enum": ["RED"]}
    assert fields["within"] == {"type": "array", "items": {"$ref": "#/components/schemas/library.v1.Shelf"}}
    plain = GrpcJsonTranscoder(
        proto_descriptor_bin=described(file),
        services=(SERVICE,),
        print_options=PrintOptions(preserve_proto_field_names=True, always_print_enums_as_ints=True),
    )
    fields = document("s", plain)["components"]["schemas"]["library.v1.Shelf"]["properties"]
    assert "made_at" in fields
    assert fields["color"]["type"] == "integer"
