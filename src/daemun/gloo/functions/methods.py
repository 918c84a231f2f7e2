"""Methods of gRPC services that a destination names: a request of any kind becomes a call of one, by its own path."""

import msgspec
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

from daemun.api.gloo.common import Empty
from daemun.api.gloo.listener_filters import GrpcJsonTranscoder
from daemun.api.gloo.service_spec import GrpcDestinationSpec
from daemun.api.gloo.transformation import InjaTemplate, TransformationTemplate
from daemun.gatewayapi.findings import Finding
from daemun.gloo.functions import rest
from daemun.gloo.functions.rest import RestCall


def call(
    transcoder: GrpcJsonTranscoder, where: str, asked: GrpcDestinationSpec, *, always: bool
) -> tuple[RestCall | None, GrpcJsonTranscoder] | Finding:
    """What becomes of a request, and the transcoder that knows the path of the method.

    Without `always` and parameters a method that has a path of its own is called by that, as without a destination.
    """
    service = ".".join(filter(None, (asked.package, asked.service)))
    files = descriptor_pb2.FileDescriptorSet.FromString(transcoder.proto_descriptor_bin or b"")
    method = _method(files, service, asked.function) if service in transcoder.services else None
    if method is None:
        has = ", ".join(transcoder.services) or "none"
        text = f"the Upstream has no method {asked.function!r} of service {service!r} (it has the services {has})"
        return Finding("BackendNotFound", where, text, "Give package, service and function of one that it has.")
    taken = rest.extractors(asked.parameters, f"{where}.parameters")
    if isinstance(taken, Finding):
        return taken
    if method.options.HasExtension(annotations_pb2.http):
        if not always and not asked.parameters:
            return None, transcoder
        binding = method.options.Extensions[annotations_pb2.http].additional_bindings.add()
    else:
        binding = method.options.Extensions[annotations_pb2.http]
    path = f"/{service}/{asked.function}"
    binding.post, binding.body = path, "*"
    headers = {":method": "POST", ":path": path, "content-type": "application/json"}
    named = {name: one for name, one in taken.items() if name not in {"path", "method"} or _written(asked, name)}
    request = TransformationTemplate(
        extractors=named,
        headers={name: InjaTemplate(text) for name, text in headers.items()},
        merge_extractors_to_body=Empty() if named else None,
        passthrough=None if named else Empty(),
    )
    made = msgspec.structs.replace(
        transcoder,
        proto_descriptor_bin=files.SerializeToString(deterministic=True),
        services=(service,),
    )
    return RestCall(f"{service}.{asked.function}", request), made


def _written(asked: GrpcDestinationSpec, name: str) -> bool:
    """Whether a parameter is one that somebody has named so, and not one that is there by itself."""
    parameters = asked.parameters
    patterns = (parameters.path or "", *parameters.headers.values()) if parameters is not None else ()
    return any(name in rest.names_in(one) for one in patterns)


def _method(
    files: descriptor_pb2.FileDescriptorSet, service: str, name: str
) -> descriptor_pb2.MethodDescriptorProto | None:
    for file in files.file:
        for one in file.service:
            if ".".join(filter(None, (file.package, one.name))) == service:
                return next((each for each in one.method if each.name == name), None)
    return None
