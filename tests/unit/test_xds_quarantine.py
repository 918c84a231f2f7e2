"""Envoy rejects something: it is found, withheld, reported, tried again; and everybody else goes on."""

import pytest
from xds_talk import CLUSTER, LISTENER, ROUTE, Talk, bodies, cluster, key, leaf, origin, whole

from daemun.ir.resource import SCOPE, Part, PartKey, part
from daemun.xds.events import Rejected, Restored
from daemun.xds.marks import mark, marks
from daemun.xds.messages import Response

HEAD = (key(ROUTE, "r"), part("", [leaf("r", "head")]))


def host(name: str, *leaves: tuple[str, str], fallback: str = "500") -> tuple[PartKey, Part]:
    made = [leaf(f"{name}-frame", f"{name}-frame"), *(leaf(o, d, (), f"<{o}-{fallback}>") for o, d in leaves)]
    return key(ROUTE, "r", name), part(name, made, (b"\x12",))


def words(heard: Response | Talk, name: str = "r") -> list[str]:
    """The leaves of a resource, in a response or as the client has it in the end."""
    text = (heard.have if isinstance(heard, Talk) else bodies(heard))[name].decode(errors="replace")
    return [word.partition(">")[0] for word in text.split("<")[1:]]


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.apply(HEAD, host("v", *((f"o{n}", f"o{n}.1") for n in range(20))))
    talk.ask(ROUTE, "r")
    talk.settle()
    talk.session.take_events()
    return talk


