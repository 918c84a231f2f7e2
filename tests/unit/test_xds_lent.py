"""A client that starts beside one that refuses something has the last good of that, and finds out for itself."""

from test_xds_quarantine import HEAD, host, words
from xds_talk import CLUSTER, ROUTE, Talk, bodies, cluster, endpoints, key, leaf, origin, whole

from daemun.ir.resource import ENDPOINT, LISTENER, SECRET, Leaf, Part, PartKey, Side, part
from daemun.xds.events import Rejected, Restored
from daemun.xds.quarantine import FIRST_RETRY
from daemun.xds.session import ELDER

Change = tuple[PartKey, Part | None]
OTHERS = [(f"o{n}", f"o{n}.1") for n in range(8)]


def refusing(*before: Change, after: Change, ask: tuple[str, ...] = (ROUTE,)) -> Talk:
    """A client that has what was before, and refuses what is bad of what came after."""
    talk = Talk()
    talk.apply(HEAD, *before)
    for type_url in ask:
        talk.ask(type_url, *(["r"] if type_url == ROUTE else []))
    talk.settle("bad")
    talk.apply(after)
    talk.settle("bad")
    return talk


def beside(talk: Talk) -> Talk:
    young = Talk(talk.wanted, talk.session)
    young.ask(ROUTE, "r")
    return young


def kept() -> Talk:
    return refusing(host("v", ("x", "good"), *OTHERS), after=host("v", ("x", "bad"), *OTHERS))


def test_its_first_answer_is_what_the_other_one_has() -> None:
    elder = kept()
    young = beside(elder)
    first = young.one()
    assert bodies(first) == {"r": elder.have["r"]}
    known = elder.session.subscription(ROUTE).client.get("r")
    assert known is not None
    assert first.resources[0].version == known.version
    assert young.events(Rejected) == [Rejected(origin("x"), ROUTE, "r", "bad")]


def test_then_it_is_asked_what_it_makes_of_the_rest_itself() -> None:
    young = beside(kept())
    young.ack(young.one())
    test = young.one()
    assert words(test)[2] == "bad"
    young.nack(test, "worse")
    assert young.poll() == []
    assert young.session.synced()
    assert young.session.rejections() == [Rejected(origin("x"), ROUTE, "r", "worse")]


def test_of_one_that_refuses_everything_it_learns_nothing_for_long() -> None:
    mad = refusing(after=host("v", *OTHERS))
    mad.apply(*(host(f"w{n}", (f"w{n}", f"w{n}")) for n in range(20)))
    mad.settle("o", "w", "head", rounds=500)
    assert len(mad.session.rejections()) > 15
    young = beside(mad)
    assert len(young.settle()) <= 3
    assert young.session.rejections() == []
    assert set(words(young)) >= {data for _, data in OTHERS}


def test_several_that_are_refused_are_found_one_by_one() -> None:
    elder = refusing(
        host("v", ("x", "x.1"), ("y", "y.1"), *OTHERS), after=host("v", ("x", "bad"), ("y", "bad"), *OTHERS)
    )
    young = beside(elder)
    young.settle("bad")
    assert words(young)[2:4] == ["x.1", "y.1"]
    assert len(young.session.rejections()) == 2


def test_the_mended_one_comes_to_both() -> None:
    elder = kept()
    young = beside(elder)
    young.settle("bad")
    changes = elder.wanted.apply([host("v", ("x", "fine"), *OTHERS)])
    for one in (elder, young):
        one.session.changed(changes)
        one.settle("bad")
        assert words(one)[2] == "fine"
        assert one.events(Restored) == [Restored(origin("x"), ROUTE, "r")]


def test_it_is_lent_too_what_the_other_one_is_still_looking_for() -> None:
    talk = refusing(host("v", ("x", "good"), *OTHERS), after=host("v", ("x", "good"), *OTHERS))
    talk.apply(host("v", ("x", "bad"), *((name, f"{name}.2") for name, _ in OTHERS)))
    talk.poll()
    young = beside(talk)
    young.settle("bad")
    assert words(young)[2:] == ["good", *(f"{name}.2" for name, _ in OTHERS)]


def test_who_hears_nothing_before_it_ends_lends_what_it_was_lent() -> None:
    elder = kept()
    lost = beside(elder)
    elder.session.close()
    lost.session.close()
    assert bodies(beside(lost).one()) == {"r": elder.have["r"]}


def test_what_it_does_not_like_either_is_closed_and_all_else_is_there() -> None:
    young = beside(kept())
    young.settle("bad", "good")
    assert words(young)[2:] == ["x-500", *(data for _, data in OTHERS)]
    assert young.session.synced()


