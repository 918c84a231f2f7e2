"""A rate limit service of somebody else's, as Envoy asks one (rls.proto, v3)."""

import grpc
import grpc.aio
from envoy.service.ratelimit.v3 import rls_pb2

from support.servers.standin import StandIn

_METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
Descriptor = tuple[tuple[str, str], ...]


class Limiter(StandIn):
    """Keeps what it was asked. A descriptor that has an entry `over` is over its limit, of ten a minute.

    It tells Envoy's access logs the domain that it was asked about.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Descriptor, ...]]] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The one method there is."""
        if details.method != _METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._answer,
            request_deserializer=rls_pb2.RateLimitRequest.FromString,
            response_serializer=rls_pb2.RateLimitResponse.SerializeToString,
        )

    def told(self) -> list[tuple[str, tuple[Descriptor, ...]]]:
        """What it was asked since this was last called."""
        found, self.asked = self.asked, []
        return found

    async def _answer(
        self,
        request: rls_pb2.RateLimitRequest,
        context: grpc.aio.ServicerContext[rls_pb2.RateLimitRequest, rls_pb2.RateLimitResponse],
    ) -> rls_pb2.RateLimitResponse:
        del context
        descriptors = tuple(
            tuple((entry.key, entry.value) for entry in descriptor.entries) for descriptor in request.descriptors
        )
        self.asked.append((request.domain, descriptors))
        response = rls_pb2.RateLimitResponse()
        for entries in descriptors:
            over = any(value == "over" for _, value in entries)
            status = response.statuses.add(code=2 if over else 1, limit_remaining=0 if over else 7)
            status.current_limit.requests_per_unit, status.current_limit.unit = 10, 2  # a minute
            status.duration_until_reset.seconds = 30
        response.overall_code = max((one.code for one in response.statuses), default=1)
        response.dynamic_metadata.update({"domain": request.domain})
        return response
