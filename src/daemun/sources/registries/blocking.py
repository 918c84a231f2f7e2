"""Blocking queries, as Consul and Nomad have them: one comes back when something has changed, or after a while.

The index in an answer is what the next query waits beyond. (Consul: "Features", "Blocking Queries"; Nomad: "HTTP API",
"Blocking Queries".)
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import msgspec

from daemun.sources.client import Answer, Client, NoAnswerError
from daemun.sources.registries.registry import RegistryError, checked

T = TypeVar("T")

WAIT_SECONDS = 300.0
_LONGEST_WAIT = 600.0
_GRACE_SECONDS = 15.0
"""A server adds up to a sixteenth of the wait by chance; and it may have much to do."""
_FIRST_AT_ONCE = 64
"""What is asked for the first time: a server is not to be flooded by whoever begins to ask for ten thousand things."""
_BETWEEN_SECONDS = 0.05
"""Between two answers for what changes all the time: what comes within is one change."""


class Kind(NamedTuple):
    """What is asked: its name, the field that says where it is, the header with the index, and what to do where a token
    is not good enough.
    """

    name: str
    field: str
    header: str
    mend: str
    said: Mapping[int, str] = MappingProxyType(
        {
            401: "wants a token",
            403: "permits it not",
            429: "has too much to do",
            500: "cannot answer (has it a leader?)",
        }
    )


def server(kind: Kind, address: str) -> str:
    """A server's address, of http if it does not say. Raises ConfigError for what is none."""
    return checked(kind.field, address if "://" in address else f"http://{address}", "http://HOST:PORT")


class BlockingQueries:
    """Asks the server at `address` (one of HOST:PORT is of http). `wait`: seconds that a query may be held for; 0: as
    many as is usual. Raises ConfigError for an address that is none.
    """

    def __init__(self, kind: Kind, address: str, client: Client, headers: Mapping[str, str], wait: float = 0.0) -> None:
        self._kind, self._client, self._headers = kind, client, headers
        self._address = server(kind, address)
        self._first = asyncio.Semaphore(_FIRST_AT_ONCE)
        self._wait = min(wait or WAIT_SECONDS, _LONGEST_WAIT)

    async def follow(
        self, path: str, params: Mapping[str, str], decoder: msgspec.json.Decoder[T]
    ) -> AsyncGenerator[T, None]:
        """What a path says, now and after every change. Raises RegistryError when there is no answer."""
        index = 0
        while True:
            query = {**params, "index": str(index), "wait": f"{int(self._wait)}s"}
            async with contextlib.nullcontext() if index else self._first:
                answer = await self._ask(path, query, bool(index))
            found, after = self._read(answer, decoder)
            # An index that goes back means that the server began anew; one below 1 would wait for nothing.
            index = after if after >= index else 0
            yield found
            await asyncio.sleep(_BETWEEN_SECONDS if index else self._wait / 10)

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def _ask(self, path: str, params: Mapping[str, str], held: bool) -> Answer:
        seconds = self._wait * 17 / 16 + _GRACE_SECONDS if held else _GRACE_SECONDS
        try:
            return await self._client.ask(
                "GET", self._address + path, params=params, headers=self._headers, seconds=seconds
            )
        except NoAnswerError as error:
            raise RegistryError(f"{self._kind.name} at {self._address} {error}") from None

    def _read(self, answer: Answer, decoder: msgspec.json.Decoder[T]) -> tuple[T, int]:
        if answer.status != 200:
            said = self._kind.said.get(answer.status, f"answers with {answer.status}")
            mend = self._kind.mend if answer.status in {401, 403} else ""
            raise RegistryError(f"{self._kind.name} at {self._address} {said}", mend, answer.after)
        try:
            found = decoder.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError):
            raise RegistryError(f"what answers at {self._address} is not {self._kind.name}") from None
        after = answer.headers.get(self._kind.header, "")
        return found, int(after) if after.isdigit() and len(after) < 20 else 0
