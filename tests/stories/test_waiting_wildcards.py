"""Many wildcards, of which one waits for its backend: until that is ready, requests are answered as before."""

from collections.abc import Iterator

import pytest

from support.objects.documents import Doc, gateway, listener, route, rule, to_upstream
from support.scenes.world import World, load
from support.servers.slow import Slow
from support.worlds.crowds import thresholds

HOST = "x.deep.wild.example"


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two wildcards are many, and who waits does so for long."""
    monkeypatch.setattr("daemun.serve.server.HOLD", 240.0)
    with thresholds(hosts=1):
        yield


async def _begin(world: World, *hostnames: str) -> Slow:
    """Wildcards with a backend `a`; the last of them has `b`. Returns a backend that is not ready yet."""
    await world.echo("a", "b")
    slow = Slow("slow")
    await slow.start()
    world.closing(slow.stop)
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    for name in hostnames[:-1]:
        world.write(f"{name[2:]}.yaml", route(name[2:], rule(to="a"), hosts=[name]))
    world.write("moving.yaml", route("moving", rule(to="b"), hosts=[hostnames[-1]]))
    await world.start()
    await world.answered_by("b", host=hostnames[-1].replace("*", "x.deep"))
    return slow


def _to(slow: Slow, *hostnames: str) -> list[Doc]:
    """The route with hostnames to a backend that is not ready yet."""
    return [slow.upstream(), route("moving", rule(to=[to_upstream("slow")]), hosts=hostnames)]


async def _moved(world: World, slow: Slow, before: str, *hostnames: str) -> None:
    """Move the route there, and see that requests are answered by who did before, and then by it."""
    async with load(lambda: world.ask(host=HOST)) as asked:
        world.write("moving.yaml", *_to(slow, *hostnames))
        await slow.asked.wait()
        await asked.more(50)
        assert {getattr(one, "backend", one) for one in asked.answers} == {before}
        slow.ready.set()
        await world.answered_by("slow", host=HOST)
        await asked.more(5)
    assert not asked.failed()


@pytest.mark.asyncio
@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("*.other.example", "*.wild.example"), ("*.deep.wild.example", "*.wild.example"), id="comes"),
        pytest.param(("*.other.example", "*.wild.example"), ("*.example",), id="gives way to a wider one"),
        pytest.param(("*.wild.example", "*.deep.wild.example"), (HOST,), id="gives way to an exact host"),
        pytest.param(("*.wild.example",), ("*.deep.wild.example", "*.other.example"), id="makes them many"),
        pytest.param(("*.other.example", "*.wild.example"), ("*.deep.wild.example",), id="gives way to a narrower one"),
    ],
)
async def test_a_wildcard_that_moves(world: World, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    slow = await _begin(world, *before)
    await _moved(world, slow, "b", *after)
