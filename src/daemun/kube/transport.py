"""Requests to an API server as they are sent: the seam between what we ask (client.py) and HTTP (connections.py)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Answer(NamedTuple):
    """A status, a body that came to its end, and the headers `Retry-After` and `ETag`."""

    status: int
    body: bytes = b""
    retry_after: str = ""
    tag: str = ""


class Transport(Protocol):
    """Sends requests. `target` is a path with its query; the server may be silent for so many seconds.

    All of it raises UnreachableError when there is no whole answer.
    """

    async def send(
        self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Send a request. One that changes something is never sent twice."""
        ...

    def stream(
        self, target: str, headers: Mapping[str, str], idle: float
    ) -> AbstractAsyncContextManager[Answer | AsyncIterator[bytes]]:
        """Read something: the pieces of it as they come, or the answer that is an error."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
