"""The authorization server behind a real Envoy, asked by Gateway API's ExternalAuth; the chain is by the host."""

import grpc
import grpc.aio
from envoy.service.auth.v3 import external_auth_pb2

from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.server import AuthServer
from daemun.ir.auth import CONTEXT, AnyCheck, Chain, Step


class Door(grpc.GenericRpcHandler):
    """Answers Envoy. Each host has a chain of one check."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.chains = Chains(tools)
        self.chains.complete = True
        self._server = AuthServer(self.chains)
        self._grpc: grpc.aio.Server | None = None

    def guard(self, host: str, check: AnyCheck) -> None:
        """Who asks for this host is asked for this."""
        self.chains.put(Chain(host, (Step("check", check),)))

    async def start(self) -> int:
        """Listen; the port."""
        self._grpc = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._grpc.add_generic_rpc_handlers([self])
        port: int = self._grpc.add_insecure_port("127.0.0.1:0")
        await self._grpc.start()
        return port

    async def stop(self) -> None:
        """End it."""
        assert self._grpc is not None
        await self._grpc.stop(0)
        await self.chains.close()
        await self.tools.close()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """As gRPC's handler."""
        if not details.method.endswith("/Check"):
            return None
        return grpc.unary_unary_rpc_method_handler(self._check)

    async def _check(self, question: bytes, context: object) -> bytes:
        asked = external_auth_pb2.CheckRequest.FromString(question)
        host = asked.attributes.request.http.host.partition(":")[0]
        asked.attributes.context_extensions[CONTEXT] = host
        return await self._server._check(asked.SerializeToString(), context)
