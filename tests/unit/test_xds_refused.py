"""A control plane that starts anew learns from its clients what they refuse, and leaves the rest of it alone."""

import pytest
from test_xds_quarantine import HEAD, host, words
from xds_talk import CLUSTER, ROUTE, Talk, cluster, endpoints, key, leaf, origin

from daemun.ir.resource import EXTENSION, SCOPE, Leaf, Part, PartKey, part
from daemun.xds.events import Rejected
from daemun.xds.marks import MOST, mark, marked, marks, plain, same
from daemun.xds.quarantine import FIRST_RETRY
from daemun.xds.session import HOLD

GOOD = [(f"o{n}", f"o{n}.1") for n in range(20)]
Change = tuple[PartKey, Part | None]


def talk_of(*changes: Change, poison: str = "bad") -> Talk:
    """A client that has all of it, as far as it takes it."""
    talk = Talk()
    talk.apply(HEAD, *changes)
    talk.ask(ROUTE, "r")
    talk.settle(poison)
    return talk


def anew(before: Talk, *changes: Change) -> Talk:
    """It connects to a control plane that has just started, where this has changed."""
    young = Talk()
    young.apply(*((PartKey("p", t, n, p), v) for t in (CLUSTER, ROUTE, EXTENSION) for n, p, v in _parts(before, t)))
    young.apply(*changes)
    young.have = dict(before.have)
    return young


def _parts(talk: Talk, type_url: str) -> list[tuple[str, str, Part]]:
    every = talk.wanted.of_type(type_url)
    return [(name, place, value) for name, resource in every.items() for place, value in resource.parts.items()]


def brings(young: Talk, before: Talk) -> None:
    copy = before.session.subscription(ROUTE).client.get("r")
    assert copy is not None
    young.ask(ROUTE, "r", have={"r": copy.version})


@pytest.fixture
def closed() -> Talk:
    """A leaf came bad: its fallback stands there."""
    return talk_of(host("v", ("new", "bad"), *GOOD))


@pytest.fixture
def kept() -> Talk:
    """A leaf has become bad: it is as it was."""
    talk = talk_of(host("v", ("old", "old.1"), *GOOD))
    talk.apply(host("v", ("old", "bad"), *GOOD))
    talk.settle("bad")
    return talk


@pytest.mark.parametrize("case", ["closed", "kept"])
def test_nothing_goes_but_a_test_of_what_is_refused(case: str, request: pytest.FixtureRequest) -> None:
    before: Talk = request.getfixturevalue(case)
    young = anew(before)
    brings(young, before)
    test = young.one()
    assert words(test)[2:] == ["bad", *(data for _, data in GOOD)]
    assert not young.session.synced(), "what is refused is not told yet"
    young.nack(test)
    assert young.poll() == []
    assert young.session.synced()
    assert young.events(Rejected) == [Rejected(origin("new" if case == "closed" else "old"), ROUTE, "r", "bad")]
    for _ in range(2):  # it is tried again, and nothing else follows
        at = young.session.subscription(ROUTE).deadline(young.now)
        assert at is not None
        young.now = at
        assert len(young.settle("bad")) == 1


def test_what_is_good_by_now_is_restored(kept: Talk) -> None:
    young = anew(kept)
    brings(young, kept)
    young.settle()
    assert words(young)[2:] == ["bad", *(data for _, data in GOOD)]
    assert young.session.rejections() == []
    assert young.session.synced()


def test_what_is_not_known_goes_when_something_beside_it_changes(kept: Talk) -> None:
    young = anew(kept)
    brings(young, kept)
    young.nack(young.one())
    young.apply(host("x", ("fresh", "fresh")))
    assert words(young.one())[2:] == ["old-500", *(data for _, data in GOOD), "x-frame", "fresh"]


@pytest.mark.parametrize("case", ["closed", "kept"])
def test_what_has_changed_meanwhile_is_served_at_once(case: str, request: pytest.FixtureRequest) -> None:
    before: Talk = request.getfixturevalue(case)
    name = "new" if case == "closed" else "old"
    young = anew(before, host("v", (name, "bad"), ("o0", "o0.2"), *GOOD[1:]))
    brings(young, before)
    first = young.one()
    assert words(first)[2:] == [f"{name}-500", "o0.2", *(data for _, data in GOOD[1:])]
    young.ack(first)
    young.nack(young.one())
    assert young.poll() == []
    assert len(young.session.rejections()) == 1


