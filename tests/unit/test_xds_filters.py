"""A leaf reaches the client after the filters it needs, which stay as long as it does; it never goes without them."""

import msgspec
import pytest
from xds_talk import ROUTE, Talk, bodies, key, leaf

from daemun.ir.resource import EXTENSION, SINCE, Leaf, Part, PartKey, part
from daemun.xds.leaves import Verdict, choose
from daemun.xds.messages import Encoded
from daemun.xds.session import HOLD


def filters(*families: str, spare: tuple[str, ...] = ()) -> tuple[PartKey, Part]:
    def one(family: str) -> Leaf:
        return msgspec.structs.replace(leaf("x", family), identity=family.encode(), gives=(family,))

    return key(EXTENSION, "x", "f"), part("f", map(one, families), spare=map(one, spare))


def route(data: str, *families: str, whole: str = "", head: bool = False) -> list[tuple[PartKey, Part]]:
    needs = tuple(("x", family) for family in families)
    leaves = [leaf("frame", "frame")]
    if whole:
        leaves.append(msgspec.structs.replace(leaf("host", "host"), filters=(("x", whole),), covers=True))
    leaves.append(msgspec.structs.replace(leaf("a", data, fallback="<closed>"), filters=needs, identity=b"a"))
    leaves.append(leaf("end", "end"))
    first = [(key(ROUTE, "r"), part("", [leaf("r", "head")]))] if head else []
    return [*first, (key(ROUTE, "r", "v"), part("v", leaves))]


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.apply((key(EXTENSION, "x"), part("", [leaf("x", "x")])), filters(), *route("plain", head=True))
    talk.ask(EXTENSION, "x")
    talk.ask(ROUTE, "r")
    talk.settle()
    return talk


def test_a_route_waits_for_its_filter(talk: Talk) -> None:
    talk.apply(filters("cors"), *route("new", "cors"))
    extension = talk.one()
    assert bodies(extension) == {"x": b"<x><cors>"}
    assert not talk.poll()
    talk.ack(extension)
    assert bodies(talk.one()) == {"r": b"<head><frame><new><end>"}


def test_a_filter_stays_until_nothing_needs_it(talk: Talk) -> None:
    talk.apply(filters("cors"), *route("old", "cors"))
    talk.settle()
    talk.apply(filters("csrf"), *route("new", "csrf"))
    both = talk.one()
    assert bodies(both) == {"x": b"<x><cors><csrf>"}
    talk.ack(both)
    routes = talk.one()
    assert bodies(routes) == {"r": b"<head><frame><new><end>"}
    talk.ack(routes)
    assert bodies(talk.one()) == {"x": b"<x><csrf>"}


def test_without_its_filter_a_route_is_closed_in_the_end_and_opens_when_it_comes(talk: Talk) -> None:
    talk.apply((key(ROUTE, "r", "v"), None))
    talk.settle()
    talk.apply(filters("cors"), *route("new", "cors"))
    extension, routes = talk.poll()
    assert bodies(routes) == {"r": b"<head><frame><end>"}
    talk.nack(extension)
    talk.ack(routes)
    talk.settle()
    talk.now += HOLD
    again, routes = talk.poll()
    assert bodies(routes) == {"r": b"<head><frame><closed><end>"}
    talk.nack(again)
    talk.ack(routes)
    talk.settle()
    talk.apply(filters("csrf", "cors"))
    talk.now += 60.0
    talk.settle()
    assert talk.have["r"] == b"<head><frame><new><end>"


def test_what_is_new_on_a_host_waits_with_the_host(talk: Talk) -> None:
    talk.apply((key(ROUTE, "r", "v"), None))
    talk.settle()
    talk.apply(filters("jwt"), *route("new", whole="jwt"))
    extension, routes = talk.poll()
    assert bodies(routes) == {"r": b"<head><frame><end>"}
    talk.ack(extension)
    talk.ack(routes)
    assert bodies(talk.one()) == {"r": b"<head><frame><host><new><end>"}


