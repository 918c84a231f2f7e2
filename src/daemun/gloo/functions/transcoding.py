"""gRPC services of an Upstream that are called with JSON: what is known of them, and from where."""

from collections.abc import Callable

import msgspec
from google.protobuf import descriptor_pb2

from daemun.api.gloo.listener_filters import GrpcJsonTranscoder
from daemun.api.gloo.service_spec import GrpcServiceSpec, ServiceSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.functions.descriptors import Faults
from daemun.gloo.policies.policy import Meant
from daemun.ir.discovered import Said

Mean = Callable[[Reader, Ref, str, GrpcJsonTranscoder], Meant]
_OWN = ("grpc.reflection.", "grpc.health.")
"""Services that a gRPC server has for others than its clients."""


class Transcoding(msgspec.Struct, frozen=True):
    """What transcoders are made of: the meaning of one as written, what is wrong with one, and what servers say."""

    mean: Mean
    faults: Faults
    said: Collection[Name, Said]


def service_spec(spec: UpstreamSpec) -> tuple[str, ServiceSpec] | None:
    """What kind of service an Upstream says it is, and the field that says so."""
    for kind in ("kube", "static", "pipe", "consul"):
        held = getattr(spec, kind)
        if held is not None and held.service_spec is not None:
            return f"spec.{kind}.serviceSpec", held.service_spec
    return None


def by_reflection(said: ServiceSpec | None) -> bool:
    """Whether a transcoder is asked for, and the server is to say for which services."""
    one = said.grpc_json_transcoder if said is not None else None
    return one is not None and one.proto_descriptor_bin is None and one.proto_descriptor_config_map is None


def transcoder_of(
    reader: Reader, of: Transcoding, ref: Ref, spec: UpstreamSpec
) -> GrpcJsonTranscoder | tuple[Finding, ...] | None:
    """How an Upstream's services are called with JSON, if they are, or why that cannot be."""
    found = service_spec(spec)
    where, said = found if found is not None else ("", None)
    if said is not None and said.grpc is not None:
        where, one = f"{where}.grpc", _old(said.grpc)
    elif said is not None and said.grpc_json_transcoder is not None and not by_reflection(said):
        where, one = f"{where}.grpcJsonTranscoder", said.grpc_json_transcoder
    elif said is None or by_reflection(said):
        return _reflected(reader, of, ref, where, said)
    else:
        return None
    meant = of.mean(reader, ref, where, one)
    if meant.errors or meant.spec is None:
        return meant.errors
    return _judged(of, meant.spec, where)


def _old(spec: GrpcServiceSpec) -> GrpcJsonTranscoder:
    """The old way to say it."""
    names = tuple(".".join(filter(None, (one.package_name, one.service_name))) for one in spec.grpc_services)
    return GrpcJsonTranscoder(proto_descriptor_bin=spec.descriptors, services=names)


def _reflected(
    reader: Reader, of: Transcoding, ref: Ref, where: str, said: ServiceSpec | None
) -> GrpcJsonTranscoder | tuple[Finding, ...] | None:
    heard = reader.get(of.said, ref.key)
    descriptors = heard.data if heard is not None and heard.kind == "grpc" else None
    if said is None:
        # Nobody asks for it but a label, or Settings. Methods without a path of their own can be called all the same.
        if descriptors is None:
            return None
        every = GrpcJsonTranscoder(proto_descriptor_bin=descriptors, services=services(descriptors), auto_mapping=True)
        return _judged(of, every, "")
    at = f"{where}.grpcJsonTranscoder"
    if descriptors is None:
        text = "it has no descriptors, and the server has not said which services it has (gRPC server reflection)"
        return (Finding("NotReflected", at, text, "Give protoDescriptorBin, or a server that says it without TLS."),)
    one = said.grpc_json_transcoder or GrpcJsonTranscoder()
    names = one.services or services(descriptors)
    return _judged(of, msgspec.structs.replace(one, proto_descriptor_bin=descriptors, services=names), at)


def _judged(of: Transcoding, one: GrpcJsonTranscoder, where: str) -> GrpcJsonTranscoder | tuple[Finding, ...]:
    """As it will be: calls stay on the route that they are for."""
    wrong = tuple(Finding("Invalid", *fault) for fault in of.faults(one, where))
    return wrong or msgspec.structs.replace(one, match_incoming_request_route=True)


def services(descriptors: bytes) -> tuple[str, ...]:
    """The full names of the services in a descriptor set, in order, but for those that every server may have."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors).file
    names = {".".join(filter(None, (one.package, service.name))) for one in files for service in one.service}
    return tuple(sorted(one for one in names if not one.startswith(_OWN)))
