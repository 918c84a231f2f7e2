"""Delegation: a change costs what it touches, a match stays below, and no tangle of routes takes more than it may."""

from typing import Any

import pytest
import re2
from hypothesis import assume, given
from hypothesis import strategies as st

from daemun.api.status import RouteStatus
from daemun.base.names import GATEWAY, Ref
from daemun.envoy.matches import match_faults
from daemun.gatewayapi.routes.delegations import over
from daemun.gloo.delegation.matches import below, inheriting
from daemun.gloo.delegation.reach import DEPTH, WAYS
from daemun.ir.route import Match, PathType, ValueMatch, Way
from daemun.translate import Translation
from support.objects.cases import documents
from support.worlds import change

BASE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: t}
spec: {ports: [{port: 80}]}
"""


def route(name: str, *rules: Any, attached: bool = False, **metadata: Any) -> tuple[Ref, Any]:
    spec = {"parentRefs": [{"name": "g"}] if attached else [], "rules": list(rules)}
    document = {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }
    return change(document, False)


def rule(path: str, to: str = "s", **fields: Any) -> dict[str, Any]:
    return {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": to, "port": 80}], **fields}


def delegating(path: str, name: str = "*", **fields: Any) -> dict[str, Any]:
    ref = {"group": GATEWAY, "kind": "HTTPRoute", "name": name}
    return {"matches": [{"path": {"value": path}}], "backendRefs": [ref], **fields}


def translated(*routes: tuple[Ref, Any]) -> Translation:
    made = Translation()
    made.apply([*(change(document, False) for document in documents(BASE)), *routes])
    assert not made.graph.failures
    return made


def status(made: Translation, name: str) -> RouteStatus:
    found = made.statuses[Ref(GATEWAY, "HTTPRoute", "default", name)]
    assert isinstance(found, RouteStatus)
    return found


def costs(children: int) -> dict[str, int]:
    """How many rules run for one change, where one root delegates to so many routes."""
    root = delegating("/a", filters=[])
    made = translated(
        route("root", root, rule("/b"), attached=True), *(route(f"c{at}", rule(f"/a/{at}")) for at in range(children))
    )

    def cost(*items: tuple[Ref, Any]) -> int:
        before = made.graph.calls
        made.apply(items)
        return made.graph.calls - before

    one = f"c{children // 2}"
    ref, _ = route(one)
    return {
        "a changed rule": cost(route(one, rule("/a/new", "t"))),
        "a route gone": cost((ref, None)),
        "a new route": cost(route(one, rule("/a/other"))),
        "a Service": cost(change(documents(BASE)[2] | {"spec": {"ports": [{"port": 80}, {"port": 81}]}}, False)),
        "what the root does besides": cost(route("root", root, rule("/b", "t"), attached=True)),
        "nothing": cost(route(one, rule("/a/other"))),
    }


def test_a_change_costs_the_same_however_many_routes_a_root_delegates_to() -> None:
    few, many = costs(200), costs(1000)
    assert few == many
    assert many["nothing"] == 0
    assert max(many.values()) < 20


def test_what_a_root_asks_for_concerns_all_below_it() -> None:
    made = translated(
        route("root", delegating("/a"), attached=True), route("c", rule("/a/1")), route("d", rule("/a/2"))
    )
    before = {key: one.route.rules for key, one in made.routes.items()}
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    made.apply([route("root", delegating("/a", filters=[modifier]), attached=True)])
    changed = [key.name for key, one in made.routes.items() if one.route.rules != before[key]]
    assert sorted(changed) == ["c", "d"]


# Whatever fits a match below another, fits that one.

paths = st.sampled_from(["/", "/a", "/a/", "/a/b", "/ab", "/a.b", "/a/b/", "/(a"])
expressions = st.sampled_from(
    ("/.*", "/a/.*", "/a/x|/b", "/a/b|c", "/a/(b|c)", "/a.b/x", r"/a\.b/.*", "/a/", "/a/?", "/a/*x", "/a.*", "(?i)/a/b")
)
# Expressions that try to lead out, and some that are none.
tricks = st.sampled_from(
    ("/(a/x)|/b", r"/a/\Qb|c", "/a/x)|(/b", "/a|/b", "/a/(?i)b", "/a/^b", "/a/b$|/c", "/a/x|.*", ".*", "()", "/a/(")
)
requests = st.sampled_from(
    (
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/c",
        "/a/x",
        "/ab",
        "/abc",
        "/a.b",
        "/axb/x",
        "/a.b/x",
        "/b",
        "/c",
        "/A/B",
        "c",
        "/ax",
    )
)


def usable(match: Match) -> bool:
    return not any(match_faults(match))


def fits(match: Match, path: str) -> bool:
    match match.path_type:
        case "Exact":
            return path == match.path
        case "Prefix":
            prefix = match.path.rstrip("/")
            return path == prefix or path.startswith(f"{prefix}/")
        case _:
            return bool(re2.fullmatch(match.path, path))


@pytest.mark.parametrize("combine", [below, inheriting])
@given(
    paths,
    st.one_of(
        st.tuples(st.sampled_from(["Exact", "Prefix"]), paths),
        st.tuples(st.just("Regex"), st.one_of(expressions, tricks)),
    ),
    requests,
)
def test_what_is_below_stays_below(combine: Any, parent: str, own: tuple[PathType, str], path: str) -> None:
    above = Match("", "Prefix", parent)
    found = combine(above, Match("", *own), usable)
    # A request's path begins with a slash: one that does not shows alternatives that got out of what is above, if
    # there is anything above but the slash.
    assume(path.startswith("/") or parent != "/")
    if found is not None and usable(found) and fits(found, path):
        assert fits(above, path)
        if combine is below:
            assert fits(Match("", *own), path) or own[0] == "Regex"


@given(paths, st.sampled_from(["Exact", "Prefix"]), paths, requests)
def test_what_inherits_goes_on_from_there(parent: str, kind: PathType, own: str, path: str) -> None:
    found = inheriting(Match("", "Prefix", parent), Match("", kind, own), usable)
    assert found is not None
    if own != "/":
        assert fits(found, parent.rstrip("/") + path) == fits(Match("", kind, own), path)


def test_conditions_are_asked_for_as_a_whole() -> None:
    asked = (ValueMatch("a", "1"), ValueMatch("b", "2"))
    parent = Match("", "Prefix", "/", headers=asked[:1], query=asked[:1], method="GET")
    whole = Match("", "Prefix", "/x", headers=asked, query=asked, method="GET")
    assert below(parent, whole, usable) == whole
    other = Match("", "Prefix", "/x", headers=(ValueMatch("a", "9"), ValueMatch("c", "3")), method="POST")
    joined = inheriting(parent, other, usable)
    assert joined is not None
    assert joined.headers == (ValueMatch("a", "1"), ValueMatch("c", "3"))
    assert (joined.query, joined.method) == (asked[:1], "GET")
    assert over((), ()) == ()


# Tangles.


def test_routes_that_all_delegate_to_each_other_come_to_an_end() -> None:
    tangled = [route(f"t{at}", delegating("/a"), rule(f"/a/{at}")) for at in range(12)]
    made = translated(route("root", delegating("/a"), attached=True), *tangled)
    ways = [key for key in made.routes if key.name == "t3" and isinstance(key, Way)]
    assert 0 < len(ways) <= WAYS
    (parent, *_) = status(made, "t3").parents
    (resolved,) = [one for one in parent.conditions if one.type == "ResolvedRefs"]
    assert "ways lead to it" in resolved.message
    calls = made.graph.calls
    made.apply([route("t3", rule("/a/3"))])
    assert not made.graph.failures
    assert made.graph.calls > calls


@pytest.mark.parametrize(("length", "served"), [(DEPTH - 2, True), (DEPTH + 2, False)])
def test_a_long_row_of_routes(length: int, served: bool) -> None:
    row = [route(f"r{at}", delegating("/a", f"r{at + 1}"), attached=at == 0) for at in range(length)]
    made = translated(*row, route(f"r{length}", rule("/a/end")))
    found = [one for key, one in made.routes.items() if key[3] == f"r{length}"]
    assert bool(found and found[0].attachments) == served
