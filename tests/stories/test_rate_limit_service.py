"""The rate limit service with a real Redis behind real Envoys: exact across replicas, whatever becomes of Redis."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from daemun.ir.quotas import Quota
from support.clients.limiting import by_user, within_an_hour
from support.envoys.limited import Proxy, Replicas, proxies
from support.scenes.world import until
from support.servers.redises import redis

EXACT = Quota(1_000, 10, sliding=True)


async def ask_many(asked: list[Proxy], user: str, requests: int, at_once: int = 60) -> Counter[int]:
    """Statuses of so many requests, spread over proxies."""
    statuses: Counter[int] = Counter()
    left = iter(range(requests))

    async def client() -> None:
        for number in left:
            statuses[(await asked[number % len(asked)].get(user)).status] += 1

    await asyncio.gather(*(client() for _ in range(at_once)))
    return statuses


async def counts(proxy: Proxy) -> bool:
    """Whether the service knows again."""
    return (await proxy.get("probe")).status == 200


@pytest.mark.parametrize("sliding", [True, False])
async def test_a_limit_is_exact_through_three_proxies_and_two_replicas(tmp_path: Path, *, sliding: bool) -> None:
    """What comes within the window. (A fixed one is an hour here, so that none ends in between.)"""
    quota = EXACT if sliding else Quota(1_000, 3600)
    await within_an_hour()
    async with redis(tmp_path) as store:
        replicas = Replicas(tmp_path, [by_user(quota)], store.address, count=2)
        try:
            await replicas.start()
            async with proxies(replicas.ports, count=3) as asked:
                loop = asyncio.get_running_loop()
                began = loop.time()
                statuses = await ask_many(asked, "ann", 1_500)
                took = loop.time() - began
                most = 1_000 if not sliding or took < 10 else 1_000 * (1 + took / 10)
                assert set(statuses) <= {200, 429}
                assert 1_000 <= statuses[200] <= most
                assert (await asked[0].get("bob")).status == 200
                answer = await asked[1].get("ann")
                if answer.status == 429:
                    assert int(answer.headers["retry-after"]) >= 1
                    assert answer.headers["x-ratelimit-remaining"] == "0"
        finally:
            await replicas.stop()


async def test_redis_dies_and_comes_back_and_no_request_fails_but_by_policy(tmp_path: Path) -> None:
    await within_an_hour()
    async with redis(tmp_path) as store:
        replicas = Replicas(tmp_path, [by_user(Quota(100, 3600))], store.address, count=2)
        try:
            await replicas.start()
            async with proxies(replicas.ports) as open_, proxies(replicas.ports, deny=True) as shut:
                assert (await ask_many(open_, "ann", 120))[429] == 20
                await store.stop()
                # Whoever is let in then is not counted, and what that is decides the policy alone.
                assert await ask_many(open_, "ann", 200) == {200: 200}
                assert await ask_many(shut, "ann", 200) == {500: 200}
                await store.start()

                await until(lambda: counts(shut[0]))
                # This Redis remembers nothing.
                assert await ask_many(open_, "ann", 120) == {200: 100, 429: 20}
                assert await ask_many(shut, "bob", 120) == {200: 100, 429: 20}
        finally:
            await replicas.stop()


async def test_a_redis_that_stands_still_holds_nobody_up_and_what_it_missed_is_not_asked_twice(tmp_path: Path) -> None:
    await within_an_hour()
    async with redis(tmp_path) as store:
        replicas = Replicas(tmp_path, [by_user(Quota(100, 3600))], store.address)
        try:
            await replicas.start()
            async with proxies(replicas.ports, deny=True) as shut:
                assert (await shut[0].get("ann")).status == 200
                store.pause()
                loop = asyncio.get_running_loop()
                began = loop.time()
                assert await ask_many(shut, "ann", 40, at_once=20) == {500: 40}
                assert loop.time() - began < 10
                store.go_on()
                await until(lambda: counts(shut[0]))
                assert await ask_many(shut, "bob", 120) == {200: 100, 429: 20}
                # It does what it was told meanwhile: what may have been counted is, and once.
                assert 59 <= (await ask_many(shut, "ann", 120))[200] <= 99
        finally:
            store.go_on()
            await replicas.stop()
