"""A host that gives way to another one, such as a wildcard, stays until that can answer."""

import pytest
from xds_talk import CLUSTER, ENDPOINT, LISTENER, Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import EXTENSION, SCOPE, Leaf, Part, PartKey, Side, part
from daemun.xds.messages import Response
from daemun.xds.session import HOLD

TAGS = (b"\x12",)


def host(
    resource: str,
    name: str,
    *needs: str,
    namespace: str = "ns",
    more: tuple[Leaf, ...] = (),
    hides: tuple[PartKey, ...] = (),
) -> tuple[PartKey, Part]:
    """A host that answers with nothing of its own, and a route in it."""
    frame = Leaf(f"<{name}>".encode(), Origin(Ref("", "Test", "infra", "gw")), blank=True)
    own = Origin(Ref("", "Test", namespace, name))
    to = f"<to-{','.join(needs)}>".encode()
    return key(SCOPE, resource, name), part(
        name, [frame, *more, Leaf(to, own, needs, identity=b"/")], TAGS, hides=hides
    )


def gone(resource: str, *names: str) -> list[tuple[PartKey, None]]:
    return [(key(SCOPE, resource, name), None) for name in names]


@pytest.fixture
def talk() -> Talk:
    """A client that has an exact host and a wildcard."""
    talk = Talk()
    talk.apply(cluster("old"), endpoints("old"), whole(SCOPE, "rest", "rest"))
    talk.apply(whole(SCOPE, "exact", "exact"), host("exact", "host", "old"))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "old")
    talk.ask(SCOPE)
    talk.settle()
    return talk


@pytest.fixture
def wild(talk: Talk) -> Talk:
    """A client that has a wildcard only."""
    talk.apply(host("rest", "wild", "old"), *gone("exact", "", "host"))
    talk.settle()
    return talk


def scopes(responses: list[Response]) -> list[dict[str, bytes]]:
    return [bodies(one) for one in responses if one.type_url == SCOPE and one.resources]


def removals(responses: list[Response]) -> list[tuple[str, ...]]:
    return [one.removed for one in responses if one.type_url == SCOPE and one.removed]


def appear(talk: Talk, *changes: tuple[PartKey, Part | None], name: str = "new") -> None:
    """This needs a cluster of that name, which the client does not have yet."""
    talk.apply(cluster(name), endpoints(name), *changes)


def test_an_exact_host_stays_until_the_endpoints_of_what_takes_its_place_are_there(talk: Talk) -> None:
    appear(talk, *gone("exact", "", "host"), host("rest", "wild", "new"))
    assert removals(talk.settle()) == [], "the cluster was acknowledged, but is not warm"
    talk.ask(ENDPOINT, "new")
    assert removals(talk.settle()) == [("exact",)]
    assert b"<to-new>" in talk.have["rest"]


def _routes(*names: str) -> tuple[PartKey, Part]:
    """A wildcard with routes of these objects."""
    frame = Leaf(b"<wild>", Origin(Ref("", "Test", "infra", "gw")), blank=True)
    every = [
        Leaf(f"<{name}>".encode(), Origin(Ref("", "Test", "ns", name)), ("old",), identity=name.encode())
        for name in names
    ]
    return key(SCOPE, "rest", "wild"), part("wild", [frame, *every], TAGS)


