"""Requests that stand for rules, access logs as requests, and what a change does to them."""

from pathlib import Path

import pytest
import yaml

from daemun.explain import explain
from daemun.trial.accesslog import read
from daemun.trial.cases import Asked, Case, Expected, judge, suite_from
from daemun.trial.compare import compare, objects, outcome
from daemun.trial.sample import samples, text_for
from support.objects import cases
from support.objects.cases import translation
from support.objects.documents import exact, gateway, listener, prefix, route, rule, service, values

_GOLDEN = Path(__file__).parents[1] / "golden"
_CASES = sorted(case.parent for case in _GOLDEN.rglob("in.yaml"))


@pytest.mark.parametrize("part", range(3))
def test_requests_reach_the_match_that_they_stand_for(part: int) -> None:
    """Or one before it that takes them away; and nothing differs from itself."""
    reached = away = 0
    for case in _CASES[part::3]:
        made = translation({**cases.objects(_GOLDEN / "base.yaml"), **cases.objects(case / "in.yaml")})
        every = samples(made)
        for one in every:
            found = explain(made, one.request, one.gateway)
            winner = found.winner
            if one.of == "what no route takes" or winner is None:
                continue
            mine = [f"{each.route} {each.match}" for each in (winner, *found.after)]
            reached += one.of == mine[0]
            away += one.of != mine[0]
        assert list(compare(made, made, every)) == []
    assert reached > 3 * away


def world(*more: object, weight: int = 1) -> object:
    return translation(
        cases.objects(
            yaml.safe_dump_all(
                [
                    gateway("gw", listener(80)),
                    *service("a", 9000),
                    *service("b", 9001),
                    route("r", rule(prefix("/a"), to=["a", {"name": "b", "port": 80, "weight": weight}])),
                    *more,
                ]
            )
        )
    )


def test_a_change_is_told_in_words() -> None:
    before, after = world(), world(weight=3)
    (first, *rest) = compare(before, after, samples(before))
    (change,) = first.changes
    assert (change.what, change.before, change.after) == (
        "outcome",
        "50 % to Service default/a port 80 (http), 50 % to Service default/b port 80 (http)",
        "25 % to Service default/a port 80 (http), 75 % to Service default/b port 80 (http)",
    )
    assert len(rest) == 1
    assert [str(ref) for ref in objects(before, after).changed] == ["HTTPRoute default/r"]


def test_a_new_route_takes_requests_of_an_old_one() -> None:
    before = world()
    after = world(route("new", rule(exact("/a/any", method="GET", headers=values(x="1")), to="b")))
    asked = {(one.request, one.gateway): one for made in (before, after) for one in samples(made)}
    (found,) = compare(before, after, asked.values())
    assert found.sample.request.headers == (("x", "1"),)
    assert [change.what for change in found.changes] == ["outcome", "route"]
    assert outcome(explain(after, found.sample.request, found.sample.gateway)) == "to Service default/b port 80 (http)"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("/a/.*", "/a/any"),
        ("^/v\\d+/(a|b)(/.*)?$", "/v1/a/any"),
        ("/[^/]+/x\\.y", "/any/x.y"),
        ("/[0-9]{3}", ""),
        ("(?i)/abc", "/abc"),
    ],
)
def test_texts_for_expressions_fit_or_are_none(pattern: str, text: str) -> None:
    assert text_for(pattern) == text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"method":"GET","host":"a.test","path":"/x?y=1"}', "GET a.test /x?y=1"),
        ('{":method":"PUT",":authority":"a.test:81",":path":"/"}', "PUT a.test:81 /"),
        ('10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /c HTTP/1.1" 200 5 "-" "curl"', "GET said.test /c"),
        ('[2026-01-01T00:00:03.000Z] "GET /e HTTP/2" 200 - 0 1 3 2 "-" "curl" "id" "a.test" "-"', "GET a.test /e"),
        ('{"method":"GET"', None),
        ('{"method":"GET","host":"a.test"}', None),
        ('10.0.0.1 - - [x] "-" 408 0', None),
        ("[1, 2]", None),
    ],
)
def test_lines_of_access_logs(line: str, told: str | None) -> None:
    found = read([line, "", line], host="said.test")
    assert found.lines == 2
    asked = [f"{one.request.method} {one.request.host} {one.request.target}" for one in found.samples]
    assert asked == ([told] if told else [])
    assert [one.count for one in found.samples] == ([2] if told else [])
    assert found.skipped == (0 if told else 2)


def test_the_host_of_a_log_that_does_not_say_it() -> None:
    assert read(['x "GET / HTTP/1.1" 200']).skipped == 1
    (one,) = read(['x "GET / HTTP/1.1" 200'], "a.test", "https", 8443).samples
    assert (one.request.scheme, one.request.host, one.request.port) == ("https", "a.test:8443", 8443)


def test_a_suite_that_is_none() -> None:
    for bad in (None, [], {"manifests": []}, {"cases": [{"request": {"url": "x"}}]}):
        with pytest.raises(ValueError, match=r"\."):
            suite_from(bad)
    with pytest.raises(ValueError, match="URL"):
        judge(world(), Case(Asked("nonsense"), Expected()))


def test_a_case_with_everything_passes() -> None:
    expected = Expected(
        outcome="forwarded",
        backends={"default/a": 50, "service/default/b": 50},
        port=80,
        route="httproute/default/r",
        rule="spec.rules[0]",
        path="/a/x",
        host="a.test",
    )
    assert judge(world(), Case(Asked("http://a.test/a/x"), expected)).failures == ()
