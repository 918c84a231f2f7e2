"""Envoy answers nothing about clusters while one of them warms up: the others do not wait for that."""

import msgspec
from xds_talk import CLUSTER, ENDPOINT, LISTENER, ROUTE, Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.ir.resource import Part, PartKey, part
from daemun.xds.events import Acked, Rejected
from daemun.xds.flight import MOST_OVERTAKEN, OVERTAKE, PATIENCE
from daemun.xds.messages import Response
from daemun.xds.session import HOLD


def late(name: str, data: str = "") -> tuple[PartKey, Part]:
    """A cluster that is warm when its hosts have said whether they are healthy."""
    return key(CLUSTER, name), part("", [msgspec.structs.replace(leaf(name, data or name), late=True)])


def host(*leaves: tuple[str, tuple[str, ...]]) -> tuple[PartKey, Part]:
    return key(ROUTE, "r", "v"), part("v", [leaf("frame", "frame"), *(leaf(name, name, to) for name, to in leaves)])


def begun() -> tuple[Talk, Response]:
    """A client that has everything, but for a cluster that it does not answer."""
    talk = Talk()
    talk.apply(cluster("old"), endpoints("old"), whole(ROUTE, "r", "head"), host(("a", ("old",))))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "old")
    talk.ask(ROUTE, "r")
    talk.ask(LISTENER)
    talk.settle()
    talk.now += HOLD
    talk.apply(late("slow"), endpoints("slow"))
    unanswered = talk.one()
    assert bodies(unanswered) == {"slow": b"<slow>"}
    talk.ask(ENDPOINT, "slow")
    talk.ack(talk.one())
    return talk, unanswered


def overtaken(talk: Talk) -> Response:
    """The clusters that are sent as soon as they may be; all else is answered."""
    assert clusters_of(talk) == []
    assert talk.session.deadline(talk.now) == talk.now + OVERTAKE
    talk.now += OVERTAKE
    (clusters,) = clusters_of(talk)
    return clusters


def clusters_of(talk: Talk) -> list[Response]:
    """The clusters that are sent; all else is answered."""
    found = []
    for response in talk.poll():
        if response.type_url == CLUSTER:
            found.append(response)
        else:
            talk.ack(response)
    return found


def test_a_new_cluster_overtakes_and_its_endpoints_say_that_it_is_warm() -> None:
    talk, unanswered = begun()
    talk.apply(cluster("new"), endpoints("new"), host(("b", ("new",))))
    further = overtaken(talk)
    assert bodies(further) == {"new": b"<new>"}
    talk.ask(ENDPOINT, "new")
    talk.ack(talk.one())
    routes = talk.one()
    assert b"<b>" in bodies(routes)["r"], "its cluster was not acknowledged, but is warm"
    talk.ack(routes)
    assert not talk.session.synced()
    talk.ack(unanswered)
    talk.ack(further)
    talk.settle()
    assert talk.session.synced()


def test_a_route_waits_for_a_late_cluster_though_it_has_endpoints() -> None:
    talk, unanswered = begun()
    talk.apply(host(("b", ("slow",))))
    talk.settle()
    assert b"<b>" not in talk.have["r"]
    talk.ack(unanswered)
    talk.settle()
    assert b"<b>" in talk.have["r"]


def test_what_is_not_answered_is_sent_anew_when_it_changes_and_its_old_answer_counts_for_nothing() -> None:
    talk, unanswered = begun()
    talk.apply(late("slow", "mended"))
    second = overtaken(talk)
    assert bodies(second) == {"slow": b"<mended>"}
    talk.events(Acked)
    talk.nack(unanswered)
    assert (talk.events(Rejected), talk.session.rejections()) == ([], [])
    talk.ack(second)
    talk.settle()
    assert talk.session.synced()


def test_one_that_is_not_answered_is_removed_and_comes_back() -> None:
    talk, unanswered = begun()
    talk.apply((key(CLUSTER, "slow"), None), (key(ENDPOINT, "slow"), None))
    removal = overtaken(talk)
    assert removal.removed == ("slow",)
    talk.apply(late("slow"), endpoints("slow"))
    again = overtaken(talk)
    assert bodies(again) == {"slow": b"<slow>"}, "though the removal was not answered either"
    for response in (unanswered, removal, again):
        talk.ack(response)
    talk.settle()
    assert talk.session.synced()


def test_a_removal_that_was_overtaken_and_lost_is_said_again() -> None:
    talk, unanswered = begun()
    talk.ack(unanswered)
    talk.settle()
    talk.apply((key(CLUSTER, "slow"), None), (key(ENDPOINT, "slow"), None))
    (lost,) = clusters_of(talk)
    assert lost.removed == ("slow",)
    talk.apply(cluster("new"))
    talk.ack(overtaken(talk))
    assert not talk.session.synced()
    talk.now += PATIENCE
    (again,) = clusters_of(talk)
    assert again.removed == ("slow",)
    talk.ack(again)
    talk.settle()
    assert talk.session.synced()


