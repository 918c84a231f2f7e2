"""What `explain` says of classic routes is what Envoy does: the same request, explained and sent."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.gatewayapi.settings import Settings
from laws.test_explain_against_envoy import Bench, compare
from support.envoys.swapped import SwappedEnvoy
from support.servers.ports import free_port
from support.worlds.classic import SOLO
from support.worlds.crowds import thresholds
from support.worlds.explained import BACKENDS, Doc, Shot, decoded, doc, every_backend, services

_PATHS = ("/", "/x", "/X", "/x/", "/xy", "/x/y", "/x/y/z", "/y", "//x", "/x?y")
_HOSTS = ("a.test", "A.test", "w.a.test", "b.a.test", "other.org", "a.test:8080")
_NAMES = ("x-a", "x-b")
_VALUES = ("1", "2", "x")


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    return st.fixed_dictionaries({}, optional=fields)


headers = st.fixed_dictionaries(
    {"name": one(*_NAMES, "X-A")},
    optional={"value": one("1", "2", "[0-9]"), "regex": st.booleans(), "invertMatch": st.booleans()},
)
params = st.fixed_dictionaries({"name": one("q", "p")}, optional={"value": one("1", "[0-9]"), "regex": st.booleans()})
path = st.one_of(
    st.builds(lambda value: {"prefix": value}, one("/", "/x", "/x/", "/x/y", "/y", "")),
    st.builds(lambda value: {"exact": value}, one("/", "/x", "/X", "/x/y")),
    one({"regex": "/x.*"}, {"regex": "(?i)/X"}, {"connectMatcher": {}}, {}),
)
matchers = st.builds(
    lambda path, more: {**path, **more},
    path,
    maybe(
        caseSensitive=st.booleans(),
        headers=st.lists(headers, max_size=2),
        queryParameters=st.lists(params, max_size=1),
        methods=one([], ["GET"], ["GET", "POST"], ["PUT"]),
    ),
)
destination = st.builds(lambda name: {"kube": {"ref": {"name": name}, "port": 80}}, one(*BACKENDS, "s1", "missing"))
weighted = st.fixed_dictionaries({"destination": destination, "weight": one(0, 1, 3)})
options = one({}, {"prefixRewrite": "/new"}, {"hostRewrite": "inner.test"}, {"timeout": "5s"})
redirects = maybe(
    hostRedirect=one("new.test"),
    httpsRedirect=st.booleans(),
    stripQuery=st.booleans(),
    portRedirect=one(80, 8443),
    responseCode=one("MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"),
)
actions = st.one_of(
    st.builds(lambda to, of: {"routeAction": {"single": to}, "options": of}, destination, options),
    st.builds(
        lambda to, of: {"routeAction": {"multi": {"destinations": to}}, "options": of},
        st.lists(weighted, min_size=1, max_size=3),
        options,
    ),
    st.builds(
        lambda spec, path: {"redirectAction": {**spec, **path}},
        redirects,
        one({}, {"pathRedirect": "/new"}, {"prefixRewrite": "/new"}, {"prefixRewrite": "/"}),
    ),
    one({"directResponseAction": {"status": 418, "body": "x"}}, {"directResponseAction": {"status": 204}}),
)
delegations = st.builds(
    lambda name, more: {"delegateAction": {"ref": {"name": name, "namespace": "default"}}, **more},
    one("t0", "t1"),
    maybe(inheritableMatchers=st.booleans(), inheritablePathMatchers=st.booleans()),
)


def routes(*kinds: st.SearchStrategy[Doc]) -> st.SearchStrategy[list[Doc]]:
    found = st.builds(
        lambda action, some: {**action, "matchers": some}, st.one_of(*kinds), st.lists(matchers, max_size=2)
    )
    return st.lists(found, min_size=1, max_size=4)


@st.composite
def worlds(draw: st.DrawFn, port: int) -> list[Doc]:
    """A classic Gateway, VirtualServices and the RouteTables that they may delegate to."""
    http = doc("Gateway", "a", {"bindPort": port, "httpGateway": {}}, group=SOLO)
    http["metadata"]["namespace"] = "gloo-system"
    documents = [http]
    for at, domains in enumerate(
        draw(one([["a.test"], ["*"]], [["a.test", "*.a.test"]], [["*.a.test"], ["b.a.test"]]))
    ):
        host = {"domains": domains, "routes": draw(routes(actions, actions, delegations))}
        documents.append(doc("VirtualService", f"v{at}", {"virtualHost": host}, group=SOLO))
    tables = [doc("RouteTable", name, {"routes": draw(routes(actions))}, group=SOLO) for name in ("t0", "t1")]
    return [*documents, *tables]


@st.composite
def requests(draw: st.DrawFn) -> Shot:
    shot = Shot()
    shot.method = draw(one("GET", "GET", "POST", "PUT", "OPTIONS"))
    target, _, query = draw(one(*_PATHS)).partition("?")
    shot.path = target
    shot.query = [query] if query else draw(one([], ["q=1"], ["q"], ["p=x", "q=2"]))
    shot.host = draw(one(*_HOSTS))
    names = draw(st.lists(one(*_NAMES), max_size=2))
    shot.headers = [(name, draw(one(*_VALUES))) for name in names]
    return shot


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    port, echo = free_port(), free_port()
    plain = Settings()
    envoy = SwappedEnvoy(decoded([*every_backend((port,)), *services(echo)], plain), echo)
    try:
        yield Bench(envoy, plain, (port, port), (port, port), echo)
    finally:
        envoy.stop()


@given(data=st.data())
@settings(max_examples=80, report_multiple_bugs=False)
def test_explain_says_what_envoy_does(bench: Bench, data: st.DataObject) -> None:
    documents = data.draw(worlds(bench.ports[0]), label="world")
    with thresholds() if data.draw(st.booleans(), label="as if there were many") else contextlib.nullcontext():
        made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    for _ in range(10):
        shot = data.draw(requests(), label="request")
        shot.port = bench.ports[0]
        compare(made, bench, shot)
