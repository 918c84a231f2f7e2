"""A server's OpenAPI document, and the functions that are made of it."""

import asyncio

import msgspec

from daemun.base.guard import Guard
from daemun.fetch.client import Fetcher, FetchError
from daemun.gloo.functions.swagger import functions_of
from daemun.ir.discovered import Documents
from daemun.sources import yamldoc
from daemun.sources.functions.failure import AskError

_MOST_BYTES = 4 << 20
_SECONDS = 5.0
"""For one document."""
_HEADERS = {"Accept": "application/json, application/yaml;q=0.5, */*;q=0.1"}


async def fetched(question: Documents, guard: Guard) -> bytes:
    """The functions in the first document that there is, as JSON: transformations by their names. Raises AskError."""
    why = "there are no servers"
    async with Fetcher(guard, seconds=_SECONDS, most=_MOST_BYTES) as fetcher:
        for base in question.bases:
            for path in question.paths:
                url = f"{base}{path}"
                try:
                    answer = await fetcher.get(url, _HEADERS)
                except FetchError as error:
                    # Whoever does not answer for one document does not for another.
                    why = str(error)
                    break
                if answer.status != 200:
                    why = f"{base} has no document at {path} ({answer.status})"
                    continue
                try:
                    return await asyncio.to_thread(_functions, answer.body)
                except (ValueError, RecursionError) as error:
                    why = f"what {base} has at {path} cannot be used: {error}"
    raise AskError(why)


def _functions(body: bytes) -> bytes:
    return msgspec.json.encode(dict(sorted(functions_of(_value(body)).items())))


def _value(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return yamldoc.value(body.decode())