def test_a_late_rejection_blames_what_was_in_that_response() -> None:
    talk, unanswered = begun()
    talk.apply(cluster("bad"))
    bad = overtaken(talk)
    talk.apply(cluster("good"))
    good = overtaken(talk)
    talk.ack(unanswered)
    talk.nack(bad, "it is bad")
    talk.ack(good)
    assert [(one.resource, one.message) for one in talk.session.rejections()] == [("bad", "it is bad")]


def test_a_late_rejection_does_not_blame_what_came_with_something_that_was_sent_anew_since() -> None:
    talk, unanswered = begun()
    talk.apply(late("good"), late("bad"))
    together = overtaken(talk)
    talk.apply(late("bad", "mended"))
    mended = overtaken(talk)
    assert bodies(mended) == {"bad": b"<mended>"}
    talk.session.take_events()
    for response in (unanswered, mended):
        talk.ack(response)
    talk.nack(together, "Error adding/updating cluster(s) bad: it is bad")
    talk.settle()
    assert not talk.events(Rejected)
    assert talk.session.synced()


def test_who_says_nothing_is_not_sent_more_and_more() -> None:
    talk, _ = begun()
    for number in range(MOST_OVERTAKEN):
        talk.apply(cluster(f"new-{number}"))
        overtaken(talk)
    talk.apply(cluster("one more"))
    talk.now += OVERTAKE
    assert talk.poll() == []
    talk.leave(ROUTE, "nothing")
    assert bodies(talk.one()) == {"one more": b"<one more>"}, "it is alive"


def test_nothing_else_overtakes() -> None:
    talk, _ = begun()
    talk.apply(whole(LISTENER, "a", "a"))
    talk.one()
    talk.apply(whole(LISTENER, "b", "b"))
    talk.now += PATIENCE - OVERTAKE
    assert talk.poll() == []


def test_a_route_goes_though_clusters_are_not_answered() -> None:
    talk, _ = begun()
    talk.now += OVERTAKE
    talk.apply((key(ROUTE, "r"), None), (key(ROUTE, "r", "v"), None))
    assert [one.removed for one in talk.poll()] == [("r",)]


def test_a_client_that_starts_gets_what_is_late_after_all_else_and_its_listeners_in_time() -> None:
    talk = Talk()
    talk.apply(late("slow"), cluster("prompt"), endpoints("prompt"), whole(LISTENER, "l", "l"))
    talk.ask(CLUSTER)
    first = talk.one()
    assert bodies(first) == {"prompt": b"<prompt>"}
    talk.ack(first)
    talk.ask(LISTENER)
    assert bodies(talk.one()) == {"slow": b"<slow>"}
    assert talk.session.deadline(talk.now) == talk.now + HOLD
    talk.now += HOLD
    assert bodies(talk.one()) == {"l": b"<l>"}


def test_a_client_that_starts_and_has_only_what_is_late_is_greeted() -> None:
    talk = Talk()
    talk.apply(late("slow"), whole(LISTENER, "l", "l"))
    talk.ask(CLUSTER)
    greeting = talk.one()
    assert greeting.resources == ()
    talk.ack(greeting)
    assert talk.poll() == []
    talk.ask(LISTENER)
    slow = talk.one()
    assert bodies(slow) == {"slow": b"<slow>"}
    assert talk.poll() == []
    talk.ack(slow)
    assert bodies(talk.one()) == {"l": b"<l>"}, "as soon as all are there"


def test_a_client_that_starts_is_told_of_late_clusters_when_it_asks_for_listeners() -> None:
    """Until then it waits for all clusters that it has been sent, though it has acknowledged them."""
    talk = Talk()
    talk.apply(cluster("a"), endpoints("a"), late("slow"))
    talk.ask(CLUSTER)
    first = talk.one()
    assert bodies(first) == {"a": b"<a>"}
    talk.ack(first)
    talk.ask(ENDPOINT, "a")
    endpoints_of_a = talk.one()
    assert endpoints_of_a.type_url == ENDPOINT
    talk.now += HOLD
    assert talk.poll() == [], "an answer is under way"
    talk.ack(endpoints_of_a)
    talk.ask(LISTENER)
    assert {"slow": b"<slow>"} in map(bodies, talk.poll())


def test_a_client_that_asks_for_no_listeners_is_told_of_late_clusters_all_the_same() -> None:
    talk = Talk()
    talk.apply(cluster("a"), late("slow"))
    talk.ask(CLUSTER)
    talk.ack(talk.one())
    assert talk.poll() == []
    assert talk.session.deadline(talk.now) == talk.now + HOLD
    talk.now += HOLD
    assert bodies(talk.one()) == {"slow": b"<slow>"}


def test_a_client_that_starts_and_rejects_is_told_what_it_rejected_though_a_late_cluster_has_to_wait() -> None:
    talk = Talk()
    talk.apply(cluster("bad"), cluster("good"), late("slow"))
    talk.ask(CLUSTER)
    heard = talk.settle("bad")
    assert {name: body for one in heard for name, body in bodies(one).items()} == {"bad": b"<bad>", "good": b"<good>"}
    assert [found.origin.ref.name for found in talk.session.rejections()] == ["bad"]
    talk.ask(LISTENER)
    assert any("slow" in bodies(response) for response in talk.settle("bad"))
