"""gRPC servers that stand in for somebody else's."""

from typing import Self

import grpc
import grpc.aio


class StandIn(grpc.GenericRpcHandler):
    """Answers the methods that its `service` knows, from `start` to `stop`, on loopback and without TLS."""

    port = 0
    _server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> Self:
        """Listen, by default on a port that the system chooses."""
        self._server = server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers([self])
        self._prepare(server)
        self.port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        return self

    def _prepare(self, server: grpc.aio.Server) -> None:
        """Add what else it answers."""

    async def stop(self) -> None:
        """End at once."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(0)
