"""A10: keys that cannot be fetched, at first or later, never let anybody in; the last good ones count for a while."""

import asyncio
import json

import pytest

from daemun.fetch import Answer, Document, Fetcher, FetchError
from support.checks.clock import run


class Provider(Fetcher):
    """A provider that can be away, or answer nonsense."""

    says: Answer | None = None

    async def get(self, url: str, headers: object = None) -> Answer:
        if self.says is None:
            raise FetchError("it is away")
        return self.says


def test_a10_nothing_at_first() -> None:
    async def story() -> None:
        one = Document(Provider(), "http://provider/", json.loads, refresh=60, lifetime=600)
        for _ in range(100):
            with pytest.raises(FetchError, match="away"):
                await one.get()
            await asyncio.sleep(7)

    run(story())


@pytest.mark.parametrize("later", [None, Answer(500, {}, b"[]"), Answer(200, {}, b"<html>")])
def test_a10_the_last_good_for_its_lifetime(later: Answer | None) -> None:
    async def story() -> None:
        provider = Provider()
        provider.says = Answer(200, {}, b"[1]")
        one = Document(provider, "http://provider/", json.loads, refresh=60, lifetime=600)
        assert await one.get() == [1]
        provider.says = later
        for _ in range(59):
            await asyncio.sleep(10)
            assert await one.get() == [1]
        await asyncio.sleep(11)
        with pytest.raises(FetchError):
            await one.get()
        provider.says = Answer(200, {}, b"[2]")
        await asyncio.sleep(61)
        assert await one.get() == [2]

    run(story())