def test_what_was_lent_is_not_blamed_for_others() -> None:
    elder = kept()
    elder.apply(host("v", ("x", "bad"), ("y", "y.1"), *OTHERS))
    young = beside(elder)
    young.settle("bad", "y.1")
    assert words(young)[2:] == ["good", "y-500", *(data for _, data in OTHERS)]


def _routed(data: str, *needs: str, **more: object) -> Change:
    made = Leaf(f"<{data}>".encode(), origin("x"), needs, b"<x-500>", **more)  # type: ignore[arg-type]
    return key(ROUTE, "r", "v"), part("v", [leaf("f", "f"), made], (b"\x12",))


def test_it_waits_for_the_clusters_of_what_is_lent() -> None:
    every = (CLUSTER, ENDPOINT, ROUTE)
    elder = refusing(cluster("a"), endpoints("a"), _routed("good", "a"), after=_routed("bad"), ask=every)
    young = beside(elder)
    young.ask(CLUSTER)
    young.settle("bad")
    assert words(young) == ["head", "f"]
    young.ask(ENDPOINT, "a")
    young.settle("bad")
    assert words(young) == ["head", "f", "good"]


def test_nothing_is_lent_whose_cluster_is_gone() -> None:
    elder = refusing(cluster("a"), _routed("good", "a"), after=_routed("bad"), ask=(CLUSTER, ROUTE))
    assert words(elder)[2:] == ["good"]
    elder.apply((key(CLUSTER, "a"), None))
    elder.settle("bad")
    young = beside(elder)
    young.ask(CLUSTER)
    young.settle("bad")
    assert words(young)[2:] == ["x-500"]


def test_nothing_is_lent_whose_filter_is_gone_or_of_the_other_side() -> None:
    for old in ({"filters": (("e", "f"),)}, {"side": Side("r", on=False)}):
        elder = refusing(_routed("good", **old), after=_routed("bad"))
        elder.have.clear()
        young = beside(elder)
        young.settle("bad")
        assert words(young)[2:] == ["x-500"]


def test_a_cluster_is_lent_and_tried_when_all_else_is_there() -> None:
    elder = Talk()
    elder.apply(cluster("a", "a.1"), cluster("b"))
    elder.ask(CLUSTER)
    elder.settle()
    elder.apply(cluster("a", "bad"))
    elder.settle("bad")
    young = Talk(elder.wanted, elder.session)
    young.ask(CLUSTER)
    assert [bodies(one) for one in young.settle("bad")] == [{"a": b"<a.1>", "b": b"<b>"}]
    assert young.session.synced()
    young.now += FIRST_RETRY
    young.settle()
    assert young.have["a"] == b"<bad>"
    assert young.session.rejections() == []


def test_what_nobody_asks_for_is_forgotten() -> None:
    """The listeners that named the Secret are gone, or this client does not take them."""
    for asks in ((), ("other",)):
        elder = Talk()
        elder.apply(whole(SECRET, "s", "bad"), whole(SECRET, "other", "other"))
        elder.ask(SECRET, "s")
        elder.settle("bad")
        young = Talk(elder.wanted, elder.session)
        young.ask(LISTENER)
        if asks:
            young.ask(SECRET, *asks)
        young.settle("bad")
        assert len(young.session.rejections()) == 1
        young.now += ELDER
        at = young.session.deadline(young.now - 1)
        assert at is not None
        assert at <= young.now
        young.settle("bad")
        assert young.session.rejections() == []
        assert [type(one) for one in young.session.take_events() if not hasattr(one, "version")] == [Rejected, Restored]


def test_what_nobody_asks_for_is_forgotten_as_soon_as_it_changes() -> None:
    elder = Talk()
    elder.apply(whole(SECRET, "s", "bad"))
    elder.ask(SECRET, "s")
    elder.settle("bad")
    young = Talk(elder.wanted, elder.session)
    young.ask(SECRET, "other")
    young.settle("bad")
    young.apply(whole(SECRET, "s", "worse"))
    assert young.session.rejections() == []


def test_what_is_asked_for_later_is_as_if_it_had_been_asked_for_at_once() -> None:
    elder = Talk()
    elder.apply(whole(SECRET, "s", "good"))
    elder.ask(SECRET, "s")
    elder.settle()
    elder.apply(whole(SECRET, "s", "bad"))
    elder.settle("bad")
    young = Talk(elder.wanted, elder.session)
    young.ask(LISTENER)
    young.settle()
    young.now += FIRST_RETRY
    young.settle()
    young.ask(SECRET, "s")
    assert bodies(young.one()) == {"s": b"<good>"}
    assert len(young.session.rejections()) == 1
