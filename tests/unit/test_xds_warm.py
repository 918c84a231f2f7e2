"""A leaf waits for its clusters, for a time, and nothing else waits with it."""

import msgspec
import pytest
from xds_talk import CLUSTER, ENDPOINT, ROUTE, Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.ir.resource import Leaf, Part, PartKey, part
from daemun.xds.session import HOLD


def host(*leaves: tuple[str, str, tuple[str, ...]]) -> tuple[PartKey, Part]:
    made = [leaf("frame", "frame"), *(leaf(*one) for one in leaves)]
    return key(ROUTE, "r", "v"), part("v", made)


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.apply(cluster("old"), endpoints("old"), (key(ROUTE, "r"), part("", [leaf("r", "head")])))
    talk.apply(host(("a", "a1", ("old",)), ("b", "b1", ())))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "old")
    talk.ask(ROUTE, "r")
    talk.settle()
    return talk


def test_a_leaf_waits_for_its_eds_cluster_and_the_others_go(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), host(("a", "a2", ("new",)), ("b", "b2", ())))
    clusters, routes = talk.poll()
    assert bodies(clusters) == {"new": b"<new>"}
    assert bodies(routes) == {"r": b"<head><frame><a1><b2>"}
    talk.ack(routes)
    talk.ask(ENDPOINT, "new")
    talk.ack(clusters)
    assignment = talk.one()
    assert bodies(assignment) == {"new": b"<e-new>"}
    talk.ack(assignment)
    assert bodies(talk.one()) == {"r": b"<head><frame><a2><b2>"}


def test_a_leaf_keeps_its_predecessor_when_another_is_inserted_before_it(talk: Talk) -> None:
    """A leaf with an identity is known by it, wherever it stands and whichever object it comes from."""

    def known(origin: str, body: str, identity: bytes, needs: tuple[str, ...] = ()) -> Leaf:
        return msgspec.structs.replace(leaf(origin, body, needs), identity=identity)

    frame = leaf("frame", "frame")
    talk.apply((key(ROUTE, "r", "v"), part("v", [frame, known("rule 0", "slash-old", b"/", ("old",))])))
    talk.settle()
    inserted = [frame, known("rule 0", "x-old", b"/x", ("old",)), known("rule 1", "slash-new", b"/", ("new",))]
    talk.apply(cluster("new"), endpoints("new"), (key(ROUTE, "r", "v"), part("v", inserted)))
    _, routes = talk.poll()
    assert bodies(routes) == {"r": b"<head><frame><x-old><slash-old>"}


def test_a_cluster_without_endpoints_of_its_own_is_warm_when_acknowledged(talk: Talk) -> None:
    talk.apply(cluster("static"), host(("a", "a2", ("static",)), ("b", "b1", ())))
    clusters = talk.one()
    talk.ack(clusters)
    assert b"<a2>" in bodies(talk.one())["r"]


def test_the_wait_has_an_end(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), host(("a", "a2", ("new",)), ("b", "b1", ())))
    talk.ack(talk.one())
    talk.now += 4.9
    assert talk.session.deadline(talk.now) == 105.0
    assert talk.poll() == []
    talk.now = 105.0
    assert b"<a2>" in bodies(talk.one())["r"]


@pytest.mark.parametrize("refused", [CLUSTER, ENDPOINT])
def test_who_needs_what_the_client_refuses_stays_as_it_was_or_is_closed_until_that_is_mended(
    talk: Talk, refused: str
) -> None:
    bad = {CLUSTER: "new", ENDPOINT: "e-new"}[refused]
    leaves = [leaf("frame", "frame"), leaf("a", "a2", ("new",), "500"), leaf("c", "c1", ("new",), "500")]
    talk.apply(cluster("new"), endpoints("new"), (key(ROUTE, "r", "v"), part("v", leaves)))
    if refused == ENDPOINT:  # who has not taken a cluster does not ask for its endpoints
        talk.ask(ENDPOINT, "new")
    talk.settle(bad)
    assert talk.have["r"] == b"<head><frame><a1>500"
    assert talk.session.synced()
    for _ in range(3):  # also when the time is over in which a leaf waits, and when what is refused is tried again
        talk.now += HOLD
        talk.settle(bad)
        assert talk.have["r"] == b"<head><frame><a1>500"
    talk.apply(cluster("new", "good"), endpoints("new", "good"))
    talk.ask(ENDPOINT, "new")
    talk.settle(bad)
    assert talk.have["r"] == b"<head><frame><a2><c1>"


def test_a_new_leaf_without_a_predecessor_is_left_out(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), host(("a", "a1", ("old",)), ("b", "b2", ()), ("c", "c1", ("new",))))
    _, routes = talk.poll()
    assert bodies(routes) == {"r": b"<head><frame><a1><b2>"}
    assert not talk.session.synced()


def test_a_cluster_that_is_not_wanted_is_not_waited_for(talk: Talk) -> None:
    talk.apply(cluster("new"), endpoints("new"), host(("a", "a2", ("new", "missing")), ("b", "b1", ())))
    talk.one()
    talk.apply((key(CLUSTER, "new"), None))
    assert b"<a2>" in bodies(talk.one())["r"]


