"""A transport without a network: a function is the API server."""

import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

from daemun.kube.transport import Answer, Method


class Asked(NamedTuple):
    """A request, as far as tests look at it; `path` has no query."""

    method: Method
    path: str
    body: bytes = b""


class Told:
    """Answers as it is told by `answer`, which may raise what a transport raises."""

    def __init__(self, answer: Callable[[Asked], Answer | Awaitable[Answer]]) -> None:
        self._answer = answer

    async def send(
        self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """What it is told to answer."""
        answer = self._answer(Asked(method, target.partition("?")[0], body or b""))
        return await answer if inspect.isawaitable(answer) else answer

    @contextlib.asynccontextmanager
    async def stream(
        self, target: str, headers: Mapping[str, str], idle: float
    ) -> AsyncIterator[Answer | AsyncIterator[bytes]]:
        """The same, in one piece."""
        answer = await self.send("GET", target, headers, None, idle)

        async def pieces() -> AsyncIterator[bytes]:
            yield answer.body

        yield answer if answer.status >= 400 else pieces()

    async def close(self) -> None:
        """There is nothing to close."""


def answered(document: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(document).encode())
