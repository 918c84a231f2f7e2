"""F16: routes come and go for long.

It passes when nothing is remembered of those that are gone: not in the collections of the translation and their tables
of reads, not in the xDS server and its sessions, not in the sources. Every entry of every table is counted, so an hour
is not needed to see a leak; `make bench ARGS=churn` shows the memory of the processes over any time.
"""

import functools
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from support.api.fake_api import FakeApi
from support.api.kube_watcher import watching
from support.checks.weight import weights
from support.objects.documents import Doc, exact, gateway, listener, route, rule
from support.scenes.world import World, until

MANY = 150
ROUNDS = 4
FILES = 3
"""Those that stay, and as many that come and go."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    try:
        await made.echo("a")
        made.write("gateway.yaml", gateway("gw", listener(made.port)))
        made.write("route.yaml", route("stays", rule(to="a"), hosts=["stays.example.com"]))
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest.mark.timeout(300)
async def test_nothing_is_remembered_of_routes_that_are_gone(world: World) -> None:
    assert world.app is not None
    translation, source = world.app.plane.translation, world.app._source
    before = Counter[str]()
    edges = [node.edges() for node in translation.graph.nodes if hasattr(node, "edges")]
    for turn in range(ROUNDS):
        for part in range(FILES):
            world.write(f"many-{part}.yaml", *some(part, turn))
        await world.answered_by("a", f"/{turn}", host=f"h{MANY // FILES - 1}-{turn}.example.com")
        await until(lambda: world.app is not None and world.app.plane.complete())
        assert weights(world.app).total() > before.total() + MANY
        for part in range(FILES):
            (world.folder / f"many-{part}.yaml").unlink()
        await world.answers(404, f"/{turn}", host=f"h0-{turn}.example.com")
        await until(lambda: [node.edges() for node in translation.graph.nodes if hasattr(node, "edges")] == edges)
        if not turn:  # now everything has its table
            await until(lambda: len(source.folder.listing.files) == FILES)
            await until(rests(world))
            before = weights(world.app)
        await until(functools.partial(no_more_than, before, world))
    assert (await world.ask("/", host="stays.example.com")).status == 200


def some(part: int, turn: int) -> list[Doc]:
    return [
        route(f"r-{part}-{number}", rule(exact(f"/{turn}"), to="a"), hosts=[f"h{number}-{turn}.example.com"])
        for number in range(MANY // FILES)
    ]


def no_more_than(before: Counter[str], world: World) -> bool:
    """Whether no table has more entries than before."""
    assert weights(world.app) - before == Counter()
    return True


def rests(world: World) -> Callable[[], bool]:
    """Whether what is remembered stays the same from one look to the next."""
    last = [Counter[str]()]

    def same() -> bool:
        before, last[0] = last[0], weights(world.app)
        return before == last[0]

    return same


async def test_a_cluster_s_source_remembers_nothing_of_objects_that_are_gone() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        await watcher.until(lambda: watcher.batches)
        counted = []
        for turn in range(ROUNDS):
            for number in range(MANY):
                api.put("httproutes", f"default/r-{number}-{turn}", route(f"r-{number}-{turn}", rule(to="a")))
            await watcher.until(lambda: len(watcher.names("HTTPRoute")) == MANY)
            for number in range(MANY):
                api.delete("httproutes", f"default/r-{number}-{turn}")
            await watcher.until(lambda: not watcher.names("HTTPRoute"))
            counted.append(weights(watcher.source))
        assert counted[1:] == counted[:1] * (ROUNDS - 1)
