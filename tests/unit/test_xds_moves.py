"""A host that gives way to another one, such as a wildcard, stays until that can answer."""

import pytest
from xds_talk import CLUSTER, ENDPOINT, Talk, cluster, endpoints, key, whole

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part
from daemun.xds.messages import Response
from daemun.xds.session import HOLD


def host(resource: str, name: str, *needs: str, namespace: str = "ns") -> tuple[PartKey, Part]:
    """A host that answers with nothing of its own, and a route in it."""
    own = Origin(Ref("", "Test", namespace, name))
    frame = Leaf(f"<{name}>".encode(), own, identity=b"frame")
    to = f"<to-{','.join(needs)}>".encode()
    return key(SCOPE, resource, name), part(name, [frame, Leaf(to, own, needs, identity=b"/")])


@pytest.fixture
def talk() -> Talk:
    """A client that has a wildcard and an exact host, which is not wanted any more."""
    talk = Talk()
    talk.apply(cluster("old"), endpoints("old"), whole(SCOPE, "rest", "rest"))
    talk.apply(whole(SCOPE, "exact", "exact"), host("exact", "host", "old"))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "old")
    talk.ask(SCOPE)
    talk.settle()
    talk.apply((key(SCOPE, "exact"), None), (key(SCOPE, "exact", "host"), None), cluster("new"), endpoints("new"))
    return talk


def removals(responses: list[Response]) -> list[tuple[str, ...]]:
    return [one.removed for one in responses if one.type_url == SCOPE and one.removed]


def test_an_exact_host_stays_until_the_endpoints_of_what_takes_its_place_are_there(talk: Talk) -> None:
    talk.apply(host("rest", "wild", "new"))
    assert removals(talk.settle()) == [], "the cluster was acknowledged, but is not warm"
    talk.ask(ENDPOINT, "new")
    assert removals(talk.settle()) == [("exact",)]
    assert b"<to-new>" in talk.have["rest"]


def test_it_does_not_wait_for_what_is_of_another_namespace(talk: Talk) -> None:
    talk.apply(host("rest", "wild", "new", namespace="elsewhere"))
    assert removals(talk.settle()) == [("exact",)]


def test_it_does_not_stay_for_ever(talk: Talk) -> None:
    talk.apply(host("rest", "wild", "new"))
    talk.settle()
    talk.now += HOLD
    assert removals(talk.settle()) == [("exact",)]


def test_what_waited_itself_when_it_went_is_not_in_its_own_way(talk: Talk) -> None:
    talk.apply(whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    assert [one.type_url for one in talk.settle()] == [CLUSTER]
    talk.apply((key(SCOPE, "exact"), None), (key(SCOPE, "exact", "host"), None))
    assert removals(talk.settle()) == [("exact",)]
