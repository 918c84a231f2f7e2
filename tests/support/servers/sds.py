"""An SDS server: it sends secrets by their names, as Istio's agent does."""

from collections.abc import AsyncIterator

import grpc
import grpc.aio
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2

from daemun.ir.resource import SECRET
from support.objects.certificates import Pair

_METHOD = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"


class SdsServer(grpc.GenericRpcHandler):
    """Serves a key pair and CA certificates by two `names`, and notes the metadata of each stream."""

    def __init__(self, pair: Pair, authorities: str, names: tuple[str, str] = ("own", "trust")) -> None:
        self.port = 0
        self.metadata: list[dict[str, str]] = []
        own, trust = names
        self._secrets = {
            own: secret_pb2.Secret(
                name=own,
                tls_certificate={
                    "certificate_chain": {"inline_bytes": pair[0]},
                    "private_key": {"inline_bytes": pair[1]},
                },
            ),
            trust: secret_pb2.Secret(name=trust, validation_context={"trusted_ca": {"inline_string": authorities}}),
        }
        self._server: grpc.aio.Server | None = None

    async def start(self, at: str = "127.0.0.1:0") -> "SdsServer":
        """Listen on a port that the system chooses, or where it is told."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([self])
        self.port = self._server.add_insecure_port(at)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """End at once."""
        if self._server is not None:
            await self._server.stop(0)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The one method there is."""
        if details.method != _METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=discovery_pb2.DiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DiscoveryResponse.SerializeToString,
        )

    async def _stream(
        self,
        requests: AsyncIterator[discovery_pb2.DiscoveryRequest],
        context: grpc.aio.ServicerContext[discovery_pb2.DiscoveryRequest, discovery_pb2.DiscoveryResponse],
    ) -> AsyncIterator[discovery_pb2.DiscoveryResponse]:
        self.metadata.append({str(key): str(value) for key, value in context.invocation_metadata() or ()})
        async for request in requests:
            if request.response_nonce:
                continue
            response = discovery_pb2.DiscoveryResponse(version_info="1", nonce="1", type_url=SECRET)
            for name in request.resource_names:
                response.resources.add().Pack(self._secrets[name])
            yield response