def guarded(*guards: tuple[str, str, str]) -> list[tuple[PartKey, Part]]:
    """A host with what guards it: whose it is, what it says, and the filter that it needs, if any."""
    leaves = [leaf("frame", "frame")]
    for name, data, family in guards:
        needs = (("x", family),) if family else ()
        leaves.append(msgspec.structs.replace(leaf(name, data, fallback="<closed>"), filters=needs, covers=True))
    return [(key(ROUTE, "r", "v"), part("v", [*leaves, msgspec.structs.replace(leaf("a", "plain"), identity=b"a")]))]


@pytest.mark.parametrize("before", ["p", "q"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_policy_guards_with_all_that_it_asks_for_at_once(talk: Talk, before: str, at: int) -> None:
    """Whether it was another one before, or takes another's place, and whatever of it has to wait."""
    talk.apply(*guarded((before, "other-key", "")))
    talk.settle()
    every = [("p", "good-key", "")]
    every.insert(at, ("p", "token", "jwt"))
    talk.apply(filters("jwt"), *guarded(*every))
    talk.ack(talk.one())
    said = "".join(f"<{data}>" for _, data, _ in every).encode()
    assert bodies(talk.one()) == {"r": b"<head><frame>" + said + b"<plain>"}


@pytest.mark.parametrize("lingers", [("ns",), ()])
def test_what_lingers_is_guarded_as_it_was(lingers: tuple[str, ...]) -> None:
    """Also where nothing of its host waits: it may be for what waits in another one."""
    (_, have), (_, want) = guarded(("p", "key", ""))[0], guarded()[0]
    want = part("v", want.leaves[:1])
    sent = choose("v", want, have, lambda *_: Verdict.SEND, lambda _: False, lambda *_: lingers)
    assert sent is not None
    assert b"".join(leaf.data for leaf in sent.leaves) == (b"<frame><key><plain>" if lingers else b"<frame>")


def test_routes_that_nobody_knows_may_need_any_filter() -> None:
    talk = Talk()
    head = (key(EXTENSION, "x"), part("", [leaf("x", "x")]))
    talk.apply(head, filters("cors", spare=("jwt",)), *route("new", "cors", head=True))
    talk.ask(EXTENSION, "x", have={"x": "of another"})
    talk.ask(ROUTE, "r", have={"r": "of another"})
    extension = talk.one()
    assert bodies(extension) == {"x": b"<x><cors><jwt>"}
    talk.ack(extension)
    routes = talk.one()
    assert bodies(routes) == {"r": b"<head><frame><new><end>"}
    talk.ack(routes)
    assert bodies(talk.one()) == {"x": b"<x><cors>"}


def test_what_was_kept_for_routes_that_there_are_none_of_goes_though_it_was_under_way() -> None:
    talk = Talk()
    talk.apply((key(EXTENSION, "x"), part("", [leaf("x", "x")])), filters("cors", spare=("jwt",)))
    talk.apply(*route("new", "cors", head=True))
    talk.ask(EXTENSION, "x", have={"x": "of another"})
    extension = talk.one()
    assert bodies(extension) == {"x": b"<x><cors><jwt>"}
    talk.ask(ROUTE, "r")
    talk.ack(extension)
    talk.settle()
    assert talk.have["x"] == b"<x><cors>"


def test_while_routes_are_unknown_nothing_is_tried_without_a_filter_that_was_refused() -> None:
    talk = Talk()
    talk.apply((key(EXTENSION, "x"), part("", [leaf("x", "x")])), filters("bad", "cors"))
    talk.apply(*route("new", "bad", head=True))
    talk.ask(EXTENSION, "x", have={"x": "older"})
    talk.ask(ROUTE, "r", have={"r": "older"})
    talk.nack(talk.one())
    heard = [*talk.settle("bad")]
    talk.now += HOLD
    heard += talk.settle("bad")
    routes = next(at for at, one in enumerate(heard) if one.type_url == ROUTE)
    assert bodies(heard[routes]) == {"r": b"<head><frame><closed><end>"}
    assert not any(one.type_url == EXTENSION for one in heard[:routes])
    assert talk.have["x"] == b"<x><cors>"


def test_what_a_client_has_of_a_filter_that_it_refuses_is_taken_back_before_it_gets_the_others() -> None:
    """It asks for the filters only after the routes, and opens when it has both."""
    talk = Talk()
    talk.apply(
        (key(EXTENSION, "x"), part("", [leaf("x", "x")])), filters("cors", "jwt"), *route("new", "jwt", head=True)
    )
    talk.ask(ROUTE, "r")
    talk.settle()
    assert talk.have["r"] == b"<head><frame><new><end>"
    talk.ask(EXTENSION, "x")
    refused: list[bytes] = []
    while "x" not in talk.have:
        for response in talk.poll():
            sent = bodies(response)
            if b"<jwt>" in sent.get("x", b""):
                refused.append(sent["x"])
                talk.nack(response)
            else:
                assert "x" not in sent or talk.have["r"] == b"<head><frame><closed><end>"
                talk.ack(response)
                talk.have.update(sent)
    talk.settle("jwt")
    assert talk.have == {"x": b"<x><cors>", "r": b"<head><frame><closed><end>"}
    assert refused
    talk.apply(filters("cors", "jwt2"), *route("other", "jwt2"))
    talk.settle()
    assert talk.have == {"x": b"<x><cors><jwt2>", "r": b"<head><frame><other><end>"}


def test_an_extension_that_is_refused_is_not_tried_twice_in_a_row(talk: Talk) -> None:
    """Envoy would acknowledge it the second time, and not have it."""
    talk.apply(filters("bad", "cors"), *route("new", "bad"))
    last = b""
    for _ in range(5):
        for response in talk.settle("bad"):
            body = bodies(response).get("x", last)
            assert body != last or response.type_url != EXTENSION
            last = body
        assert talk.have["x"] == b"<x><cors>"
        talk.now += 60.0


def test_what_needs_a_filter_waits_until_a_client_that_comes_back_has_told_which_it_has(talk: Talk) -> None:
    """It tells of routes first, and it may refuse the filter."""
    before = {type_url: _version(talk, type_url, name) for type_url, name in ((EXTENSION, "x"), (ROUTE, "r"))}
    young = Talk(talk.wanted)
    young.apply(filters("cors"), *route("new", "cors"))
    young.ask(ROUTE, "r", have={"r": before[ROUTE]})
    assert young.poll() == []
    young.ask(EXTENSION, "x", have={"x": before[EXTENSION]})
    extension = young.one()
    assert bodies(extension) == {"x": b"<x><cors>"}
    young.ack(extension)
    assert bodies(young.one()) == {"r": b"<head><frame><new><end>"}


def test_what_needs_a_filter_does_not_wait_for_ever_for_what_a_client_that_comes_back_tells(talk: Talk) -> None:
    """It has no listener that asks for filters: the one that will comes with them."""
    young = Talk(talk.wanted)
    young.apply(filters("cors"), *route("new", "cors"))
    young.ask(ROUTE, "r", have={"r": _version(talk, ROUTE, "r")})
    assert young.poll() == []
    young.now += HOLD
    assert bodies(young.one()) == {"r": b"<head><frame><new><end>"}


def _version(talk: Talk, type_url: str, name: str) -> str:
    copy = talk.session.subscription(type_url).client.get(name)
    assert copy is not None
    return copy.version


def test_what_a_client_brought_comes_after_another_start_as_it_has_never_seen_it() -> None:
    """Envoy takes unseen what it has just refused, if it comes once more as it was."""

    def started(have: dict[str, str]) -> Encoded:
        talk = Talk()
        talk.apply((key(EXTENSION, "x"), part("", [leaf("x", SINCE.decode())])), filters("cors"))
        talk.ask(EXTENSION, "x", have=have)
        (found,) = talk.one().resources
        return found

    first, again, fresh = started({"x": "old"}), started({"x": "old"}), started({})
    assert first.version == again.version == fresh.version
    assert len({first.body, again.body, fresh.body}) == 3
    assert fresh.body == b"<0000000000000000><cors>"
