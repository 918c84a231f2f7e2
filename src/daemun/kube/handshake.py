"""The TLS handshake of a connection, which must not outlive whoever waits for it."""

from collections.abc import Mapping
from typing import Any, Protocol


class _Stream(Protocol):
    async def aclose(self) -> None: ...


class Handshake:
    """Hears of the steps of one request (httpcore's `trace`), and closes a connection that does not come about.

    httpcore does so for every failure but a cancellation. A server that is paused lets the system accept connections
    and never answers: each attempt that is given up would leave one open.
    """

    def __init__(self) -> None:
        self._stream: _Stream | None = None

    async def __call__(self, step: str, about: Mapping[str, Any]) -> None:
        """Called at each step."""
        if step == "connection.connect_tcp.complete":
            self._stream = about["return_value"]
        elif step == "connection.start_tls.failed" and self._stream is not None:
            await self._stream.aclose()