def test_a_changed_cluster_stays_warm_and_gets_its_endpoints_again(talk: Talk) -> None:
    talk.apply(cluster("old", "changed"), host(("a", "a2", ("old",)), ("b", "b1", ())))
    clusters, again, routes = talk.poll()
    assert b"<a2>" in bodies(routes)["r"]
    # Envoy warms the changed cluster up with endpoints for which it does not ask again, and acknowledges it only then.
    assert (clusters.type_url, bodies(again)) == (CLUSTER, {"old": b"<e-old>"})
    for response in (again, routes, clusters):
        talk.ack(response)
    assert talk.poll() == []


def test_after_a_reconnect_nothing_waits_for_what_the_client_has(talk: Talk) -> None:
    again = Talk(talk.wanted)
    again.wanted.apply([host(("a", "a2", ("old",)), ("b", "b1", ()))])
    again.ask(CLUSTER, have={"old": "whatever"})
    again.ask(ENDPOINT, "old", have={"old": "whatever"})
    again.ask(ROUTE, "r", have={"r": "unknown"})
    assert {r.type_url for r in again.poll()} == {CLUSTER, ENDPOINT, ROUTE}


def test_after_a_reconnect_an_unknown_version_is_not_replaced_by_a_part_of_ours(talk: Talk) -> None:
    again = Talk(talk.wanted)
    again.wanted.apply([cluster("new"), endpoints("new"), host(("a", "a2", ("new",)), ("b", "b1", ()))])
    again.ask(CLUSTER, have={"old": again.wanted.of_type(CLUSTER)["old"].version})
    again.ask(ENDPOINT, "old", have={"old": again.wanted.of_type(ENDPOINT)["old"].version})
    again.ask(ROUTE, "r", have={"r": "unknown"})
    clusters = again.one()
    assert clusters.type_url == CLUSTER
    again.ask(ENDPOINT, "new")
    heard = [clusters, *again.poll()]
    for response in heard:
        again.ack(response)
    assert bodies(again.one()) == {"r": b"<head><frame><a2><b1>"}


def test_the_whole_resource_waits_if_its_head_does() -> None:
    talk = Talk()
    talk.apply(cluster("c"), endpoints("c"), whole(ROUTE, "r", "all", ("c",)))
    talk.ask(ROUTE, "r")
    assert talk.poll() == []
    talk.now += 5
    assert bodies(talk.one()) == {"r": b"<all>"}


@pytest.mark.parametrize("waiting", ["guard", "route"])
def test_what_guards_all_stays_until_what_comes_in_its_place_is_there(waiting: str) -> None:
    """It is another object's, so nobody sees that one takes the place of the other."""

    def served(guard: str, route: str, *needs: str) -> tuple[PartKey, Part]:
        leaves = [leaf("frame", "frame")]
        if guard:
            one = leaf(guard, guard, needs if waiting == "guard" else ())
            leaves.append(msgspec.structs.replace(one, covers=True))
        leaves.append(msgspec.structs.replace(leaf("a", route, needs if waiting == "route" else ()), identity=b"a"))
        return key(ROUTE, "r", "v"), part("v", leaves)

    talk = Talk()
    talk.apply(whole(ROUTE, "r", "head"), served("old", "plain"))
    talk.ask(CLUSTER)
    talk.ask(ROUTE, "r")
    talk.settle()
    new = served("new", "plain", "c") if waiting == "guard" else served("", "guarded", "c")
    talk.apply(cluster("c"), endpoints("c"), new)
    clusters = talk.one()
    assert clusters.type_url == CLUSTER
    talk.ack(clusters)
    assert not [body for response in talk.poll() for body in bodies(response).values() if b"old" not in body]
    talk.ask(ENDPOINT, "c")
    talk.settle()
    talk.now += 10
    talk.settle()
    assert talk.have["r"] == b"<head><frame>" + (b"<new><plain>" if waiting == "guard" else b"<guarded>")


@pytest.mark.parametrize("before", [False, True])
def test_who_reads_is_told_whatever_waits(before: bool) -> None:
    """A route begins to read, or reads no more, and waits for a cluster; who tells does not wait."""

    def served(guard: str, *needs: str, reads: bool) -> tuple[PartKey, Part]:
        forms = (f"<quiet {guard}>".encode(), f"<loud {guard}>".encode())
        guarding = msgspec.structs.replace(leaf("guard", "guard"), data=forms[0], covers=True, forms=forms)
        asking = msgspec.structs.replace(leaf("a", "reads" if reads else "plain", needs), reads=reads)
        return key(ROUTE, "r", "v"), part("v", [leaf("frame", "frame"), guarding, asking])

    words = {True: (b"loud", b"reads"), False: (b"quiet", b"plain")}
    talk = Talk()
    talk.apply(whole(ROUTE, "r", "head"), served("1", reads=before))
    talk.ask(CLUSTER)
    talk.ask(ROUTE, "r")
    talk.settle()
    assert all(word in talk.have["r"] for word in words[before])
    talk.apply(cluster("c"), endpoints("c"), served("2", "c", reads=not before))
    _, routes = talk.poll()
    assert all(word in bodies(routes)["r"] for word in (*words[before], b"2"))
