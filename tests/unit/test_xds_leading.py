"""A list of what requests find elsewhere has nothing that is not there."""

from collections.abc import Iterator

import pytest
from msgspec import structs
from xds_talk import CLUSTER, ENDPOINT, Talk, cluster, endpoints, key, whole

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part
from daemun.xds.session import HOLD

GATEWAY = Origin(Ref("", "Test", "infra", "gw"))


def listing(*hosts: str) -> tuple[PartKey, Part]:
    """A list of these hosts."""
    first = Leaf(b"{", GATEWAY, identity=b"list", blank=True)
    leaves = [Leaf(f"{one}.".encode(), GATEWAY, identity=one.encode(), leads=f"~{one}") for one in hosts]
    return key(SCOPE, "rest", "*"), part(
        "*", [first, *leaves], (b"\x12", b"\x1a"), around=((b"before", b""), (b"", b"}"))
    )


def scope(host: str, *needs: str, namespace: str = "ns") -> list[tuple[PartKey, Part]]:
    """The scope of a host, and a route in it."""
    name, own = f"~{host}", Origin(Ref("", "Test", namespace, host))
    begun = Leaf(f"<{host}>".encode(), GATEWAY, blank=True)
    made = part(host, [begun, Leaf(f"to-{needs}".encode(), own, needs, identity=b"/")], (b"\x12",))
    head = part("", [Leaf(name.encode(), GATEWAY, blank=True)])
    return [(key(SCOPE, name), head), (key(SCOPE, name, host), made)]


def gone(host: str) -> list[tuple[PartKey, None]]:
    return [(key(SCOPE, f"~{host}"), None), (key(SCOPE, f"~{host}", host), None)]


@pytest.fixture
def talk() -> Talk:
    """A client that has a list with one host."""
    talk = Talk()
    talk.apply(cluster("old"), endpoints("old"), whole(SCOPE, "rest", "rest"), *scope("a", "old"), listing("a"))
    for type_url in (CLUSTER, SCOPE):
        talk.ask(type_url)
    talk.ask(ENDPOINT, "old")
    talk.settle()
    return talk


def listed(talk: Talk) -> str:
    return talk.have["rest"].partition(b"{")[2].removesuffix(b"}").decode()


def test_a_list_is_a_field_within_others(talk: Talk) -> None:
    assert talk.have["rest"].endswith(b"\x12\x0cbefore\x1a\x04{a.}")


def test_what_is_ready_comes_with_the_list_that_has_it(talk: Talk) -> None:
    talk.apply(*scope("b", "old"), listing("a", "b"))
    (response,) = [one for one in talk.settle() if one.type_url == SCOPE]
    assert {one.name for one in response.resources} == {"~b", "rest"}
    assert listed(talk) == "a.b."


def test_what_waits_is_not_listed_until_it_is_there(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), *scope("b", "new"), *scope("c", "old"), listing("a", "b", "c"))
    talk.settle()
    assert listed(talk) == "a.c."
    assert not talk.session.synced()
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert listed(talk) == "a.b.c."
    assert talk.session.synced()


@pytest.mark.parametrize(("namespace", "stays"), [("ns", True), ("theirs", False)])
def test_what_stays_for_what_waits_stays_listed_and_goes_after_the_list(
    talk: Talk, namespace: str, stays: bool
) -> None:
    talk.apply(cluster("new"), endpoints("new"), *scope("b", "new", namespace=namespace), *gone("a"), listing("b"))
    said = talk.settle()
    assert (listed(talk) == "a.") is stays
    assert ("~a" in [name for one in said for name in one.removed]) is not stays
    talk.ask(ENDPOINT, "new")
    said = talk.settle()
    assert listed(talk) == "b."
    assert talk.session.synced()


def test_nothing_stays_listed_for_ever(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), *scope("b", "new"), *gone("a"), listing("b"))
    talk.settle()
    talk.now += HOLD
    talk.settle()
    assert listed(talk) == "b."


def test_hosts_of_the_resource_itself_are_there_until_all_of_the_list_can_be(talk: Talk) -> None:
    """And so is the list, until they can take its place."""
    own = key(SCOPE, "rest", "a")
    host = part("a", [Leaf(b"<own>", Origin(Ref("", "Test", "ns", "a")), ("old",), identity=b"/")], (b"\x12",))
    slow = part("a", [Leaf(b"<own>", Origin(Ref("", "Test", "ns", "a")), ("new",), identity=b"/")], (b"\x12",))
    talk.apply(cluster("new"), endpoints("new"), (own, slow), (key(SCOPE, "rest", "*"), None), *gone("a"))
    talk.settle()
    assert listed(talk) == "a."
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert talk.have["rest"].endswith(b"<own>")
    talk.apply((own, host))
    talk.settle()
    talk.apply(cluster("newer"), endpoints("newer"), *scope("a", "newer"), (own, None), listing("a"))
    talk.settle()
    assert talk.have["rest"].endswith(b"<own>")
    talk.ask(ENDPOINT, "newer")
    talk.settle()
    assert listed(talk) == "a."
    assert b"<own>" not in talk.have["rest"]


def test_however_many_hosts_go_to_a_list_at_once_it_is_read_as_often_as_for_a_few() -> None:
    assert readings(hosts=64) == readings(hosts=8)


def readings(hosts: int) -> int:
    """How often a list is read when all hosts of its resource go to it."""
    names = [f"h{number}" for number in range(hosts)]
    own = [part(one, [Leaf(b"<own>", Origin(Ref("", "Test", "ns", one)), identity=b"/")], (b"\x12",)) for one in names]
    talk = Talk()
    talk.apply(whole(SCOPE, "rest", "rest"), *zip([key(SCOPE, "rest", one) for one in names], own, strict=True))
    talk.ask(SCOPE)
    talk.settle()
    place, made = listing(*names)
    counted = Counted(made.leaves)
    counted.read = 0
    scopes = [change for one in names for change in scope(one)]
    talk.apply(
        *scopes, *[(key(SCOPE, "rest", one), None) for one in names], (place, structs.replace(made, leaves=counted))
    )
    talk.settle()
    assert listed(talk) == "".join(f"{one}." for one in names)
    return counted.read


class Counted(tuple[Leaf, ...]):  # noqa: SLOT001 - it counts
    """Leaves, and how often all of them are gone through."""

    read: int

    def __iter__(self) -> Iterator[Leaf]:
        self.read += 1
        return super().__iter__()
