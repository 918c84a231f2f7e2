"""The rate limit service: what it answers, byte for byte as Envoy reads it, and what when nobody knows."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from envoy.service.ratelimit.v3 import rls_pb2

from daemun.ir.quotas import SET, Descriptor, Limits, Quota, SetDescriptor, encoded
from daemun.process.listening import stop_listening
from daemun.ratelimit import service as limits_service
from daemun.ratelimit.memory import MemoryStore
from daemun.ratelimit.plans import Plans
from daemun.ratelimit.redis import RedisStore
from daemun.ratelimit.service import HEALTH, METHOD, Service
from daemun.ratelimit.store import Asked, Decided, Store, StoreError
from daemun.ratelimit.windows import Window
from support.clients.limiting import OK, OVER, by_user, plan_of, question
from support.scenes.world import until
from support.servers.ports import free_port

NOW = 1_700_000_010.0
"""Twenty seconds before the minute ends."""
ANN, BOB = [("user", "ann")], [("user", "bob")]


class Heard:
    """A call whose answer is kept."""

    gone = False

    def __init__(self) -> None:
        self.response: asyncio.Future[rls_pb2.RateLimitResponse | int] = asyncio.get_running_loop().create_future()

    def answer(self, message: bytes) -> None:
        self.response.set_result(rls_pb2.RateLimitResponse.FromString(message))

    def fail(self, code: int, text: str) -> None:
        del text
        self.response.set_result(code)


class Desk:
    """The service without a network."""

    def __init__(self, store: Store, *limits: Limits) -> None:
        self.plans = Plans()
        for one in limits:
            self.plans.put(one)
        self.plans.complete = True
        self.service = Service(self.plans, store)

    def call(self, said: bytes, method: str = METHOD) -> Heard:
        heard = Heard()
        self.service.methods()[method](said, heard)  # type: ignore[arg-type]  # as much of a call as the service uses
        return heard

    async def ask(self, said: bytes) -> rls_pb2.RateLimitResponse:
        found = await asyncio.wait_for(self.call(said).response, 30)
        assert isinstance(found, rls_pb2.RateLimitResponse), found
        return found

    async def code(self, said: bytes) -> int:
        found = await asyncio.wait_for(self.call(said).response, 30)
        assert isinstance(found, int)
        return found


@contextlib.asynccontextmanager
async def open_desk(store: Store, *limits: Limits) -> AsyncIterator[Desk]:
    desk = Desk(store, *limits)
    task = asyncio.ensure_future(desk.service.run())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


def memory() -> MemoryStore:
    return MemoryStore(lambda: NOW)


async def test_an_answer_tells_all_that_envoy_makes_headers_of() -> None:
    async with open_desk(memory(), by_user(Quota(3, 60))) as desk:
        first = await desk.ask(question(ANN, [("other", "x")], hits=2))
        assert first.overall_code == OK
        assert [one.code for one in first.statuses] == [OK, OK]
        told = first.statuses[0]
        assert (told.current_limit.requests_per_unit, told.current_limit.unit) == (3, 2)
        assert (told.limit_remaining, told.duration_until_reset.seconds) == (1, 30)
        assert not first.statuses[1].HasField("current_limit")
        refused = await desk.ask(question(ANN, hits=2))
        assert (refused.overall_code, refused.statuses[0].code, refused.statuses[0].limit_remaining) == (OVER, OVER, 1)
        assert [(one.key, one.value) for one in refused.response_headers_to_add] == [("retry-after", "30")]
        # What was refused has used up nothing, and others are not concerned.
        assert (await desk.ask(question(ANN))).overall_code == OK
        assert (await desk.ask(question(ANN))).overall_code == OVER
        assert (await desk.ask(question(BOB))).statuses[0].limit_remaining == 2
        assert desk.service.decisions == {("shop", "ok"): 3, ("shop", "over_limit"): 2}


async def test_those_that_come_at_once_are_told_apart() -> None:
    async with open_desk(memory(), by_user(Quota(3, 60))) as desk:
        found = await asyncio.gather(*(desk.ask(question(ANN)) for _ in range(5)))
        assert [one.overall_code for one in found] == [OK] * 3 + [OVER] * 2
        assert [one.statuses[0].limit_remaining for one in found] == [2, 1, 0, 0, 0]
        assert desk.service.batches == 1


async def test_what_is_only_told_refuses_nobody() -> None:
    limits = Limits(
        "l", "shop", (Descriptor("user", quota=Quota(1, 60, shadow=True)), Descriptor("a", quota=Quota(2, 1)))
    )
    async with open_desk(memory(), limits) as desk:
        found = [await desk.ask(question(ANN)) for _ in range(3)]
        assert [one.overall_code for one in found] == [OK] * 3
        assert [one.statuses[0].code for one in found] == [OK] * 3
        assert [one.statuses[0].limit_remaining for one in found] == [0, 0, 0]
        refused = [await desk.ask(question(ANN, [("a", "1")])) for _ in range(3)][-1]
        assert [one.code for one in refused.statuses] == [OK, OVER]


async def test_weights_and_sets_as_gloo_has_them() -> None:
    tree = (
        Descriptor("type", "a", Quota(1, 60), weight=1),
        Descriptor("type", "b", Quota(2, 60), weight=2),
        Descriptor("type", "c", Quota(3, 60), always=True),
    )
    sets = (
        SetDescriptor((("x", "1"), ("y", "")), Quota(4, 60)),
        SetDescriptor((("x", "1"),), Quota(5, 60)),
        SetDescriptor((), Quota(6, 60), always=True),
    )
    async with open_desk(memory(), Limits("l", "shop", tree, sets)) as desk:
        found = await desk.ask(question([("type", "a")], [("type", "b")], [("type", "c")]))
        assert [one.current_limit.requests_per_unit for one in found.statuses] == [0, 2, 3]
        alone = await desk.ask(question([("type", "a")]))
        assert alone.statuses[0].current_limit.requests_per_unit == 1
        met = [await desk.ask(question([SET, ("y", "9"), ("x", "1")], [SET, ("x", "1")], [SET, ("z", "1")]))]
        # Of several limits of a descriptor it is told which is nearest.
        assert [one.current_limit.requests_per_unit for one in met[0].statuses] == [4, 5, 6]


async def test_a_request_may_bring_its_own_limit_and_its_own_hits() -> None:
    async with open_desk(memory(), by_user(Quota(1, 60))) as desk:
        message = rls_pb2.RateLimitRequest.FromString(question(ANN))
        message.descriptors[0].limit.requests_per_unit = 7
        message.descriptors[0].limit.unit = 3  # HOUR
        message.descriptors[0].hits_addend.value = 3
        found = await desk.ask(message.SerializeToString())
        assert (found.statuses[0].current_limit.requests_per_unit, found.statuses[0].current_limit.unit) == (7, 3)
        assert found.statuses[0].limit_remaining == 4


async def test_limits_that_are_not_known_yet_are_no_reason_to_let_in() -> None:
    async with open_desk(memory()) as desk:
        assert (await desk.ask(question(ANN))).overall_code == OK
        desk.plans.complete = False
        assert await desk.code(question(ANN)) == 14
        health = desk.call(b"", HEALTH)
        assert (await health.response).overall_code == 2  # the same field and number: NOT_SERVING
        assert await desk.code(b"\xff\xff") == 3


def test_limits_come_change_and_go() -> None:
    plans = Plans()
    plans.put(by_user(Quota(1, 60)))
    old = plans.of(question(ANN))
    assert plans.of(question(ANN)) is old
    plans.take("by-user", encoded(by_user(Quota(9, 60))))
    assert plans.of(question(ANN)).hits[0].count.quota.requests == 9
    # The count goes on, and is another one with another window.
    assert plans.of(question(ANN)).hits[0].count.name == old.hits[0].count.name
    plans.put(by_user(Quota(9, 60, sliding=True)))
    assert plans.of(question(ANN)).hits[0].count.name != old.hits[0].count.name
    with pytest.raises(ValueError, match="calls itself by-user"):
        plans.take("other", encoded(by_user(Quota(1, 1))))
    with pytest.raises(ValueError, match="requests"):
        plans.take("by-user", b'{"name": "by-user", "domain": "d", "descriptors": [{"key": "k", "quota": {}}]}')
    plans.remove("by-user")
    assert not plans.of(question(ANN)).hits


def test_plans_that_nobody_asks_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemun.ratelimit.plans._MOST", 10)
    plans = Plans()
    plans.put(by_user(Quota(1, 60)))
    often = plans.of(question(ANN))
    for user in range(200):
        plans.of(question([("user", str(user))]))
        assert plans.of(question(ANN)) is often
        assert len(plans._recent) + len(plans._earlier) <= 20


def test_memory_is_bounded_and_what_has_ended_goes() -> None:
    now = [NOW]
    store = MemoryStore(lambda: now[0], most=100)

    async def fill() -> None:
        for user in range(300):
            await store.decide([Asked(plan_of((str(user), Quota(1, 60 if user % 2 else 1), 1)), 1)])
            assert len(store) <= 100
        # Those of a second went first.
        assert store.forgotten == 200
        assert {one.end for one in store._windows.values()} == {1_700_000_040_000}
        now[0] += 61
        await store.decide([Asked(plan_of(("one", Quota(1, 60), 1)), 1)])
        assert len(store) == 1

    asyncio.run(fill())


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    window, quota = Window(), Quota(5, 1, sliding=True)
    window.look(quota, 10_000)
    window.add(quota, 10_000, 2)
    window.look(quota, 9_000)
    window.add(quota, 9_000, 2)
    window.look(quota, 10_500)
    assert window.total == 4


class Stuck:
    """A store that answers when it is let, or fails."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.fails = False
        self.asked: list[int] = []

    async def decide(self, asked: Sequence[Asked]) -> Sequence[Decided]:
        self.asked.append(sum(one.requests for one in asked))
        await self.let.wait()
        if self.fails:
            raise StoreError("Redis fails: it does")
        return [Decided(one.requests, [(0, 0)] * len(one.plan.hits)) for one in asked]

    async def close(self) -> None:
        self.let.set()