def test_what_was_mended_meanwhile_is_served(kept: Talk) -> None:
    young = anew(kept, host("v", ("old", "good"), *GOOD))
    brings(young, kept)
    young.settle("bad")
    assert words(young)[2:] == ["good", *(data for _, data in GOOD)]
    assert young.session.rejections() == []


def test_it_may_be_as_it_was_again(kept: Talk) -> None:
    """What the client has needs no new version: it is good."""
    kept.apply(host("v", ("old", "old.1"), *GOOD))
    assert kept.settle("bad") == []
    young = anew(kept)
    young.ask(ROUTE, "r", have={"r": marked(young.wanted.of_type(ROUTE)["r"].version, "0", [b"<bad>"])})
    assert young.poll() == []
    assert young.session.synced()


def test_several_are_each_tested(kept: Talk) -> None:
    kept.apply(host("w", ("p", "bad")))
    kept.settle("bad")
    young = anew(kept)
    brings(young, kept)
    heard = young.settle("bad")
    assert len(heard) == 2
    assert words(young) == words(kept)
    assert len(young.session.rejections()) == 2


def test_several_that_nothing_stands_in_for_are_served_when_they_are_good() -> None:
    def bare(name: str, data: str) -> Change:
        return key(ROUTE, "r", name), part(name, [leaf(name, name), leaf(f"{name}-own", data)], (b"\x12",))

    before = talk_of(bare("v", "v.1"), bare("w", "w.1"))
    before.apply(bare("v", "bad"), bare("w", "worse"))
    before.settle("bad", "worse")
    young = anew(before)
    brings(young, before)
    young.settle("bad", "worse")
    young.now += FIRST_RETRY
    young.settle()
    assert words(young) == ["head", "v", "bad", "w", "worse"]
    assert young.session.synced()


def test_the_clusters_of_what_is_not_known_stay() -> None:
    def routed(name: str, data: str) -> Change:
        return key(ROUTE, "r", "v"), part("v", [leaf("f", "f"), leaf("o", data, (name,))], (b"\x12",))

    before = Talk()
    before.apply(HEAD, cluster("a"), cluster("b"), routed("a", "good"))
    before.ask(CLUSTER)
    before.ask(ROUTE, "r")
    before.settle()
    before.apply(routed("b", "bad"), (key(CLUSTER, "a"), None))
    before.settle("bad")
    young = anew(before)
    young.ask(CLUSTER, have=dict.fromkeys("ab", "1"))
    brings(young, before)
    assert not [one for one in young.settle("bad") if one.removed]
    young.now += 60
    assert not [one for one in young.settle("bad") if one.removed], "what it has may need it"
    young.apply(routed("b", "good"))
    assert [one.removed for one in young.settle("bad") if one.removed] == [("a",)]


def test_a_test_that_has_to_wait_for_a_cluster_changes_nothing() -> None:
    def routed(data: str) -> Change:
        return key(ROUTE, "r", "v"), part("v", [leaf("f", "f"), leaf("o", data, ("a",), "<o-500>")], (b"\x12",))

    before = talk_of(cluster("a"), endpoints("a"), routed("good"))
    before.now += HOLD
    before.settle("bad")
    before.apply(routed("bad"))
    before.now += HOLD
    before.settle("bad")
    before.now += HOLD
    before.settle("bad")
    assert words(before)[2:] == ["good"]
    young = anew(before)
    young.apply(endpoints("a"))
    brings(young, before)
    young.settle("bad")
    young.now += HOLD
    young.settle("bad")
    assert words(young)[2:] == ["good"]


@pytest.mark.parametrize(
    "version", ["!", "!!", "a!b!c", "zz!{wanted}!{bad}", "!{wanted}!{bad}", "0!{wanted}!{bad}.0", "é!è"]
)
def test_a_version_may_say_anything(version: str, kept: Talk) -> None:
    young = anew(kept)
    wanted = young.wanted.of_type(ROUTE)["r"].version
    young.ask(ROUTE, "r", have={"r": version.format(wanted=wanted, bad=mark(b"<bad>"))})
    young.settle("bad")
    assert words(young)[2:] == ["old-500", *(data for _, data in GOOD)]
    assert young.session.synced()


