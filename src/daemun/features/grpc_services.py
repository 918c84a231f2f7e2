"""gRPC services that Envoy's filters ask: an Upstream, and how it is spoken to."""

from collections.abc import Iterable

from envoy.config.core.v3 import grpc_service_pb2

from daemun.api.gloo.extproc import ExtProcGrpcService
from daemun.features.feature import Fault
from daemun.features.formats import format_faults
from daemun.features.times import duration_faults
from daemun.features.wrapped import put


def service_faults(spec: ExtProcGrpcService, where: str) -> Iterable[Fault]:
    """Metadata that Envoy could not read, and times that cannot be."""
    for index, one in enumerate(spec.initial_metadata):
        at = f"{where}.initialMetadata[{index}]"
        if not one.key:
            yield f"{at}.key", "is missing", "Name the header."
        yield from format_faults(one.value, f"{at}.value")
    yield from duration_faults(spec.timeout, f"{where}.timeout")


def grpc_service(spec: ExtProcGrpcService, cluster: str) -> grpc_service_pb2.GrpcService:
    """As Envoy has it."""
    proto = grpc_service_pb2.GrpcService()
    proto.envoy_grpc.cluster_name = cluster
    put(proto.envoy_grpc, "authority", spec.authority)
    put(proto, "timeout", spec.timeout)
    if spec.retry_policy is not None:
        retry = proto.envoy_grpc.retry_policy
        put(retry, "num_retries", spec.retry_policy.num_retries)
        if spec.retry_policy.retry_back_off is not None:
            put(retry.retry_back_off, "base_interval", spec.retry_policy.retry_back_off.base_interval)
            put(retry.retry_back_off, "max_interval", spec.retry_policy.retry_back_off.max_interval)
    for one in spec.initial_metadata:
        proto.initial_metadata.add(key=one.key, value=one.value)
    return proto
