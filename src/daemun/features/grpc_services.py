"""gRPC services that Envoy's filters ask: an Upstream, and how it is spoken to."""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2 as base_v3
from envoy.config.core.v3 import grpc_service_pb2
from google.protobuf import duration_pb2

from daemun.api.gloo.extproc import ExtProcGrpcService
from daemun.features.feature import Fault
from daemun.features.formats import format_faults
from daemun.features.times import duration_faults
from daemun.features.wrapped import put

_MILLISECOND = 10**6
_SECOND = 1000
_PAUSE = 25 * _MILLISECOND
"""Nanoseconds before the second attempt; before the others it is twice as long each time."""


def asked_again(on: str, milliseconds: int) -> base_v3.RetryPolicy:
    """What a service was asked in vain, for one of these reasons, it is asked again, up to seven times. An answer may
    take as long as it may anyway.

    Envoy does not heed here which hosts were tried; that a replica is gone, its cluster has to find out. It takes the
    longest interval between attempts for the longest time that one may take, too.
    """
    policy = base_v3.RetryPolicy(retry_on=on)
    policy.num_retries.value = 7
    policy.retry_back_off.base_interval.nanos = _PAUSE
    lasts(policy.retry_back_off.max_interval, max(milliseconds, _PAUSE // _MILLISECOND))
    return policy


def lasts(duration: duration_pb2.Duration, milliseconds: int) -> None:
    """Set how long something is."""
    duration.seconds, duration.nanos = milliseconds // _SECOND, milliseconds % _SECOND * _MILLISECOND


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
