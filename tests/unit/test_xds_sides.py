"""No client has leaves of both sides of something: hosts that are quiet, and a listener that wants them to speak."""

import msgspec
import pytest
from xds_talk import LISTENER, Talk, bodies, key, leaf

from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, Side, part
from daemun.xds.session import HOLD

SIDE = Side("filters", on=True)


def listener(*, on: bool) -> tuple[PartKey, Part]:
    one = leaf("l", "on" if on else "off")
    return key(LISTENER, "l"), part("", [msgspec.structs.replace(one, side=SIDE) if on else one])


def host(name: str, *, quiet: bool, data: str = "") -> list[tuple[PartKey, Part]]:
    says = leaf(name, "" if quiet else "says", fallback="<says>" if quiet else "")
    says = msgspec.structs.replace(says, data=b"" if quiet else says.data, identity=b"s")
    switch: Leaf = msgspec.structs.replace(says, side=SIDE.other) if quiet else says
    return [
        (key(SCOPE, name), part("", [leaf(name, "head")])),
        (key(SCOPE, name, "v"), part("v", [leaf(name, data or name), switch])),
    ]


def without(name: str) -> list[tuple[PartKey, Part | None]]:
    return [(key(SCOPE, name), None), (key(SCOPE, name, "v"), None)]


def begun(*, on: bool) -> Talk:
    talk = Talk()
    talk.apply(listener(on=on), *host("a", quiet=not on), *host("b", quiet=not on))
    talk.ask(LISTENER)
    talk.ask(SCOPE)
    talk.settle()
    return talk


def test_a_listener_waits_for_all_hosts() -> None:
    talk = begun(on=False)
    assert talk.have == {"l": b"<off>", "a": b"<head><a>", "b": b"<head><b>"}
    talk.apply(*host("a", quiet=False))
    first = talk.one()
    talk.apply(listener(on=True), *host("b", quiet=False))
    assert not talk.poll()  # the answer is under way
    talk.ack(first)
    second = talk.one()
    assert bodies(second) == {"b": b"<head><b><says>"}
    talk.ack(second)
    assert bodies(talk.one()) == {"l": b"<on>"}


def test_it_never_comes_before_them() -> None:
    talk = begun(on=False)
    talk.apply(listener(on=True), *host("a", quiet=False), *host("b", quiet=False, data="bad"))
    talk.settle("bad")
    assert talk.have["b"] == b"<head><b><says>"  # what was refused is as it was, but it speaks
    assert talk.have["l"] == b"<on>"


def test_while_a_host_cannot_be_changed_it_waits() -> None:
    talk = begun(on=False)
    talk.apply(listener(on=True), *host("a", quiet=False), *host("b", quiet=False))
    for _ in range(3):
        talk.settle("b")
        talk.now += HOLD
    assert talk.have == {"l": b"<off>", "a": b"<head><a><says>", "b": b"<head><b>"}
    talk.apply(*without("b"))
    talk.settle()
    assert talk.have["l"] == b"<on>"


def test_for_a_host_that_is_removed_it_waits_no_longer_than_for_others() -> None:
    talk = begun(on=False)
    talk.apply(listener(on=True), *host("a", quiet=False), *without("b"))
    talk.settle()
    assert talk.have["l"] == b"<on>"


def test_hosts_speak_until_it_is_gone() -> None:
    talk = begun(on=True)
    assert talk.have == {"l": b"<on>", "a": b"<head><a><says>", "b": b"<head><b><says>"}
    talk.apply(listener(on=False), *host("a", quiet=True), *host("b", quiet=True), *host("c", quiet=True))
    routes, gone = talk.poll()
    assert bodies(routes) == {"c": b"<head><c><says>"}  # a new one does not wait
    assert bodies(gone) == {"l": b"<off>"}
    talk.ack(routes)
    assert not talk.poll()
    talk.ack(gone)
    assert bodies(talk.one()) == {name: b"<head><%b>" % name.encode() for name in "abc"}


def test_a_listener_that_is_refused_keeps_them_speaking() -> None:
    talk = begun(on=True)
    talk.apply(listener(on=False), *host("a", quiet=True), *host("c", quiet=True))
    for _ in range(3):
        talk.settle("off")
        talk.now += HOLD
    assert talk.have == {name: b"<head><%b><says>" % name.encode() for name in "abc"} | {"l": b"<on>"}


@pytest.mark.parametrize("learns", [True, False])
def test_hosts_that_nobody_knows_are_changed_first(learns: bool) -> None:
    before = begun(on=False)
    talk = Talk(elder=before.session if learns else None)
    talk.apply(listener(on=True), *host("a", quiet=False), *host("b", quiet=False))
    versions = {one: before.session.subscription(SCOPE).client.open(one).version for one in "ab"}
    listeners = {"l": before.session.subscription(LISTENER).client.open("l").version}
    talk.ask(LISTENER, have=listeners)
    assert talk.poll() == [], "it has not told yet which hosts it has"
    talk.ask(SCOPE, have=versions)
    first = talk.one()
    assert bodies(first) == {"a": b"<head><a><says>", "b": b"<head><b><says>"}
    talk.ack(first)
    assert bodies(talk.one()) == {"l": b"<on>"}


def test_who_tells_of_no_hosts_has_none() -> None:
    before = begun(on=False)
    talk = Talk()
    talk.apply(listener(on=True))
    talk.ask(LISTENER, have={"l": before.session.subscription(LISTENER).client.open("l").version})
    assert talk.poll() == []
    assert talk.session.deadline(talk.now) == talk.now + HOLD
    talk.now += HOLD
    assert bodies(talk.one()) == {"l": b"<on>"}
