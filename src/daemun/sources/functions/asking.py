"""From a question to the answer, whoever is asked."""

from collections.abc import Awaitable, Callable

from daemun.base.guard import Guard
from daemun.ir.discovered import Documents, Question, Reflection
from daemun.sources.functions.documents import fetched
from daemun.sources.functions.failure import AskError
from daemun.sources.functions.grpc_reflection import reflect
from daemun.sources.functions.lambdas import LambdaList

Ask = Callable[[], Awaitable[bytes]]
"""Asks once. Raises AskError."""


def asking(question: Question, guard: Guard) -> Ask:
    """How a question is asked, again and again. Nobody is asked at addresses that the guard refuses."""
    if isinstance(question, Reflection):
        return lambda: _any_of(question.targets, guard)
    if isinstance(question, Documents):
        return lambda: fetched(question, guard)
    return LambdaList(question, guard).ask


async def _any_of(targets: tuple[tuple[str, int], ...], guard: Guard) -> bytes:
    why = AskError("there are no servers")
    for host, port in targets:
        try:
            return await reflect(host, port, guard)
        except AskError as error:
            why = error
    raise why
