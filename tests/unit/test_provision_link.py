"""The link to the keeper of the proxies, from the control plane's side."""

import asyncio
import json

import pytest

from daemun.provision.link import Link


async def test_an_answer_to_who_has_just_given_up_ends_nothing() -> None:
    """The answer is read after the call was cancelled, and before it has noticed."""
    reader, writer = asyncio.StreamReader(), _Writer()
    link = Link(reader, writer, lambda _: None)  # type: ignore[arg-type]  # what of a writer is used
    first = asyncio.ensure_future(link.call("stats"))
    await asyncio.sleep(0)
    assert len(writer.asked) == 1
    reader.feed_data(b'{"id": 1, "ok": {}}\n')
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    second = asyncio.ensure_future(link.call("stats"))
    await asyncio.sleep(0)
    assert len(writer.asked) == 2
    reader.feed_data(b'{"id": 2, "ok": {"there": true}}\n')
    assert await second == {"there": True}


class _Writer:
    def __init__(self) -> None:
        self.asked: list[object] = []

    def write(self, data: bytes) -> None:
        self.asked.append(json.loads(data))

    def close(self) -> None: ...
