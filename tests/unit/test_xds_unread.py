"""What is kept for a client that reads nothing: of what comes and goes meanwhile, nothing."""

import pytest
from xds_talk import CLUSTER, ENDPOINT, ROUTE, Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.ir.resource import Part, PartKey, encode, part
from daemun.xds.messages import Response
from support.checks.weight import weights

Changes = list[tuple[PartKey, Part | None]]


@pytest.fixture
def talk() -> Talk:
    """It has a cluster and a host."""
    talk = Talk()
    talk.apply(cluster("c"), endpoints("c"), whole(ROUTE, "r", "r"), host("first"))
    for type_url in (CLUSTER, ROUTE):
        talk.ask(type_url)
    talk.ask(ENDPOINT, "c")
    talk.settle()
    return talk


def unread(talk: Talk) -> list[Response]:
    """One of each type that it does not read."""
    talk.apply(cluster("c", "c2"), endpoints("c", "e2"), host("second"))
    responses = talk.poll()
    assert {one.type_url for one in responses} == {CLUSTER, ENDPOINT, ROUTE}
    return responses


def host(name: str, data: str = "") -> tuple[PartKey, Part]:
    return key(ROUTE, "r", name), part(name, [leaf(name, data or name)], (b"\x12",))


@pytest.mark.parametrize("polled", [False, True], ids=["while it is written to", "while it is waited for"])
def test_of_what_comes_and_goes_meanwhile_nothing_is_kept(talk: Talk, polled: bool) -> None:
    responses, before = unread(talk), None
    for turn in range(20):
        passing: Changes = [cluster(f"c{turn}"), endpoints(f"c{turn}"), host(f"h{turn}"), whole(ROUTE, f"r{turn}", "r")]
        talk.apply(*passing)
        if polled:
            assert talk.poll() == []
        talk.apply(*[(one, None) for one, _ in passing])
        before = before or weights(talk.session)
        assert weights(talk.session) - before == {}
    for one in responses:
        talk.ack(one)
    assert talk.settle() == []
    assert talk.session.synced()


def test_what_is_under_way_and_gone_meanwhile_is_taken_back(talk: Talk) -> None:
    responses = unread(talk)
    talk.apply((key(ROUTE, "r", "second"), None))
    for one in responses:
        talk.ack(one)
    talk.settle()
    assert talk.have["r"] == b"<r>" + encode(host("first")[1])
    copy = talk.session.subscription(ROUTE).client.get("r")
    assert copy is not None
    assert copy.parts.keys() == {"", "first"}


def test_of_what_changes_again_and_again_the_newest_is_sent(talk: Talk) -> None:
    responses, before = unread(talk), None
    for turn in range(20):
        talk.apply(cluster("c", f"c.{turn}"), host("first", f"h.{turn}"))
        before = before or weights(talk.session)
        assert weights(talk.session) - before == {}
    for one in responses:
        talk.ack(one)
    said = [bodies(one) for one in talk.settle()]
    assert [one.get("r", b"").count(b"h.19") for one in said if "r" in one] == [1]
