"""Counts with windows: memory and Redis do as the definition says, whatever is asked and whenever."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.ir.quotas import SET, Descriptor, Limits, Quota, SetDescriptor
from daemun.ratelimit import redis as in_redis
from daemun.ratelimit.matching import Domain, holding
from daemun.ratelimit.memory import MemoryStore
from daemun.ratelimit.store import SLICES, Asked, Decided
from support.clients.limiting import plan_of
from support.servers.redises import RedisServer, redis

Decide = Callable[[int, list[Asked]], Sequence[Decided]]
"""What is decided at a time, in milliseconds."""

QUOTAS = st.builds(
    Quota,
    requests=st.integers(0, 12),
    seconds=st.sampled_from((1, 10, 60)),
    sliding=st.booleans(),
    shadow=st.sampled_from((False, False, False, True)),
)


class Model:
    """The definition: every hit that was let in, with its time, and nothing forgotten."""

    def __init__(self) -> None:
        self.hits: dict[str, list[tuple[int, int]]] = {}

    def count(self, name: str, quota: Quota, now: int) -> int:
        span = quota.seconds * 1000
        if not quota.sliding:
            return sum(hits for at, hits in self.hits.get(name, ()) if at // span == now // span)
        slice_ = span // SLICES
        return sum(hits for at, hits in self.hits.get(name, ()) if at // slice_ >= now // slice_ - SLICES)

    def ask(self, wanted: Sequence[tuple[str, Quota, int]], now: int) -> tuple[bool, list[int]]:
        """Whether one request is let in, and what each count had before."""
        before = [self.count(name, quota, now) for name, quota, _ in wanted]
        fine = all(
            quota.shadow or not hits or had + hits <= quota.requests
            for (_, quota, hits), had in zip(wanted, before, strict=True)
        )
        if fine:
            for name, _, hits in wanted:
                self.hits.setdefault(name, []).append((now, hits))
        return fine, before


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, list[tuple[list[tuple[str, Quota, int]], int]]]]:
    """Batches: how many milliseconds after the last, and in each plans with so many requests."""
    quotas = draw(st.lists(QUOTAS, min_size=1, max_size=4))
    named = [(f"count-{at}", quota) for at, quota in enumerate(quotas)]
    hit = st.tuples(st.sampled_from(named), st.integers(0, 4)).map(lambda one: (*one[0], one[1]))
    plan = st.lists(hit, min_size=1, max_size=3, unique_by=lambda one: one[0])
    batch = st.lists(st.tuples(plan, st.integers(1, 5)), min_size=1, max_size=3)
    steps = st.sampled_from((0, 1, 9, 10, 11, 99, 500, 990, 999, 1000, 1010, 9_999, 10_100, 59_000, 60_000, 61_000))
    return draw(st.lists(st.tuples(steps, batch), min_size=1, max_size=12))


def follows_the_model(history: list, decide: Decide, start: int = 1_700_000_000_123) -> None:
    """Whether what is decided is what the definition says, at every step."""
    model, now = Model(), start
    for step, batch in history:
        now += step
        found: Sequence[Decided] = decide(now, [Asked(plan_of(*plan), times) for plan, times in batch])
        for (plan, times), one in zip(batch, found, strict=True):
            first = [model.count(name, quota, now) for name, quota, _ in plan]
            verdicts = [model.ask(plan, now)[0] for _ in range(times)]
            # Those that are alike are let in from the first on, and none after one that is not.
            assert verdicts == [place < one.admitted for place in range(times)]
            assert [before for before, _ in one.counts] == first
            for (name, quota, hits), (_, reset) in zip(plan, one.counts, strict=True):
                assert 0 <= reset <= quota.seconds * 1000 * (SLICES + 1) // SLICES
                if one.admitted < times and not quota.shadow and 0 < hits <= quota.requests:
                    # Whoever waits so long finds room, if nobody comes meanwhile.
                    assert model.count(name, quota, now + reset) + hits <= quota.requests


@given(histories())
def test_memory_counts_as_defined(history: list) -> None:
    clock = [0.0]
    store = MemoryStore(lambda: clock[0])

    def decide(now: int, asked: list[Asked]) -> Sequence[Decided]:
        clock[0] = (now + 0.5) / 1000
        return asyncio.run(store.decide(asked))

    follows_the_model(history, decide)


@given(histories())
def test_no_window_that_slides_ever_holds_more_than_its_quota(history: list) -> None:
    clock = [0.0]
    store = MemoryStore(lambda: clock[0])
    now, let_in = 1_700_000_000_123, {}
    for step, batch in history:
        now += step
        clock[0] = (now + 0.5) / 1000
        for (plan, _), one in zip(
            batch, asyncio.run(store.decide([Asked(plan_of(*plan), times) for plan, times in batch])), strict=True
        ):
            for name, quota, hits in plan:
                let_in.setdefault((name, quota), []).append((now, one.admitted * hits))
    for (_, quota), hits in let_in.items():
        if quota.sliding and not quota.shadow:
            for end, _ in hits:
                within = sum(count for at, count in hits if end - quota.seconds * 1000 < at <= end)
                assert within <= quota.requests


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, RedisServer]]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with asyncio.Runner() as runner:
        context = redis(folder)
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@contextlib.contextmanager
def timed(redis_server: tuple[asyncio.Runner, RedisServer]) -> Iterator[Decide]:
    """Redis with its script as it is, but for the clock: that is the test's, and Redis' own one lets nothing expire."""
    runner, server = redis_server
    script = in_redis._SCRIPT.replace("redis.call('TIME')", "{ARGV[2], ARGV[3]}").replace(
        "'PX', ", "'PX', 100000000 + "
    )
    assert script.count("ARGV[2]") == 1
    assert script.count("100000000") == 2

    class Timed(in_redis.RedisStore):
        now = 0

        async def _run(self, names: tuple[bytes, ...], said: bytes) -> object:
            clock = (str(self.now // 1000), str(self.now % 1000 * 1000 + 500))
            return await self._client.eval(script, len(names), *names, said, *clock)

    store = Timed(server.address, seconds=30)

    def decide(now: int, asked: list[Asked]) -> Sequence[Decided]:
        store.now = now
        return runner.run(store.decide(asked))

    runner.run(store._client.flushall())
    try:
        yield decide
    finally:
        runner.run(store.close())


@settings(max_examples=60)
@given(history=histories())
def test_redis_counts_as_defined(redis_server: tuple[asyncio.Runner, RedisServer], history: list) -> None:
    with timed(redis_server) as decide:
        follows_the_model(history, decide)


# Clocks that jump

HOUR = 3_600_000
JUMPS = st.sampled_from((-24 * HOUR, -HOUR, -60_001, -10_001, -1_001, -999, -50, -1, 1, HOUR))


def bears_a_jump(decide: Decide, quota: Quota, early: int, jump: int) -> None:
    """Wherever the clock is set to: who finds no room finds it when he was told to come again, which is no later than
    two windows on, and a limit lets no more in than before.
    """
    span, now = quota.seconds * 1000, 1_700_000_000_123

    def ask(at: int) -> Decided:
        [found] = decide(at, [Asked(plan_of(("count", quota, 1)), quota.requests + 1)])
        return found

    assert ask(now).admitted == quota.requests
    assert ask(now + early).admitted in (0, quota.requests)
    now += early + jump
    found = ask(now)
    assert found.admitted <= quota.requests
    [(_, reset)] = found.counts
    assert 0 <= reset <= 2 * span * (SLICES + 1) // SLICES
    assert ask(now + reset).admitted > 0
    if -span <= jump <= 0 and early == 0:
        assert found.admitted == 0, "a clock that is put right a little gives nobody another quota"


JUMPING = {
    "quota": st.builds(Quota, st.integers(1, 5), st.sampled_from((1, 10, 60, 86_400)), st.booleans()),
    "early": st.sampled_from((0, 1, 999, 1_000, 30_000)),
    "jump": JUMPS,
}


@given(**JUMPING)
def test_memory_bears_a_clock_that_jumps(quota: Quota, early: int, jump: int) -> None:
    clock = [0.0]
    store = MemoryStore(lambda: clock[0])

    def decide(now: int, asked: list[Asked]) -> Sequence[Decided]:
        clock[0] = (now + 0.5) / 1000
        return asyncio.run(store.decide(asked))

    bears_a_jump(decide, quota, early, jump)


@settings(max_examples=60)
@given(**JUMPING)
def test_redis_bears_a_clock_that_jumps(
    redis_server: tuple[asyncio.Runner, RedisServer], quota: Quota, early: int, jump: int
) -> None:
    with timed(redis_server) as decide:
        bears_a_jump(decide, quota, early, jump)


# What a request meets

KEYS, VALUES = st.sampled_from("ab"), st.sampled_from(("", "1"))
SAID = st.tuples(KEYS, st.sampled_from(("1", "2")))
QUOTA = st.sampled_from((None, Quota(1, 1), Quota(2, 1), Quota(3, 1)))


def descriptors(depth: int) -> st.SearchStrategy[tuple[Descriptor, ...]]:
    below = descriptors(depth - 1) if depth else st.just(())
    one = st.builds(Descriptor, KEYS, VALUES, QUOTA, st.integers(0, 2), st.booleans(), below)
    return st.lists(one, max_size=3, unique_by=lambda found: (found.key, found.value)).map(tuple)


SETS = st.lists(
    st.builds(
        SetDescriptor,
        st.lists(st.tuples(KEYS, VALUES), max_size=2, unique_by=lambda one: one[0]).map(tuple),
        QUOTA,
        st.booleans(),
    ),
    max_size=3,
).map(tuple)
LIMITS = st.lists(st.tuples(descriptors(2), SETS), min_size=1, max_size=3).map(
    lambda all_: [Limits(f"l{at}", "d", tree, sets) for at, (tree, sets) in enumerate(all_)]
)


def told_to_hold(limits: list[Limits], requests: list[tuple[tuple[str, str], ...]]) -> list[list[tuple]]:
    """The definition, by looking at everything: each limit's object, quota and what it counts by."""
    found: list[list[tuple]] = []
    for entries in requests:
        own: list[tuple] = []
        for one in limits:
            if entries[:1] == (SET,):
                has, met = dict(entries[1:]), False
                for candidate in one.sets:
                    fits = all(
                        has.get(key) in ({value} if value else {*has.values()}) for key, value in candidate.entries
                    )
                    if candidate.quota is None or not fits or (met and not candidate.always):
                        continue
                    met = met or not candidate.always
                    key = tuple(sorted((name, has[name]) for name, _ in candidate.entries))
                    own.append((one.name, candidate.quota, ("set", key), None, candidate.always))
                continue
            nodes, node = one.descriptors, None
            for key, value in entries:
                exact = [each for each in nodes if (each.key, each.value) == (key, value)]
                loose = [each for each in nodes if (each.key, each.value) == (key, "")]
                node = next(iter(exact + loose), None)
                nodes = node.descriptors if node else ()
            if node is not None and node.quota is not None:
                own.append((one.name, node.quota, ("tree", entries), node.weight, node.always))
        found.append(own)
    heaviest = max((one[3] for own in found for one in own if one[3] is not None), default=0)
    return [[one for one in own if one[3] is None or one[4] or one[3] == heaviest] for own in found]


@given(LIMITS, st.lists(st.tuples(st.booleans(), st.lists(SAID, min_size=1, max_size=2)), min_size=2, max_size=4))
def test_the_limits_that_hold_are_those_of_the_definition(limits: list[Limits], said: list) -> None:
    requests = [((SET, *dict(entries).items()) if is_set else tuple(entries)) for is_set, entries in said]
    domain = Domain(limits)
    found = holding([domain.matches(entries) for entries in requests])
    wanted = told_to_hold(limits, requests)
    assert [sorted(msgspec.json.encode(one.quota) for one in own) for own in found] == [
        sorted(msgspec.json.encode(one[1]) for one in own) for own in wanted
    ]
    # Two share a count if they are of one object, and count by the same with the same window.
    names = [one.name for own in found for one in own]
    distinct = {(one[0], one[1].seconds, one[2]) for own in wanted for one in own}
    assert len(set(names)) == len(distinct)
