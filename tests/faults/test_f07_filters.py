"""F7, while Envoy rejects a filter: a control plane that starts anew lets those alone that it has."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator

import msgspec
import pytest
from test_f07_restart import said

from daemun.base.digest import digest
from daemun.ir.resource import EXTENSION, Leaf, Part, PartKey
from daemun.serve.server import XdsServer
from daemun.xds.messages import Request, Response
from daemun.xds.session import Session
from support.clients.client import Answer
from support.clients.heard import recorded
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import Load, World, load, until

GOOD, BAD = b"envoy.extensions.filters.http.fault.v3.HTTPFault", b"envoy.extensions.filters.http.fault.v3.HTTPFauIt"
Change = tuple[PartKey, Part | None]


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter that makes faults is none that Envoy knows, for whatever xDS server."""
    whole = XdsServer._apply

    def apply(xds: XdsServer, changes: Iterable[Change]) -> Iterator[None]:
        return whole(xds, [(key, _spoil(key, value)) for key, value in changes])

    monkeypatch.setattr(XdsServer, "_apply", apply)


def _spoil(key: PartKey, value: Part | None) -> Part | None:
    if key.type_url != EXTENSION or value is None:
        return value
    leaves = tuple(_leaf(one) for one in value.leaves)
    if leaves == value.leaves:
        return value
    return msgspec.structs.replace(value, leaves=leaves, digest=digest(*(one.data for one in leaves)))


def _leaf(leaf: Leaf) -> Leaf:
    return msgspec.structs.replace(leaf, data=leaf.data.replace(GOOD, BAD))


def _option(name: str, options: Doc) -> Doc:
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
    meta = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "RouteOption",
        "metadata": meta,
        "spec": {"targetRefs": [target], "options": options},
    }


CSRF = {"csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}}}
FAULTS = {"faults": {"abort": {"percentage": 100, "httpStatus": 418}}}
HOSTS = ["hit.test", "*.wild.test"]
WORDS = ("rejected it", "HTTPFauIt")
_STARTS = 3
"""After so many Envoy has looked at what comes in each of the port's two extensions: it stops at the first bad one."""


@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
async def test_f07_a_filter_that_is_rejected(world: World, spoiled: None, host: str) -> None:
    """What needs it is closed before the restart and after, and what needs another filter has that all the time.

    Envoy acknowledges a filter that it has just rejected, if it is sent once more.
    """
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("csrf.yaml", route("csrf", rule(prefix("/csrf"), to="a"), hosts=HOSTS), _option("csrf", CSRF))
    await world.start()
    world.write("bad.yaml", route("bad", rule(prefix("/bad"), to="a"), hosts=HOSTS), _option("bad", FAULTS))
    await world.problem(*WORDS)
    await world.answers(500, "/bad", host=host)
    await until(lambda: world.app is not None and world.app.plane.xds.synced("default/gw"))

    def forged() -> Awaitable[Answer]:
        return world.ask("/csrf", "POST", host=host, headers={"origin": "other.test"})

    async with load(forged, 0.0) as guarded, load(lambda: world.ask("/bad", host=host), 0.0) as bad:
        with recorded() as responses:
            await world.restart()
            await world.problem(*WORDS)
            await until(lambda: world.app is not None and world.app.plane.xds.synced("default/gw"))
        await guarded.more(20)
        await bad.more(20)
    assert _statuses(guarded) == {403}
    assert _statuses(bad) == {500}
    assert {one.type_url for one in said(responses)} == {EXTENSION}, "only what is refused is tried"


@pytest.fixture
def speechless(monkeypatch: pytest.MonkeyPatch) -> set[Session]:
    """The first streams in which an extension is rejected: nothing is said in them any more."""
    found: set[Session] = set()
    receiving, poll = Session.receiving, Session.poll

    def hear(session: Session, request: Request, now: float) -> Iterator[None]:
        if len(found) < _STARTS and request.type_url == EXTENSION and request.error_detail is not None:
            found.add(session)
        return receiving(session, request, now)

    def say(session: Session, now: float) -> list[Response]:
        return [] if session in found else poll(session, now)

    monkeypatch.setattr(Session, "receiving", hear)
    monkeypatch.setattr(Session, "poll", say)
    return found


async def test_f07_right_after_a_filter_was_rejected(world: World, spoiled: None, speechless: set[Session]) -> None:
    """Nobody knows of it then. The next control plane sends all filters, as it does not know which routes there are;
    and the next ones the same, which Envoy has to look at once more and not just acknowledge.
    """
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    await world.start()
    async with load(lambda: world.ask("/bad", host="x.wild.test"), 0.0) as bad:
        world.write("bad.yaml", route("bad", rule(prefix("/bad"), to="a"), hosts=HOSTS), _option("bad", FAULTS))
        await until(lambda: len(speechless) == 1)
        for start in range(2, _STARTS + 1):
            restarting = asyncio.create_task(world.restart())
            await until(lambda start=start: len(speechless) == start)
            restarting.cancel()
            await asyncio.wait([restarting])
        await world.restart()
        await world.problem(*WORDS)
        await world.answers(500, "/bad", host="x.wild.test")
    assert _statuses(bad) <= {404, 500}


def _statuses(load: Load) -> set[int]:
    assert all(isinstance(one, Answer) for one in load.answers)
    return {one.status for one in load.answers if isinstance(one, Answer)}