def test_what_needs_filters_that_are_not_wanted_any_more_is_closed() -> None:
    """Nobody would know that they have to stay."""
    guard = ("x", "f")

    def guarded(data: str, *filters: tuple[str, str]) -> Change:
        one = leaf("o", data, (), "<o-500>")
        other = type(one)(one.data, one.origin, fallback=one.fallback, filters=filters)
        return key(ROUTE, "r", "v"), part("v", [leaf("f", "f"), other, leaf("p", "p")], (b"\x12",))

    talk = talk_of(guarded("good", guard))
    talk.apply(guarded("bad"))
    talk.settle("bad")
    assert words(talk)[2:] == ["good", "p"]
    young = anew(talk)
    brings(young, talk)
    assert words(young.one())[2:] == ["o-500", "p"]


def test_marks() -> None:
    version = marked("a", "b", [b"y", b"x"])
    found = marks(version)
    assert found is not None
    assert (found.sent, found.wanted, found.refused) == ("a", "b", {mark(b"x"), mark(b"y")})
    assert plain(version) == plain("a") == "a"
    assert marked("a", "b", []) == marked("a", "b", [b"%d" % n for n in range(MOST + 1)]) == "a"
    assert same("a", version)
    assert same(version, version)
    assert not same(version, "a")


@pytest.mark.parametrize("spread", [False, True], ids=["of one resource", "of three"])
def test_a_restart_sends_one_test_of_each_leaf_that_is_refused_and_nothing_else(spread: bool) -> None:
    def hosts(*data: str) -> list[Change]:
        made = []
        for n, value in enumerate(data):
            leaves = [leaf(f"f{n}", f"f{n}"), leaf(f"o{n}", value, (), "<500>"), leaf(f"p{n}", f"p{n}")]
            made.append((key(SCOPE, f"r{n * spread}", f"v{n}"), part(f"v{n}", leaves, (b"\x12",))))
        return made

    before = Talk()
    before.apply(*hosts("a", "b", "c"))
    before.ask(SCOPE)
    before.settle()
    before.apply(*hosts("bad", "worse", "worst"))
    before.settle("bad", "worse", "worst")
    client = before.session.subscription(SCOPE).client
    have = {name: known.version for name in client.names() if (known := client.get(name))}
    for elder, tests in ((None, 3), (before.session, 0)):
        young = Talk(before.wanted, elder)
        young.ask(SCOPE, have=have)
        heard = young.settle("bad", "worse", "worst")
        assert [len(one.resources) for one in heard] == [1] * tests
        assert len(young.session.rejections()) == 3
        young.now += FIRST_RETRY
        heard = young.settle("bad", "worse", "worst")
        assert [len(one.resources) for one in heard] == [1, 1, 1], "they are tried again, one by one"


def _twins(first: str, second: str) -> Change:
    """Two objects with routes for the same requests, for which nothing stands in."""
    made = [
        Leaf(f"<{data}>".encode(), origin(f"o{n}"), identity=b"m") for n, data in enumerate((first, second)) if data
    ]
    return key(ROUTE, "r", "v"), part("v", [leaf("f", "f"), *made], (b"\x12",))


def test_the_version_is_told_by_which_object_is_refused_of_two_with_the_same_match() -> None:
    before = talk_of(_twins("", "good"))
    before.apply(_twins("bad", "good"))
    before.settle("bad")
    assert words(before) == ["head", "f", "good"]
    copy = before.session.subscription(ROUTE).client.get("r")
    assert copy is not None
    found = marks(copy.version)
    assert found is not None
    assert found.wanted == before.wanted.of_type(ROUTE)["r"].version
    young = anew(before)
    brings(young, before)
    assert len(young.settle("bad")) == 1
    assert words(young) == ["head", "f", "good"]


def test_of_two_with_the_same_match_the_second_is_found_too() -> None:
    talk = talk_of(_twins("", "good"))
    talk.apply(_twins("bad", "good"))
    talk.settle("bad")
    talk.apply(_twins("bad", "worse"))
    talk.settle("bad", "worse")
    assert {one.origin for one in talk.session.rejections()} == {origin("o0"), origin("o1")}
    assert words(talk) == ["head", "f", "good"]
