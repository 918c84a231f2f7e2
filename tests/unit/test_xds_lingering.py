"""A route that gets another match within its host answers by the old one until the new one can."""

import pytest
from xds_talk import CLUSTER, ENDPOINT, Talk, cluster, endpoints, key, whole

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part
from daemun.xds.session import HOLD

Routes = tuple[tuple[str, str, str], ...]
"""For each route its match, its cluster and its object."""


def host(*routes: tuple[str, str, str], owner: str = "gw") -> tuple[PartKey, Part]:
    """A host with these routes, in this order. Objects of other namespaces are named with those."""
    infra = Origin(Ref("", "Test", "infra", owner))
    leaves = [Leaf(b"(", infra, blank=True)]
    for number, (match, needs, name) in enumerate(routes):
        namespace, _, plain = name.rpartition("/")
        origin = Origin(Ref("", "Test", namespace or "ns", plain), f"rules[{number}]")
        leaves.append(Leaf(f"{match}={needs},".encode(), origin, (needs,), identity=match.encode(), below=match))
    leaves.append(Leaf(b")", infra, identity=b")", blank=True))
    return key(SCOPE, "exact", "host"), part("host", leaves, (b"\x12",))


@pytest.fixture
def talk() -> Talk:
    """A client that has two clusters and a host."""
    talk = Talk()
    talk.apply(*(made for name in ("a", "b") for made in (cluster(name), endpoints(name))))
    talk.apply(whole(SCOPE, "exact", "exact"))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, "a", "b")
    talk.ask(SCOPE)
    return talk


def routes(talk: Talk) -> str:
    """The routes that the client has, in order."""
    return talk.have["exact"].partition(b"(")[2].decode().rstrip(")").rstrip(",")


def change(talk: Talk, before: Routes, after: Routes, *, new: str = "new") -> str:
    """What the client has after this change, with a cluster that has no endpoints yet."""
    talk.apply(host(*before))
    talk.settle()
    talk.apply(cluster(new), endpoints(new), host(*after))
    talk.settle()
    return routes(talk)


def test_a_route_with_another_match_answers_by_the_old_one_until_the_new_one_can(talk: Talk) -> None:
    assert change(talk, (("/", "a", "r"),), (("/p", "new", "r"),)) == "/=a"
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == "/p=new"
    assert talk.session.synced()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            (("/p", "a", "r"), ("/", "b", "r")),
            (("/q", "new", "r"), ("/", "b", "r")),
            "/p=a,/=b",
            id="before what followed",
        ),
        pytest.param(
            (("/", "b", "r"),), (("/p/x", "new", "r"), ("/q", "a", "r")), "/q=a,/=b", id="behind what is new and ready"
        ),
        pytest.param(
            (("/p/x", "a", "r"), ("/p", "a", "r"), ("/", "b", "r")),
            (("/q", "new", "r"), ("/p", "a", "other")),
            "/p/x=a,/p=a,/=b",
            id="each in its place",
        ),
    ],
)
def test_what_lingers_takes_no_requests_from_what_is_wanted(
    talk: Talk, before: Routes, after: Routes, expected: str
) -> None:
    assert change(talk, before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param((("/", "b", "s"),), (("/p/x", "new", "r"), ("/p", "a", "r"), ("/", "b", "s")), "/=b", id="new"),
        pytest.param((("/", "b", "r"),), (("/p", "new", "r"), ("/", "a", "r")), "/=b", id="changed"),
        pytest.param((("/", "b", "r"),), (("/p", "new", "r"), ("/", "a", "s")), "/=a", id="of another object"),
        pytest.param(
            (("/", "b", "s"),),
            (("/p", "new", "r"), ("/q", "a", "r"), ("/", "b", "s")),
            "/q=a,/=b",
            id="apart",
        ),
        pytest.param((), (("/p", "new", "r"), ("/", "a", "r")), "", id="nobody answered"),
        pytest.param((("/p", "a", "r"),), (("/p", "new", "r"), ("/", "a", "r")), "/p=a,/=a", id="the old one answers"),
    ],
)
def test_what_comes_after_a_new_route_that_waits_does_not_answer_its_requests(
    talk: Talk, before: Routes, after: Routes, expected: str
) -> None:
    assert change(talk, before, after) == expected
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == ",".join(f"{match}={needs}" for match, needs, _ in after)


@pytest.mark.parametrize("other", ["s", "theirs/s"])
def test_what_stands_in_for_another_objects_route_does_not_answer_more_than_it_did(talk: Talk, other: str) -> None:
    """`/` of r stands in for that of s: so r's other route stays, too."""
    assert change(talk, (("/p", "a", "r"), ("/", "b", "r")), (("/", "new", other),)) == "/p=a,/=b"
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == "/=new"


def test_a_route_lingers_for_a_new_one_of_another_object_that_may_be_for_its_requests(talk: Talk) -> None:
    assert change(talk, (("/p", "a", "r"), ("/", "b", "s")), (("/p/x", "new", "t"), ("/", "b", "s"))) == "/p=a,/=b"


def test_what_waits_answers_no_more_requests_than_it_did_wherever_it_is_to_stand(talk: Talk) -> None:
    """Its hostname is more specific now, so it comes before what came before it."""
    assert change(talk, (("/p", "a", "s"), ("/", "b", "r")), (("/", "new", "r"), ("/p", "a", "s"))) == "/p=a,/=b"
    assert change(talk, (("/", "a", "r"), ("/p", "b", "s")), (("/p", "b", "s"), ("/", "newer", "r")), new="newer") == (
        "/=a,/p=b"
    )


