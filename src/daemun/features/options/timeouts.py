"""timeout, idleTimeout and maxStreamDuration: for a request, silence and a stream (Gloo, RouteOptions)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.options import MaxStreamDuration as Spec
from daemun.base.durations import nanoseconds
from daemun.features.feature import Fault, OnAction, Scene
from daemun.features.times import duration, duration_faults
from daemun.ir.limits import IDLE_SECONDS
from daemun.ir.route import Use


class Timeout(OnAction[str]):
    """Envoy's timeout of a route; zero is none. Without one there is none (Envoy, and Gloo, have 15 seconds)."""

    kind: ClassVar = "timeout"

    def faults(self, spec: str, where: str) -> Iterable[Fault]:
        """A time that cannot be."""
        return duration_faults(spec, where)

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """How long is waited."""
        del use, scene
        return f"waits at most {spec} for the whole request, then answers 504 (0s: no limit)"

    def put(self, spec: str, action: route_v3.RouteAction) -> None:
        """For the whole request, in place of what the HTTPRoute says."""
        action.timeout.CopyFrom(duration(spec))
        if not 0 < nanoseconds(spec) <= IDLE_SECONDS * 10**9:
            # The listener's own limit on silence would come first.
            action.idle_timeout.CopyFrom(duration(spec))


class IdleTimeout(OnAction[str]):
    """Envoy's limit on silence in a route's streams; zero is none."""

    kind: ClassVar = "idleTimeout"

    def faults(self, spec: str, where: str) -> Iterable[Fault]:
        """A time that cannot be."""
        return duration_faults(spec, where)

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """How long is waited."""
        del use, scene
        return f"ends a stream on which nothing was heard for {spec} (0s: never)"

    def put(self, spec: str, action: route_v3.RouteAction) -> None:
        """In place of the listener's."""
        action.idle_timeout.CopyFrom(duration(spec))


class MaxStreamDuration(OnAction[Spec]):
    """How long a stream may last in all; gRPC clients may say it themselves, up to a bound."""

    kind: ClassVar = "maxStreamDuration"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Times that cannot be."""
        yield from duration_faults(spec.max_stream_duration, f"{where}.maxStreamDuration")
        yield from duration_faults(spec.grpc_timeout_header_max, f"{where}.grpcTimeoutHeaderMax")
        yield from duration_faults(spec.grpc_timeout_header_offset, f"{where}.grpcTimeoutHeaderOffset")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """How long it may last."""
        del use, scene
        told = [f"ends a stream after {spec.max_stream_duration}"] if spec.max_stream_duration else []
        if spec.grpc_timeout_header_max:
            told.append(f"lets gRPC clients ask for up to {spec.grpc_timeout_header_max}")
        return " and ".join(told) or "sets no bound"

    def put(self, spec: Spec, action: route_v3.RouteAction) -> None:
        """As Envoy's max_stream_duration."""
        bound = action.max_stream_duration
        bound.SetInParent()
        if spec.max_stream_duration:
            bound.max_stream_duration.CopyFrom(duration(spec.max_stream_duration))
        if spec.grpc_timeout_header_max:
            bound.grpc_timeout_header_max.CopyFrom(duration(spec.grpc_timeout_header_max))
        if spec.grpc_timeout_header_offset:
            bound.grpc_timeout_header_offset.CopyFrom(duration(spec.grpc_timeout_header_offset))
