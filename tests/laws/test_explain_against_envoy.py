"""What `explain` says is what Envoy does: the same request, explained and sent."""

import contextlib
import http.client
import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.explain import Explanation, Request, Share, explain, request_from
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.envoys.swapped import INSECURE, Got, SwappedEnvoy
from support.servers.ports import free_port
from support.worlds.crowds import thresholds
from support.worlds.explained import (
    Doc,
    Shot,
    decoded,
    doc,
    every_backend,
    gateway,
    listener,
    requests,
    services,
    tls_secret,
    worlds,
)

WORLDS = int(os.environ.get("DAEMUN_EXPLAIN_WORLDS", "80"))
REQUESTS = 12


class Bench(NamedTuple):
    """An Envoy with two ports: one that the API calls 80, and one by its own number."""

    envoy: SwappedEnvoy
    settings: Settings
    ports: tuple[int, int]
    bound: tuple[int, int]
    echo: int

    def ports_of(self, documents: list[Doc], gateway: str) -> list[int]:
        """The ports, as they are bound, of a Gateway."""
        found = next(one for one in documents if (one["kind"], one["metadata"]["name"]) == ("Gateway", gateway))
        return [self.settings.bound_port(one["port"]) for one in found["spec"]["listeners"]]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    first, second, echo = free_port(), free_port(), free_port()
    settings = Settings(port_shift=first - 80)
    ports = (80, second)
    envoy = SwappedEnvoy(decoded([*every_backend(ports), *services(echo)], settings), echo)
    try:
        yield Bench(envoy, settings, ports, (first, second), echo)
    finally:
        envoy.stop()


@given(data=st.data())
@settings(max_examples=WORLDS, report_multiple_bugs=False)
def test_explain_says_what_envoy_does(bench: Bench, data: st.DataObject) -> None:
    documents = data.draw(worlds(bench.ports), label="world")
    # As if there were many: no route, or one, of a host or below an element of a path are not yet.
    few = data.draw(st.sampled_from((None, None, 0, 1)), label="not yet many")
    with contextlib.nullcontext() if few is None else thresholds(routes=few):
        made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    for _ in range(REQUESTS):
        shot = data.draw(requests(documents), label="request")
        shot.port = data.draw(st.sampled_from(bench.ports_of(documents, shot.gateway)))
        compare(made, bench, shot)


# What Hypothesis found once, and looks for no more.


@pytest.mark.parametrize("origins", [("", "http://o.test"), ("http://o.test", ""), ("", ""), ("http://o.test",) * 2])
@pytest.mark.parametrize("methods", [("GET",), ("", "GET"), ("GET", "GET")])
@pytest.mark.parametrize("backends", [[{"name": "s1", "port": 80}], []])
def test_a_preflight_that_says_things_twice(
    bench: Bench, origins: tuple[str, ...], methods: tuple[str, ...], backends: list[Doc]
) -> None:
    cors = {"type": "CORS", "cors": {"allowOrigins": ["http://o.test"], "allowMethods": ["GET"]}}
    matches = [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}]
    rules = [{"matches": matches, "filters": [cors], "backendRefs": backends}]
    documents = [
        gateway("a", [listener("l", bench.ports[0], None)]),
        doc("HTTPRoute", "r", {"parentRefs": [{"name": "a"}], "rules": rules}),
    ]
    made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    shot = Shot()
    shot.method, shot.port = "OPTIONS", bench.bound[0]
    shot.headers = [("Origin", origin) for origin in origins]
    shot.headers += [("Access-Control-Request-Method", method) for method in methods]
    compare(made, bench, shot)


@pytest.mark.parametrize("whole", [{"hostname": "rule.test"}, {}])
def test_one_of_two_backends_has_a_host_of_its_own(bench: Bench, whole: Doc) -> None:
    host = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "Host", "value": "set.test"}]}}
    filters = [host, *([{"type": "URLRewrite", "urlRewrite": whole}] if whole else [])]
    own = [{"type": "URLRewrite", "urlRewrite": {"hostname": "own.test"}}]
    refs = [{"name": "s1", "port": 80, "filters": own}, {"name": "s2", "port": 80}]
    documents = [
        gateway("a", [listener("l", bench.ports[0], None)]),
        doc("HTTPRoute", "r", {"parentRefs": [{"name": "a"}], "rules": [{"filters": filters, "backendRefs": refs}]}),
    ]
    made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    shot = Shot()
    shot.port = bench.bound[0]
    compare(made, bench, shot)
    told = explain(made, Request("GET", "http", "127.0.0.1", bench.bound[0], "a.test", "/", None))
    assert [share.host for share in told.outcome.shares] == ["own.test", whole.get("hostname", "set.test")]


