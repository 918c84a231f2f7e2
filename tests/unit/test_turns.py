"""Much work on one event loop."""

import asyncio
import contextlib

import pytest

from daemun.process.turns import Line

FOREVER = 3600.0


async def work(line: Line, tasks: int) -> list[list[int]]:
    """What so many tasks do that are ready at the same time, by turns of the event loop."""
    turns: list[list[int]] = [[]]

    async def one(number: int) -> None:
        async with line.turn():
            turns[-1].append(number)

    every = asyncio.gather(*map(one, range(tasks)))
    while not every.done():
        await asyncio.sleep(0)
        turns.append([])
    return [turn for turn in turns if turn]


async def test_who_comes_first_is_first_and_others_have_their_turn_after_each_slice() -> None:
    assert await work(Line(0.0), 20) == [[number] for number in range(20)]


async def test_what_takes_less_than_a_slice_is_not_put_off() -> None:
    assert await work(Line(FOREVER), 20) == [list(range(20))]


async def test_who_fails_or_goes_away_holds_up_nobody() -> None:
    line = Line(0.0)

    async def waits() -> None:
        async with line.turn():
            raise AssertionError("it has gone")

    with contextlib.suppress(ZeroDivisionError):
        async with line.turn():
            raise ZeroDivisionError
    gone = asyncio.create_task(waits())
    await asyncio.sleep(0)
    gone.cancel()
    assert await work(line, 3) == [[0], [1], [2]]
    with pytest.raises(asyncio.CancelledError):
        await gone