@pytest.mark.parametrize(("mover", "kept"), [("host", True), ("other", False)])
def test_a_route_that_leaves_a_host_for_another_one_stays_there_until_it_can_answer(
    talk: Talk, mover: str, kept: bool
) -> None:
    """The host that it leaves stays with others' routes."""
    talk.apply(_routes(mover, "beside"), *gone("exact", "", "host"))
    talk.settle()
    appear(talk, _routes("beside"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    talk.settle()
    assert (f"<{mover}>".encode() in talk.have["rest"]) is kept
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert f"<{mover}>".encode() not in talk.have["rest"]
    assert b"<to-new>" in talk.have["exact"]


def test_a_narrower_host_stays_with_a_wider_one_that_would_answer_for_it(talk: Talk) -> None:
    """Of another namespace, and beside it: both are to be elsewhere, and something of the wider one's waits."""
    wide, wider = key(SCOPE, "rest", "wide"), key(SCOPE, "rest", "wider")
    talk.apply(host("rest", "wide", "old", namespace="theirs", hides=(wide, wider)), host("rest", "wider", "old"))
    talk.settle()
    appear(talk, host("exact", "host", "new"), (wide, None), (wider, None))
    talk.settle()
    assert b"<wide>" in talk.have["rest"]
    assert b"<wider>" in talk.have["rest"]
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert b"<wide" not in talk.have["rest"]


GUARD = Leaf(b"<guard>", Origin(Ref("", "Test", "infra", "guard")), filters=(("x", "guard"),), covers=True)


def two(needs: str, first: tuple[str, str], second: tuple[str, str], *more: Leaf) -> list[tuple[PartKey, Part]]:
    """Two hosts with a route each, of which the namespace and the match are given."""
    made = []
    for at, (name, match) in (("x", first), ("y", second)):
        frame = Leaf(f"<{at}>".encode(), Origin(Ref("", "Test", "infra", "gw")), blank=True)
        own = Origin(Ref("", "Test", name, "route"))
        to = Leaf(f"<{name}-{needs}>".encode(), own, (needs,), identity=match.encode(), below=match)
        made += [whole(SCOPE, at, at), (key(SCOPE, at, at), part(at, [frame, *more, to], TAGS))]
    return made


@pytest.fixture
def changing(talk: Talk) -> Talk:
    """A client with two hosts whose routes are to change places."""
    talk.apply(*two("old", ("r", "/p"), ("s", "/q")))
    talk.settle()
    return talk


def answering(talk: Talk) -> str:
    """The routes of both hosts."""
    return " ".join(talk.have[at].rpartition(f"<{at}>".encode())[2].decode() for at in "xy")


def test_routes_that_change_places_stay_in_theirs_until_they_can_answer_in_the_others(changing: Talk) -> None:
    appear(changing, *two("new", ("s", "/q"), ("r", "/p")))
    changing.settle()
    assert answering(changing) == "<r-old> <s-old>"
    changing.ask(ENDPOINT, "new")
    changing.settle()
    assert answering(changing) == "<s-new> <r-new>"


def test_they_stay_as_well_while_what_guards_the_others_waits(changing: Talk) -> None:
    guard = Leaf(b"guard", GUARD.origin, gives=("guard",))
    changing.apply((key(EXTENSION, "x"), part("", [guard])), *two("old", ("s", "/q"), ("r", "/p"), GUARD))
    changing.ask(EXTENSION, "x")
    filters = changing.one()
    assert filters.type_url == EXTENSION
    changing.ack(filters)
    changing.settle()
    assert answering(changing) == "<guard><s-old> <guard><r-old>"


def test_it_does_not_wait_for_what_is_of_another_namespace(talk: Talk) -> None:
    appear(talk, *gone("exact", "", "host"), host("rest", "wild", "new", namespace="elsewhere"))
    assert removals(talk.settle()) == [("exact",)]


def test_it_does_not_stay_for_ever_whatever_begins_to_wait(talk: Talk) -> None:
    appear(talk, *gone("exact", "", "host"), host("rest", "wild", "new"))
    talk.settle()
    talk.now += HOLD / 2
    appear(talk, host("rest", "other", "newer"), name="newer")
    assert removals(talk.settle()) == []
    talk.now += HOLD / 2
    assert removals(talk.settle()) == [("exact",)]


def test_what_waited_itself_when_it_went_is_not_in_its_own_way(talk: Talk) -> None:
    appear(talk, *gone("exact", "", "host"))
    appear(talk, whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    assert [one.type_url for one in talk.settle()] == [CLUSTER]
    talk.apply(*gone("exact", "", "host"))
    assert removals(talk.settle()) == [("exact",)]


def test_a_wildcard_stays_until_the_exact_host_can_answer_and_is_not_hidden_before(wild: Talk) -> None:
    appear(wild, *gone("rest", "wild"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    assert scopes(wild.settle()) == []
    wild.ask(ENDPOINT, "new")
    exact, rest = scopes(wild.settle())
    assert (exact.keys(), b"<to-new>" in exact["exact"]) == ({"exact"}, True)
    assert rest == {"rest": b"<rest>"}
    assert wild.session.synced()


def test_it_stays_when_another_wildcard_was_to_take_its_place_meanwhile(wild: Talk) -> None:
    appear(wild, *gone("rest", "wild"), host("rest", "longer", "new"))
    assert scopes(wild.settle()) == []
    appear(wild, *gone("rest", "longer"), whole(SCOPE, "exact", "exact"), host("exact", "host", "newer"), name="newer")
    assert scopes(wild.settle()) == []
    wild.ask(ENDPOINT, "newer")
    exact, rest = scopes(wild.settle())
    assert (b"<to-newer>" in exact["exact"], rest) == (True, {"rest": b"<rest>"})


def test_a_wildcard_of_another_namespace_goes_at_once_and_the_other_not_for_ever(wild: Talk) -> None:
    wild.apply(host("rest", "other", "old", namespace="elsewhere"))
    wild.settle()
    appear(wild, *gone("rest", "wild", "other"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    (rest,) = scopes(wild.settle())
    assert (b"<wild>" in rest["rest"], b"<other>" in rest["rest"]) == (True, False)
    wild.now += HOLD / 2
    appear(wild, host("rest", "other", "newer"), name="newer")
    assert scopes(wild.settle()) == []
    wild.now += HOLD / 2
    wild.settle()
    assert b"<to-new>" in wild.have["exact"]
    assert wild.have["rest"] == b"<rest>"


def test_a_wildcard_goes_when_what_was_to_take_its_place_is_not_wanted_any_more(wild: Talk) -> None:
    appear(wild, *gone("rest", "wild"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    wild.settle()
    wild.apply(*gone("exact", "", "host"))
    assert scopes(wild.settle()) == [{"rest": b"<rest>"}]


def test_a_wildcard_that_is_wanted_again_is_as_it_was(wild: Talk) -> None:
    appear(wild, *gone("rest", "wild"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    wild.settle()
    wild.apply(*gone("exact", "", "host"), host("rest", "wild", "old"))
    assert scopes(wild.settle()) == []
    assert wild.have["rest"].count(b"<wild>") == 1


def test_what_closes_a_new_host_does_not_wait_for_its_other_routes(wild: Talk) -> None:
    closed = Leaf(b"<500>", Origin(Ref("", "Test", "ns", "closed")), identity=b"/admin")
    appear(wild, whole(SCOPE, "exact", "exact"), host("exact", "host", "new", more=(closed,)))
    (exact,) = scopes(wild.settle())
    assert (b"<500>" in exact["exact"], b"<to-new>" in exact["exact"]) == (True, False)


def test_what_is_in_the_way_of_a_listeners_filters_goes(talk: Talk) -> None:
    side = Side("p", on=False)
    quiet = Leaf(b"<quiet>", Origin(Ref("", "Test", "infra", "gw")), identity=b"whole", side=side, blank=True)
    talk.apply(host("rest", "wild", "old", more=(quiet,)), *gone("exact", "", "host"))
    talk.ask(LISTENER)
    talk.settle()
    appear(talk, *gone("rest", "wild"), whole(SCOPE, "exact", "exact"), host("exact", "host", "new"))
    assert scopes(talk.settle()) == []
    loud = Leaf(b"<loud>", leaf("l", "l").origin, side=side.other)
    talk.apply((key(LISTENER, "l"), part("", [loud])))
    assert scopes(talk.settle()) == [{"rest": b"<rest>"}]
    assert talk.have["l"] == b"<loud>"


def test_what_is_rejected_of_a_new_host_is_found_though_what_is_tested_answers_nothing(wild: Talk) -> None:
    by = Origin(Ref("", "Test", "ns", "policy"))
    bad = Leaf(b"<bad>", by, fallback=b"<instead>", identity=b"bad", blank=True)
    more = (bad, Leaf(b"<all>", by, identity=b"all"))
    appear(wild, whole(SCOPE, "exact", "exact"), host("exact", "host", "new", more=more))
    wild.settle("bad")
    assert [one.origin for one in wild.session.rejections()] == [by]
    wild.ask(ENDPOINT, "new")
    wild.settle("bad")
    assert b"<host><instead><all><to-new>" in wild.have["exact"]


READY = Leaf(b"<ready>", Origin(Ref("", "Test", "elsewhere", "ready")), identity=b"/ready")


def hiding(*needs: str, more: tuple[Leaf, ...] = (READY,)) -> list[tuple[PartKey, Part]]:
    """An exact host with a route that waits for clusters, beside others. Until it is there the wildcard answers."""
    wildcards = (key(SCOPE, "listed", "wild"), key(SCOPE, "rest", "wild"))
    return [whole(SCOPE, "exact", "exact"), host("exact", "host", *needs, more=more, hides=wildcards)]


def test_a_host_that_is_ready_in_part_does_not_hide_what_answers_for_the_rest_of_it(wild: Talk) -> None:
    appear(wild, *hiding("new"))
    assert scopes(wild.settle()) == []
    wild.ask(ENDPOINT, "new")
    (exact,) = scopes(wild.settle())
    assert exact["exact"].endswith(b"<host><ready><to-new>")
    assert wild.session.synced()


def test_it_waits_no_longer_than_any_of_its_routes_whatever_begins_to_wait(wild: Talk) -> None:
    appear(wild, *hiding("new"))
    wild.settle()
    wild.now += HOLD / 2
    later = Leaf(b"<later>", READY.origin, ("newer",), identity=b"/later")
    appear(wild, *hiding("new", more=(READY, later)), name="newer")
    assert scopes(wild.settle()) == []
    wild.now += HOLD / 2
    (exact,) = scopes(wild.settle())
    assert exact["exact"].endswith(b"<host><ready><to-new>")


def test_a_host_that_hides_nothing_that_answers_goes_with_what_is_ready(wild: Talk) -> None:
    empty = Leaf(b"<wild>", READY.origin, blank=True)
    wild.apply((key(SCOPE, "rest", "wild"), part("wild", [empty], TAGS)))
    wild.settle()
    appear(wild, *hiding("new"))
    (exact,) = scopes(wild.settle())
    assert exact["exact"].endswith(b"<host><ready>")


def test_a_host_that_answers_already_hides_nothing_more(wild: Talk) -> None:
    wild.apply(*hiding("old"))
    wild.settle()
    appear(wild, *hiding("new"))
    changed = Leaf(b"<changed>", READY.origin, identity=b"/ready")
    wild.apply(*hiding("new", more=(changed,)))
    wild.settle()
    assert wild.have["exact"].endswith(b"<host><changed><to-old>")
