"""grpcJsonTranscoder: gRPC services that are called with JSON (Gloo, GrpcJsonTranscoder)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.grpc_json_transcoder.v3 import transcoder_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from daemun.api.gloo.listener_filters import GrpcJsonTranscoder as Spec
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.wrapped import put_all
from daemun.gloo.served.fields import Fields
from daemun.ir.route import Use

_SAME = ("match_incoming_request_route", "auto_mapping", "ignore_unknown_query_parameters", "convert_grpc_status")
_PRINT = (
    "add_whitespace",
    "always_print_primitive_fields",
    "always_print_enums_as_ints",
    "preserve_proto_field_names",
)


class GrpcJsonTranscoder(PerRoute[Spec]):
    """Envoy's transcoder, on all hosts of a listener. Requests that are for none of the services go on as they are."""

    kind: ClassVar = "grpcJsonTranscoder"
    filter: ClassVar = "envoy.filters.http.grpc_json_transcoder"
    rare: ClassVar = "transcoders"
    serves: ClassVar = (
        Fields(
            Spec,
            (
                "protoDescriptorBin",
                "protoDescriptorConfigMap",
                "services",
                "printOptions",
                "matchIncomingRequestRoute",
                "ignoredQueryParameters",
                "autoMapping",
                "ignoreUnknownQueryParameters",
                "convertGrpcStatus",
            ),
            {"protoDescriptor": "it names a file of the proxy's; use one of the others"},
        ),
    )

    def moves(self, spec: Spec) -> bool:
        """A call has the path of its method, and so another route."""
        return not spec.match_incoming_request_route

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Descriptors that are none, or do not have the services. In a ConfigMap they are looked at when it is read."""
        if spec.proto_descriptor_config_map is not None:
            return
        if spec.proto_descriptor_bin is None:
            yield f"{where}.protoDescriptorBin", "is missing", "Give the descriptor set of the services, in base64."
            return
        try:
            known = _services(spec.proto_descriptor_bin)
        except DecodeError:
            yield (
                f"{where}.protoDescriptorBin",
                "is not a descriptor set",
                "Make it with `protoc --include_imports -o`.",
            )
            return
        if not spec.services:
            yield f"{where}.services", "is missing", f"Name them: {', '.join(sorted(known)) or 'there are none'}."
        for index, name in enumerate(spec.services):
            if name not in known:
                yield f"{where}.services[{index}]", f"{name} is not in the descriptor set", ""

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which services are called with JSON."""
        del use, scene
        return f"turns calls of {', '.join(spec.services)} with JSON into gRPC, and their answers into JSON"

    def idle(self) -> transcoder_pb2.GrpcJsonTranscoder:
        """No services."""
        return transcoder_pb2.GrpcJsonTranscoder(proto_descriptor_bin=b"")

    def config(self, spec: Spec) -> transcoder_pb2.GrpcJsonTranscoder:
        """As Envoy's fields of the same names."""
        config = transcoder_pb2.GrpcJsonTranscoder(
            proto_descriptor_bin=spec.proto_descriptor_bin or b"",
            services=spec.services,
            ignored_query_parameters=spec.ignored_query_parameters,
        )
        put_all(config, spec, _SAME)
        if spec.print_options is not None:
            put_all(config.print_options, spec.print_options, _PRINT)
        return config


def _services(descriptors: bytes) -> set[str]:
    """The full names of the services in a descriptor set."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors).file
    return {".".join(filter(None, (one.package, service.name))) for one in files for service in one.service}
