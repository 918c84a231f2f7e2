"""A gRPC service with paths of HTTP in its descriptors (google.api.http), which a real server tells by reflection."""

import grpc
import grpc.aio
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection

from support.servers.standin import StandIn

SERVICE = "library.v1.Shelves"
_FIELD = descriptor_pb2.FieldDescriptorProto


def descriptors(*further: str) -> descriptor_pb2.FileDescriptorProto:
    """The service: GetShelf, CreateShelf, and `further` methods without a path, each from a Shelf to a Shelf."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"library/v1/shelves{''.join(further)}.proto", package="library.v1", syntax="proto3"
    )
    file.dependency.append("google/api/annotations.proto")
    shelf = file.message_type.add(name="Shelf")
    shelf.field.add(name="id", number=1, type=_FIELD.TYPE_INT64, label=_FIELD.LABEL_OPTIONAL)
    shelf.field.add(name="theme", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    service = file.service.add(name="Shelves")
    rules = {
        "GetShelf": http_pb2.HttpRule(get="/v1/shelves/{id}"),
        "CreateShelf": http_pb2.HttpRule(post="/v1/shelves", body="*"),
    }
    for name in (*rules, *further):
        method = service.method.add(name=name, input_type=".library.v1.Shelf", output_type=".library.v1.Shelf")
        if name in rules:
            method.options.Extensions[annotations_pb2.http].CopyFrom(rules[name])
    return file


class Shelves(StandIn):
    """The server. It answers with the Shelf that it was given, whose theme is `method` if it had none."""

    def __init__(self, *further: str) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for one in (descriptor_pb2.DESCRIPTOR, http_pb2.DESCRIPTOR, annotations_pb2.DESCRIPTOR):
            self._pool.AddSerializedFile(one.serialized_pb)
        self._pool.Add(descriptors(*further))
        self.reflects = True
        self._shelf = message_factory.GetMessageClass(self._pool.FindMessageTypeByName("library.v1.Shelf"))

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Every method of the service."""
        if not details.method.startswith(f"/{SERVICE}/"):
            return None

        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            del context
            shelf = self._shelf.FromString(request)
            shelf.theme = shelf.theme or details.method.rpartition("/")[2]
            found: bytes = shelf.SerializeToString()
            return found

        return grpc.unary_unary_rpc_method_handler(answer)

    def _prepare(self, server: grpc.aio.Server) -> None:
        if self.reflects:
            reflection.enable_server_reflection([SERVICE, reflection.SERVICE_NAME], server, pool=self._pool)
