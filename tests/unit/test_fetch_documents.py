"""Documents that are kept, in virtual time."""

import asyncio
import json

import pytest

from daemun.fetch import Answer, Document, Fetcher, FetchError
from support.checks.clock import run


class Provider(Fetcher):
    """Answers what it is told to, after a second."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.says: Answer | FetchError = FetchError("it is down")

    def say(self, value: object) -> None:
        self.says = Answer(200, {}, json.dumps(value).encode())

    async def get(self, url: str, headers: object = None) -> Answer:
        self.asked += 1
        await asyncio.sleep(1)
        if isinstance(self.says, FetchError):
            raise self.says
        return self.says


def document(provider: Provider) -> Document[int]:
    return Document(provider, "http://provider/", json.loads, refresh=100, lifetime=1000)


def test_many_who_ask_fetch_it_once() -> None:
    async def story() -> None:
        provider = Provider()
        provider.say(1)
        one = document(provider)
        assert await asyncio.gather(*(one.get() for _ in range(20))) == [1] * 20
        assert provider.asked == 1

    run(story())


def test_it_is_renewed_in_the_background() -> None:
    async def story() -> None:
        provider = Provider()
        provider.say(1)
        one = document(provider)
        await one.get()
        provider.say(2)
        await asyncio.sleep(101)
        assert await one.get() == 1
        await asyncio.sleep(2)
        assert await one.get() == 2
        assert provider.asked == 2

    run(story())


def test_a_provider_that_is_down_is_asked_less_and_less() -> None:
    async def story() -> None:
        provider = Provider()
        one = document(provider)
        for _ in range(600):
            with pytest.raises(FetchError, match="down"):
                await one.get()
            await asyncio.sleep(1)
        assert 8 <= provider.asked <= 40
        provider.say(3)
        await asyncio.sleep(60)
        assert await one.get() == 3

    run(story())


def test_who_stops_waiting_ends_nothing() -> None:
    async def story() -> None:
        provider = Provider()
        provider.say(1)
        one = document(provider)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await one.get()
        assert await one.get() == 1
        assert provider.asked == 1

    run(story())


def test_what_is_missed_is_fetched_at_most_once_in_a_while() -> None:
    async def story() -> None:
        provider = Provider()
        provider.say(1)
        one = document(provider)
        await one.get()
        provider.say(2)
        assert await one.newer(10) == 1
        await asyncio.sleep(10)
        assert await asyncio.gather(*(one.newer(10) for _ in range(5))) == [2] * 5
        assert provider.asked == 2

    run(story())