@pytest.mark.parametrize(("owner", "expected"), [("gw", ""), ("other", "/=a")])
def test_routes_of_a_host_that_another_listener_takes_linger_for_those_of_other_namespaces(
    talk: Talk, owner: str, expected: str
) -> None:
    talk.apply(host(("/", "a", "r")))
    talk.settle()
    talk.apply(cluster("new"), endpoints("new"), host(("/p", "new", "theirs/s"), owner=owner))
    talk.settle()
    assert routes(talk) == expected
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == "/p=new"


def test_what_lingers_does_not_answer_for_what_its_object_had_before_it(talk: Talk) -> None:
    """`/` lingers for what may take some of its requests; `/p` would go, which is for others."""
    assert change(talk, (("/p", "a", "r"), ("/", "b", "r")), (("/q", "new", "t"),)) == "/p=a,/=b"
    assert change(talk, (("/p", "a", "s"), ("/", "b", "r")), (("/q", "newer", "t"),), new="newer") == "/=b"


def test_nor_when_that_goes_later_while_it_stays_for_what_waits_elsewhere(talk: Talk) -> None:
    waits = Leaf(b"new", Origin(Ref("", "Test", "ns", "elsewhere")), ("newer",), identity=b"/")
    talk.apply(cluster("newer"), endpoints("newer"), (key(SCOPE, "rest", "wild"), part("wild", [waits], (b"\x12",))))
    another = ("/z", "newer", "theirs/u")
    before, after = (("/p", "a", "r"), ("/", "b", "r")), (("/q", "new", "t"), another, ("/p", "a", "r"))
    assert change(talk, before, after) == "/p=a,/=b"
    talk.ask(ENDPOINT, "new")
    talk.settle()
    talk.apply(host(("/q", "new", "t"), another))
    talk.settle()
    assert routes(talk) == "/q=new,/p=a,/=b"
    talk.ask(ENDPOINT, "newer")
    talk.settle()
    assert routes(talk) == "/q=new,/z=newer"


@pytest.mark.parametrize(
    ("after", "owner", "expected"),
    [
        pytest.param(("/", "new", "its/t"), "other", "/p/x=a,/p=b,/=a", id="what stands in for another one"),
        pytest.param(("/", "new", "r"), "other", "/p/x=a,/p=b,/=a", id="what waits itself"),
        pytest.param(("/q", "new", "r"), "other", "/p/x=a,/p=b,/=a", id="what lingers"),
        pytest.param(("/", "new", "r"), "gw", "/=a", id="they went themselves"),
    ],
)
def test_in_a_host_that_another_listener_takes_nothing_answers_for_what_came_before_it(
    talk: Talk, after: tuple[str, str, str], owner: str, expected: str
) -> None:
    talk.apply(host(("/p/x", "a", "their/s"), ("/p", "b", "our/s"), ("/", "a", "r")))
    talk.settle()
    talk.apply(cluster("new"), endpoints("new"), host(after, owner=owner))
    talk.settle()
    assert routes(talk) == expected
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == f"{after[0]}=new"
    assert talk.session.synced()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            (("/", "a", "r"), ("/p", "b", "s")),
            (("/p", "new", "r"), ("/", "a", "r"), ("/p", "b", "s")),
            "/=a,/p=b",
            id="what comes after stays there",
        ),
        pytest.param(
            (("/p", "a", "r"), ("/p", "b", "s")),
            (("/p/x", "new", "r"), ("/p", "b", "s")),
            "/p=a,/p=b",
            id="what was first",
        ),
        pytest.param((("/p", "a", "r"),), (("/p", "new", "s"),), "/p=a", id="taken over"),
    ],
)
def test_of_routes_with_the_same_match_each_is_its_objects(
    talk: Talk, before: Routes, after: Routes, expected: str
) -> None:
    assert change(talk, before, after) == expected
    talk.ask(ENDPOINT, "new")
    talk.settle()
    assert routes(talk) == ",".join(f"{match}={needs}" for match, needs, _ in after)


def test_nothing_lingers_for_what_is_for_other_requests_and_of_another_object(talk: Talk) -> None:
    assert change(talk, (("/p", "a", "r"), ("/", "b", "s")), (("/q", "new", "s"), ("/", "b", "s"))) == "/=b"


def test_it_does_not_linger_for_ever_whatever_begins_to_wait(talk: Talk) -> None:
    assert change(talk, (("/", "a", "r"),), (("/p", "new", "r"),)) == "/=a"
    talk.now += HOLD / 2
    talk.apply(cluster("newer"), endpoints("newer"), host(("/q", "newer", "r"), ("/p", "new", "r")))
    talk.settle()
    assert routes(talk) == "/=a"
    talk.now += HOLD / 2
    talk.settle()
    assert "/=a" not in routes(talk)


def test_what_is_wanted_again_is_there_once(talk: Talk) -> None:
    change(talk, (("/", "a", "r"),), (("/p", "new", "r"),))
    talk.apply(host(("/p", "new", "r"), ("/", "a", "r")))
    talk.settle()
    assert routes(talk) == "/=a"
    talk.now += HOLD
    talk.settle()
    assert routes(talk) == "/p=new,/=a"


def test_it_goes_with_its_host(talk: Talk) -> None:
    change(talk, (("/", "a", "r"),), (("/p", "new", "r"),))
    talk.apply((key(SCOPE, "exact", "host"), None))
    talk.settle()
    assert "(" not in talk.have["exact"].decode()
