"""For a person who waits for one answer: a request that the API server puts off is sent again, as kubectl does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from daemun.kube.transport import Answer, Method, Transport

_TIMES = 10
"""As often as kubectl does (client-go's `WithMaxRetries`)."""
_LONGEST = 10.0
"""Seconds. One who is asked to wait longer is told so instead."""


class Patient:
    """Sends again what was answered 429 with `Retry-After`, which says that nothing was done with it.

    An API server answers so when it has too much to do, and while it begins to keep a kind whose CRD is new ("storage
    is (re)initializing"). What runs for ever has a pace of its own (sources/kube/backoff.py) and hears of each refusal.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(
        self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Send a request, and again while it is put off."""
        for _ in range(_TIMES):
            answer = await self._transport.send(method, target, headers, body, seconds)
            pause = _put_off(answer)
            if pause is None:
                return answer
            await asyncio.sleep(pause)
        return await self._transport.send(method, target, headers, body, seconds)

    def stream(
        self, target: str, headers: Mapping[str, str], idle: float
    ) -> AbstractAsyncContextManager[Answer | AsyncIterator[bytes]]:
        """Read something once."""
        return self._transport.stream(target, headers, idle)

    async def close(self) -> None:
        """End all connections."""
        await self._transport.close()


def _put_off(answer: Answer) -> float | None:
    """Seconds until the request may be sent again; None if it was answered, or for too long to wait."""
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS or not answer.retry_after.isdigit():
        return None
    return pause if (pause := float(answer.retry_after)) <= _LONGEST else None