async def test_questions_are_gathered_while_the_store_is_slow_and_too_many_are_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits_service, "MOST_WAITING", 20)
    monkeypatch.setattr(limits_service, "MOST_AT_ONCE", 8)
    store = Stuck()
    async with open_desk(store, by_user(Quota(100, 60))) as desk:
        calls = [desk.call(question(ANN))]
        await until(lambda: store.asked)
        calls += [desk.call(question(ANN)) for _ in range(25)]
        calls[3].gone = True
        assert await calls[-1].response == 14
        store.let.set()
        await asyncio.gather(*(one.response for at, one in enumerate(calls) if at != 3))
        # Nobody asks for who has gone.
        assert store.asked == [1, 7, 8, 4]
        assert desk.service.failures == {"overloaded": 5}


async def test_a_store_that_fails_lets_the_proxies_policy_decide() -> None:
    store = Stuck()
    store.let.set()
    store.fails = True
    async with open_desk(store, by_user(Quota(100, 60))) as desk:
        assert await desk.code(question(ANN)) == 14
        store.fails = False
        assert (await desk.ask(question(ANN))).overall_code == OK
        assert desk.service.failures == {"Redis fails: it does": 1}


class FakeRedis:
    """Answers everything with the same bytes; or with nothing at all."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def start(self) -> str:
        port = free_port()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return f"127.0.0.1:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                while line := await reader.read(65_536):
                    # A client says who it is first: that is fine.
                    writer.write(self.said if b"EVAL" in line else b"+OK\r\n" * line.count(b"SETINFO"))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        await stop_listening(self._server)
        await asyncio.gather(*(one for one in self._tasks if one), return_exceptions=True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "BusyLoadingError"),
        (b"-READONLY You can't write against a read only replica.\r\n", "ReadOnlyError"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "OutOfMemoryError"),
        (b"-BUSY Redis is busy running a script.\r\n", "ResponseError"),
        (b":1\r\n", "not answer as it should"),
        (b"$1\r\n\x90\r\n", "not answer as it should"),
        (b"$4\r\n\x91\x92\x01\x02\r\n", "not answer as it should"),
        (b"$1\r\n\xc1\r\n", "not answer as it should"),
        (b"/nonsense\r\n", "Redis fails"),
        (b"", "TimeoutError"),
    ],
)
async def test_whatever_redis_says_is_an_answer_or_a_failure(said: bytes, why: str) -> None:
    fake = FakeRedis(said)
    store = RedisStore(await fake.start(), seconds=0.2)
    began = time.monotonic()
    with pytest.raises(StoreError, match=why):
        await store.decide([Asked(plan_of(("a", Quota(1, 1), 1)), 1)])
    assert time.monotonic() - began < 30
    await store.close()
    await fake.stop()


async def test_there_is_no_redis_at_all(tmp_path: Path) -> None:
    for url in (f"redis://127.0.0.1:{free_port()}", f"unix://{tmp_path}/none", "redis://nowhere.invalid:1"):
        store = RedisStore(url, seconds=0.2)
        with pytest.raises(StoreError):
            await store.decide([Asked(plan_of(("a", Quota(1, 1), 1)), 1)])
        await store.close()
