"""An external processor, as ext_proc asks one: it marks requests and responses with headers."""

from collections.abc import AsyncIterator

import grpc
import grpc.aio
from envoy.service.ext_proc.v3 import external_processor_pb2 as proc_v3

from support.servers.standin import StandIn

_METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


class Processor(StandIn):
    """Sets `x-processed` on requests and `x-answered` on responses to its name. It keeps each call's first message and
    metadata.

    A request with the header `x-refuse` is answered by itself, with 403.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[dict[str, str], proc_v3.ProcessingRequest]] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The one method there is."""
        if details.method != _METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=proc_v3.ProcessingRequest.FromString,
            response_serializer=proc_v3.ProcessingResponse.SerializeToString,
        )

    async def _process(
        self,
        asked: AsyncIterator[proc_v3.ProcessingRequest],
        context: grpc.aio.ServicerContext[proc_v3.ProcessingRequest, proc_v3.ProcessingResponse],
    ) -> AsyncIterator[proc_v3.ProcessingResponse]:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        first = True
        async for one in asked:
            if first:
                self.seen.append((metadata, one))
                first = False
            yield self._answer(one)

    def _answer(self, one: proc_v3.ProcessingRequest) -> proc_v3.ProcessingResponse:
        answer = proc_v3.ProcessingResponse()
        part = one.WhichOneof("request")
        if part == "request_headers":
            names = {header.key for header in one.request_headers.headers.headers}
            if "x-refuse" in names:
                answer.immediate_response.status.code = 403
                return answer
            self._mark(answer.request_headers.response, "x-processed")
        elif part == "response_headers":
            self._mark(answer.response_headers.response, "x-answered")
        else:
            getattr(answer, part).SetInParent()
        return answer

    def _mark(self, response: proc_v3.CommonResponse, name: str) -> None:
        header = response.header_mutation.set_headers.add().header
        header.key, header.raw_value = name, self.name.encode()