def test_one_culprit_among_many_is_found_by_halving(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    heard = talk.settle("o7.2")
    assert len(heard) <= 10
    (rejected,) = talk.events(Rejected)
    assert rejected == Rejected(origin("o7"), ROUTE, "r", "bad")
    expected = [f"o{n}.{1 if n == 7 else 2}" for n in range(20)]
    assert words(talk)[2:] == expected
    assert talk.session.synced()
    assert talk.session.rejections() == [rejected]


def test_a_single_suspect_needs_no_halving_and_the_client_learns_what_it_refuses(talk: Talk) -> None:
    before = talk.have["r"]
    talk.apply(host("v", *((f"o{n}", "bad" if n == 3 else f"o{n}.1") for n in range(20))))
    _, again = talk.settle("bad")
    assert bodies(again) == {"r": before}
    found = marks(again.resources[0].version)
    assert found is not None
    assert found.refused == {mark(b"<bad>")}
    assert len(talk.events(Rejected)) == 1


def test_independent_culprits_are_all_found(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    talk.settle("o2.2", "o3.2", "o19.2")
    assert {event.origin.ref.name for event in talk.events(Rejected)} == {"o2", "o3", "o19"}


def test_of_two_that_clash_one_is_found(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    talk.settle("o2.2+o13.2")
    assert [event.origin.ref.name for event in talk.events(Rejected)] == ["o13"]


def test_without_an_earlier_version_the_fallback_takes_its_place() -> None:
    talk = Talk()
    talk.apply(HEAD, host("v", ("a", "a"), ("b", "b")), host("w", ("c", "c")))
    talk.ask(ROUTE, "r")
    talk.settle("b", "w-frame")
    # Without its frame a part is nothing, and is left out.
    assert words(talk) == ["head", "v-frame", "a", "b-500"]


def test_a_rejection_that_does_not_repeat_leaves_no_trace(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    talk.nack(talk.one())
    talk.settle()
    assert words(talk)[2:] == [f"o{n}.2" for n in range(20)]
    assert talk.events(Rejected) == []
    assert talk.session.synced()


def test_healthy_changes_go_on_during_the_search(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    talk.nack(talk.one())
    test = talk.one()
    talk.apply(host("x", ("fresh", "fresh")))
    talk.nack(test)
    following = words(talk.one())
    assert "fresh" in following
    assert not any(word.endswith(".2") for word in following)


def test_healthy_changes_go_on_beside_a_quarantined_leaf(talk: Talk) -> None:
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.1")))
    talk.settle("bad")
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.2")))
    (response,) = talk.settle("bad")
    assert words(response)[2:] == ["o0.1", "o1.2"]
    assert len(talk.session.rejections()) == 1


def test_a_mended_leaf_is_tried_at_once_and_restored(talk: Talk) -> None:
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.1")))
    talk.settle("bad")
    talk.apply(host("v", ("o0", "worse"), ("o1", "o1.2")))
    talk.settle("bad", "worse")
    assert [event.message for event in talk.events(Rejected)] == ["bad", "bad"]
    talk.apply(host("v", ("o0", "good"), ("o1", "o1.2")))
    talk.settle("bad", "worse")
    assert words(talk)[2:] == ["good", "o1.2"]
    assert talk.events(Restored) == [Restored(origin("o0"), ROUTE, "r")]


@pytest.mark.parametrize("gone", [host("v", ("o1", "o1.1")), host("v", ("o0", "o0.1"), ("o1", "o1.1"))])
def test_a_leaf_that_is_gone_or_as_it_was_is_restored(talk: Talk, gone: tuple[PartKey, Part]) -> None:
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.1")))
    talk.settle("bad")
    talk.apply(gone)
    talk.settle("bad")
    assert talk.events(Restored) == [Restored(origin("o0"), ROUTE, "r")]
    assert talk.session.rejections() == []


def test_a_rejection_is_tried_again_ever_more_seldom(talk: Talk) -> None:
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.1")))
    talk.settle("bad")
    waits = []
    for _ in range(6):
        at = talk.session.subscription(ROUTE).deadline(talk.now)
        assert at is not None
        waits.append(at - talk.now)
        talk.now = at
        talk.settle("bad")
    assert waits == [5, 10, 20, 40, 60, 60]
    assert len(talk.events(Rejected)) == 1
    at = talk.session.subscription(ROUTE).deadline(talk.now)
    assert at is not None
    talk.now = at
    talk.settle()
    assert len(talk.events(Restored)) == 1
    assert talk.session.subscription(ROUTE).deadline(talk.now) is None


def waits(talk: Talk, poison: str, rounds: int) -> list[float]:
    """After how long each time something is tried again that stays wrong."""
    found = []
    for _ in range(rounds):
        at = talk.session.subscription(LISTENER).deadline(talk.now)
        assert at is not None
        found.append(at - talk.now)
        talk.now = at
        (tried,) = talk.poll()
        talk.nack(tried, poison)
    return [round(one, 6) for one in found]


IN_USE = "cannot bind '0.0.0.0:80': Address already in use"


def test_a_port_in_use_is_tried_again_soon() -> None:
    talk = Talk()
    talk.apply(whole(LISTENER, "one", "1"))
    talk.ask(LISTENER)
    talk.nack(talk.one(), IN_USE)
    assert waits(talk, IN_USE, 11) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60]
    assert len(talk.events(Rejected)) == 1


def test_what_is_refused_beside_what_it_takes_away_is_tried_once_more() -> None:
    """Envoy does the removal, and does not close at once what was bound: nobody is to blame."""
    talk = Talk()
    talk.apply(whole(LISTENER, "all", "all"))
    talk.ask(LISTENER)
    talk.settle()
    talk.session.take_events()
    talk.apply((key(LISTENER, "all"), None), whole(LISTENER, "one", "1"))
    both = talk.one()
    assert (set(bodies(both)), both.removed) == ({"one"}, ("all",))
    talk.nack(both, IN_USE)
    again = talk.one()
    assert (bodies(again), again.removed) == ({"one": b"<1>"}, ())
    assert not talk.session.rejections()
    talk.nack(again, IN_USE)
    assert [one.resource for one in talk.session.rejections()] == ["one"]
    assert waits(talk, IN_USE, 2) == [0.1, 0.2]


ITSELF = "error adding listener: 'one' has duplicate address '127.0.0.1:80' as existing listener"


def reopened() -> Talk:
    """A listener whose port has to be closed before it can be what it is to become, and is."""
    talk = Talk()
    talk.apply(whole(LISTENER, "one", "1"))
    talk.ask(LISTENER)
    talk.settle()
    talk.session.take_events()
    talk.apply(whole(LISTENER, "one", "2"))
    talk.nack(talk.one(), ITSELF)
    closed = talk.one()
    assert (bodies(closed), closed.removed) == ({}, ("one",))
    assert talk.poll() == []
    talk.ack(closed)
    return talk


def test_a_listener_that_is_in_its_own_way_is_closed_and_opened_again() -> None:
    talk = reopened()
    for _ in range(3):  # Envoy does not close at once what was bound
        opened = talk.one()
        assert (bodies(opened), opened.removed) == ({"one": b"<2>"}, ())
        talk.nack(opened, IN_USE)
    talk.ack(talk.one())
    assert talk.poll() == []
    assert talk.session.synced()
    assert not talk.events(Rejected)
    talk.apply((key(LISTENER, "one"), None))
    assert talk.one().removed == ("one",)


def test_what_is_refused_then_comes_back_as_it_was_and_is_not_closed_for_the_same_again() -> None:
    talk = reopened()
    talk.nack(talk.one(), "no such option")
    before = talk.one()
    assert (bodies(before), before.removed) == ({"one": b"<1>"}, ())
    talk.ack(before)
    assert [one.message for one in talk.session.rejections()] == ["no such option"]
    assert waits(talk, ITSELF, 2) == [5, 10]
    assert [one.message for one in talk.session.rejections()] == ["no such option"]
    talk.apply(whole(LISTENER, "one", "3"))
    talk.ack(talk.one())  # what it has, without what it refused
    talk.nack(talk.one(), ITSELF)
    talk.ack(talk.one())
    opened = talk.one()
    assert bodies(opened) == {"one": b"<3>"}
    talk.ack(opened)
    assert len(talk.events(Restored)) == 1


def test_a_port_that_another_one_takes_in_between_is_told_and_tried_again() -> None:
    talk = reopened()
    talk.now += 2
    talk.nack(talk.one(), IN_USE)
    talk.nack(talk.one(), IN_USE)
    assert {one.message for one in talk.session.rejections()} == {IN_USE}
    talk.now += 2
    talk.settle()
    assert talk.have == {"one": b"<2>"}
    assert not talk.session.rejections()


def test_a_resource_removed_during_the_search_ends_it(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.2") for n in range(20))))
    talk.nack(talk.one())
    test = talk.one()
    talk.apply((HEAD[0], None), (key(ROUTE, "r", "v"), None))
    talk.nack(test)
    assert [response.removed for response in talk.settle()] == [("r",)]
    assert talk.session.rejections() == []
    assert talk.session.synced()


def test_a_bad_cluster_among_many_is_found_and_the_others_are_there() -> None:
    talk = Talk()
    talk.apply(*(cluster(f"c{n}", f"c{n}.1") for n in range(50)))
    talk.ask(CLUSTER)
    heard = talk.settle("c9.1")
    assert talk.session.synced()
    assert [one.resource for one in talk.session.rejections()] == ["c9"]
    assert {name for response in heard for name in bodies(response)} == {f"c{n}" for n in range(50)}
    talk.apply(cluster("c9", "c9.2"))
    talk.settle("c9.1")
    assert talk.session.rejections() == []


def test_what_envoy_names_is_tested_last() -> None:
    talk = Talk()
    talk.apply(*(whole(LISTENER, f"l{n}x", f"{n}") for n in range(8)))
    talk.ask(LISTENER)
    talk.nack(talk.one(), "Error adding/updating listener(s) l5x: cannot bind '0.0.0.0:80': Address already in use")
    others = talk.one()
    assert len(others.resources) == 7
    talk.ack(others)
    named = talk.one()
    assert bodies(named) == {"l5x": b"<5>"}
    talk.nack(named, "Error adding/updating listener(s) l5x: in use")
    assert talk.poll() == []
    assert [one.message for one in talk.session.rejections()] == ["Error adding/updating listener(s) l5x: in use"]


def test_whoever_asks_for_a_quarantined_resource_learns_that_there_is_none() -> None:
    talk = Talk()
    talk.apply(whole(ROUTE, "r", "bad"))
    talk.ask(ROUTE, "r")
    talk.settle("bad")
    talk.ask(ROUTE, "r")
    assert [response.removed for response in talk.settle("bad")] == [("r",)]
    assert len(talk.session.rejections()) == 1


def test_a_resource_rejected_for_no_leaf_of_its_own_is_frozen(talk: Talk) -> None:
    talk.apply(host("v", *((f"o{n}", f"o{n}.1") for n in range(10))))  # ten leaves fewer, none of them new
    talk.nack(talk.one(), "too few")
    assert talk.poll() == []
    assert talk.session.rejections() == [Rejected(origin("r"), ROUTE, "r", "too few")]
    talk.apply(host("v", *((f"o{n}", f"o{n}.1") for n in range(11))))
    talk.settle()
    assert talk.session.rejections() == []


def test_a_young_session_starts_with_the_known_culprits(talk: Talk) -> None:
    talk.apply(host("v", ("o0", "bad"), ("o1", "o1.2")))
    version = talk.settle("bad")[-1].resources[0].version
    talk.session.close()
    young = Talk(talk.wanted, talk.session)
    young.ask(ROUTE, "r", have={"r": version})
    assert young.poll() == []
    assert len(young.session.rejections()) == 1
    fresh = Talk(talk.wanted, young.session)
    fresh.ask(ROUTE, "r")
    assert words(fresh.one())[2:] == ["o0.1", "o1.2"]


def test_scopes_beside_one_that_was_rejected_are_told_again_as_they_were() -> None:
    """Envoy knows them without serving them, and would take what it knows for old."""
    talk = Talk()
    talk.apply(whole(SCOPE, "a", "a.1"), whole(SCOPE, "b", "b.1"))
    talk.ask(SCOPE)
    talk.settle()
    talk.apply(whole(SCOPE, "a", "a.2"), whole(SCOPE, "b", "b.2"), whole(SCOPE, "c", "c.1"))
    talk.nack(talk.one())
    again = talk.one()
    assert bodies(again) == {"a": b"<a.1>", "b": b"<b.1>"}
    assert again.removed == ("c",)
    talk.ack(again)
    talk.settle("b.2")
    assert talk.have == {"a": b"<a.2>", "b": b"<b.1>", "c": b"<c.1>"}


def test_a_cluster_that_was_rejected_is_told_again_as_it_was() -> None:
    """Envoy may keep it among those that warm up, and answer no response with clusters until that is over."""
    talk = Talk()
    talk.apply(cluster("a", "a.1"))
    talk.ask(CLUSTER)
    talk.settle()
    talk.apply(cluster("a", "a.2"))
    talk.nack(talk.one(), "Error adding/updating cluster(s) a: bad")
    assert bodies(talk.one()) == {"a": b"<a.1>"}


def test_a_cluster_that_came_bad_is_told_to_be_gone() -> None:
    talk = Talk()
    talk.apply(cluster("a"), cluster("b"))
    talk.ask(CLUSTER)
    talk.nack(talk.one(), "Error adding/updating cluster(s) a: no")
    assert talk.one().removed == ("a",)
