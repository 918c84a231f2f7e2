"""A route that lacks nothing, but stands in another resource than those of its object that are to go before it."""

import msgspec
import pytest
from xds_talk import CLUSTER, ENDPOINT, Talk, bodies, cluster, endpoints, key, whole

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part
from daemun.xds.session import HOLD

OBJECT = Origin(Ref("", "Test", "ns", "both"))


def shard(name: str, to: str, below: str, beside: tuple[str, ...] = ()) -> tuple[PartKey, Part]:
    """A scope of one host with a route in it."""
    frame = Leaf(b"<frame>", Origin(Ref("", "Test", "infra", "gw")), blank=True)
    route = Leaf(f"<{below}-to-{to}>".encode(), OBJECT, (to,), identity=below.encode(), below=below, beside=beside)
    return key(SCOPE, name, "host"), part("host", [frame, route], (b"\x12",))


@pytest.fixture
def talk() -> Talk:
    """A client that has a cluster and no routes."""
    talk = Talk()
    talk.apply(cluster("warm"), endpoints("warm"))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "warm")
    talk.ask(SCOPE)
    talk.settle()
    return talk


def sent(talk: Talk) -> dict[str, bytes]:
    """The scopes that are sent and taken, until nothing more is; the new cluster stays unanswered."""
    found: dict[str, bytes] = {}
    while True:
        answered = [one for one in talk.poll() if one.type_url != CLUSTER]
        for one in answered:
            talk.ack(one)
            found |= bodies(one) if one.type_url == SCOPE else {}
        if not answered:
            return found


def test_it_waits_for_what_they_wait_for(talk: Talk) -> None:
    talk.apply(whole(SCOPE, "any", "any"), shard("any", "warm", "/", beside=("cold",)))
    talk.apply(whole(SCOPE, "a", "a"), shard("a", "cold", "/a"), cluster("cold"), endpoints("cold"))
    (coming,) = [one for one in talk.poll() if one.type_url == CLUSTER]
    assert sent(talk) == {}
    talk.ack(coming)
    talk.ask(ENDPOINT, "cold")
    scopes = sent(talk)
    assert scopes.keys() == {"any", "a"}
    assert b"</-to-warm>" in scopes["any"]
    assert b"</a-to-cold>" in scopes["a"]


def test_but_not_longer_than_they_do(talk: Talk) -> None:
    talk.apply(whole(SCOPE, "any", "any"), shard("any", "warm", "/", beside=("cold",)))
    talk.apply(whole(SCOPE, "a", "a"), shard("a", "cold", "/a"), cluster("cold"), endpoints("cold"))
    assert sent(talk) == {}
    talk.now += HOLD
    assert sent(talk).keys() == {"any", "a"}


def test_one_that_is_there_changes_at_once(talk: Talk) -> None:
    talk.apply(whole(SCOPE, "any", "any"), shard("any", "warm", "/"))
    assert sent(talk).keys() == {"any"}
    of, value = shard("any", "warm", "/", beside=("cold",))
    frame, route = value.leaves
    changed = part("host", [frame, msgspec.structs.replace(route, data=b"<other>")], value.tags)
    talk.apply((of, changed), cluster("cold"), endpoints("cold"))
    assert b"<other>" in sent(talk)["any"]


def test_nor_for_a_cluster_that_the_client_refuses(talk: Talk) -> None:
    talk.apply(cluster("bad"))
    talk.settle("bad")
    talk.apply(whole(SCOPE, "any", "any"), shard("any", "warm", "/", beside=("bad",)))
    assert sent(talk).keys() == {"any"}