@pytest.mark.parametrize("many", [False, True])
def test_a_host_whose_routes_are_all_of_another_listener_is_closed(bench: Bench, *, many: bool) -> None:
    rules = [{"backendRefs": [{"name": "s1", "port": 80}]}]
    parents = [{"name": "a", "sectionName": "any"}]
    documents = [
        gateway("a", [listener("any", bench.ports[0], None), listener("own", bench.ports[0], "own.test")]),
        doc("HTTPRoute", "of-it", {"parentRefs": parents, "hostnames": ["own.test"], "rules": rules}),
        doc("HTTPRoute", "rest", {"parentRefs": parents, "rules": rules}),
    ]
    with thresholds(routes=0 if many else 100):
        made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    shot = Shot()
    shot.port, shot.host = bench.bound[0], "own.test"
    compare(made, bench, shot)
    assert explain(made, Request("GET", "http", "127.0.0.1", shot.port, shot.host, "/", None)).outcome.status == 404


def test_a_colon_in_a_path_is_not_an_escaped_one(bench: Bench) -> None:
    """Keys of scopes have no colon: what stands for it must not be what another path has."""
    paths = ("/a:b", "/a%3Ab", "/a", "/a:b/c", "/a%3Ab/c", "/a%3ab/c")
    documents = [gateway("a", [listener("l", bench.ports[0], None)])]
    for at, path in enumerate(paths):
        rule = {"matches": [{"path": {"type": "Exact", "value": path}}], "backendRefs": [{"name": "s1", "port": 80}]}
        spec = {"parentRefs": [{"name": "a"}], "hostnames": ["a.test"], "rules": [rule]}
        documents.append(doc("HTTPRoute", f"r{at}", spec))
    with thresholds(routes=1):
        made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    for at, path in enumerate(paths):
        got = bench.envoy.ask(bench.bound[0], "GET", path, "a.test")
        assert got.route == f"HTTPRoute/default/r{at}/spec.rules[0].matches[0]", path


@pytest.mark.parametrize("host", ["[::1].test", "[::1]", "w.test:1:2", "a.test:1:2", "a.test:x", "W.Test:", ":80"])
@pytest.mark.parametrize("few", [0, 50])
def test_a_host_with_colons(bench: Bench, host: str, few: int) -> None:
    rules = [{"backendRefs": [{"name": "s1", "port": 80}]}]
    documents = [gateway("a", [listener("l", bench.ports[0], None)])]
    for name, hostnames in (("exact", ["a.test"]), ("wild", ["*.test"]), ("rest", [])):
        documents.append(
            doc("HTTPRoute", name, {"parentRefs": [{"name": "a"}], "hostnames": hostnames, "rules": rules})
        )
    with thresholds(hosts=few):
        made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    shot = Shot()
    shot.port, shot.host = bench.bound[0], host
    compare(made, bench, shot)


def compare(made: Translation, bench: Bench, shot: Shot) -> None:
    """Explain the request and send it."""
    request = Request(
        method=shot.method,
        scheme="http",
        address="127.0.0.1",
        port=shot.port,
        host=shot.host,
        path=shot.path,
        query="&".join(shot.query) if shot.query else None,
        headers=tuple(shot.headers),
    )
    told = explain(made, request)
    got = bench.envoy.ask(shot.port, shot.method, shot.target, shot.host, shot.headers)
    assert agrees(told, got, shot), f"{shot}\n{got}\n{told.outcome}\n{told.winner}"


def agrees(told: Explanation, got: Got, shot: Shot) -> bool:
    """Whether the answer is one of those that the explanation allows for."""
    outcome = told.outcome
    if not outcome.shares:
        return (outcome.status, outcome.location) == (got.status, got.location)
    assert told.winner is not None
    return any(_is(share, got, told.winner.envoy_route, shot) for share in outcome.shares if share.percent)


def _is(share: Share, got: Got, route: str, shot: Shot) -> bool:
    if share.status == 200:
        # A preflight: the CORS filter answers without the headers that tell of the route.
        return got.status == 200 and ("is allowed" in share.why) == bool(got.origin)
    if share.status:
        return (share.status, share.location, route) == (got.status, got.location, got.route)
    if share.protocol == "h2c" and got.status == 503 and ("websocket" in shot.done or shot.host in {"", "."}):
        # The echo takes neither WebSocket by HTTP/2 (RFC 8441) nor HTTP/2 without a host. Other backends may.
        return True
    answer = (200, route, share.cluster, share.path, share.host)
    return answer == (got.status, got.route, got.cluster, got.path, got.host)


# TLS: which listener answers the handshake, and which may answer the request.

HTTPS_HOSTS = {"exact": "a.test", "wild": "*.wild.test", "fourth": "fourth.wild.test"}


def _tls_world(port: int, plain: int) -> list[Doc]:
    tls = {"certificateRefs": [{"name": "cert"}]}
    listeners = [
        {"name": name, "port": port, "protocol": "HTTPS", "hostname": hostname, "tls": tls}
        for name, hostname in HTTPS_HOSTS.items()
    ]
    rules = [{"backendRefs": [{"name": "s1", "port": 80}]}]
    redirect = {
        "type": "RequestRedirect",
        "requestRedirect": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}},
    }
    matches = [{"path": {"type": "Exact", "value": "/away"}}]
    return [
        tls_secret("cert", ["a.test", "*.wild.test"]),
        gateway("a", [*listeners, listener("plain", plain, None)]),
        doc("HTTPRoute", "all", {"parentRefs": [{"name": "a"}], "rules": rules}),
        doc(
            "HTTPRoute", "away", {"parentRefs": [{"name": "a"}], "rules": [{"matches": matches, "filters": [redirect]}]}
        ),
        doc("HTTPRoute", "deep", {"parentRefs": [{"name": "a"}], "hostnames": ["x.wild.test"], "rules": rules}),
    ]


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[SwappedEnvoy, Translation, int, int]]:
    port, plain, echo = free_port(), free_port(), free_port()
    made = decoded([*_tls_world(port, plain), *services(echo)], Settings())
    envoy = SwappedEnvoy(made, echo)
    try:
        yield envoy, made, port, plain
    finally:
        envoy.stop()


@pytest.mark.parametrize(
    ("sni", "host", "path", "status"),
    [
        ("a.test", "a.test", "/", 200),
        ("A.Test", "a.test:8443", "/", 200),
        ("a.test", "A.TEST.", "/", 200),
        ("a.test", "v.wild.test", "/", 421),
        ("a.test", "unknown.org", "/", 404),
        ("v.wild.test", "w.wild.test", "/", 200),
        ("v.wild.test", "x.wild.test", "/", 200),
        ("v.wild.test", "fourth.wild.test", "/", 421),
        ("fourth.wild.test", "fourth.wild.test", "/", 200),
        ("fourth.wild.test", "w.wild.test", "/", 421),
        ("a.test", "a.test", "/away?q=1", 302),
        ("a.test", "a.test:443", "/away", 302),
    ],
)
def test_the_server_name_and_the_host(
    secure: tuple[SwappedEnvoy, Translation, int, int], sni: str, host: str, path: str, status: int
) -> None:
    envoy, made, port, _ = secure
    told = explain(made, request_from("GET", f"https://{sni}:{port}{path}", [("Host", host)]))
    got = envoy.ask(port, "GET", path, host, context=INSECURE, sni=sni)
    assert got.status == status
    shot = Shot()
    assert agrees(told, got, shot), f"{got}\n{told.outcome}"


@pytest.mark.parametrize(
    ("scheme", "sni", "plain"),
    [
        ("https", "wild.test", False),
        ("https", "unknown.org", False),
        ("https", "", False),
        ("http", "a.test", False),
        ("https", "a.test", True),
    ],
)
def test_a_connection_that_comes_to_nothing(
    secure: tuple[SwappedEnvoy, Translation, int, int], scheme: str, sni: str, plain: bool
) -> None:
    envoy, made, port, plain_port = secure
    to = plain_port if plain else port
    told = explain(made, request_from("GET", f"{scheme}://{sni or '127.0.0.1'}:{to}/"))
    assert told.outcome.kind == "closed"
    with pytest.raises((OSError, http.client.HTTPException)):
        envoy.ask(to, "GET", "/", sni, context=INSECURE if scheme == "https" else None, sni=sni or None)


def test_nothing_listens(secure: tuple[SwappedEnvoy, Translation, int, int]) -> None:
    nobody = free_port()
    told = explain(secure[1], request_from("GET", f"http://a.test:{nobody}/"))
    assert told.outcome.kind == "refused"
    with pytest.raises(ConnectionRefusedError):
        secure[0].ask(nobody, "GET", "/", "a.test")
