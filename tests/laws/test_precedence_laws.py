"""Which route takes a request, in Gateway API's own words, beside what `explain` says, which is what Envoy does."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from daemun.explain import Request, explain
from daemun.gatewayapi.settings import Settings
from support.worlds.explained import decoded, doc, gateway, listener, services

_PORT = 8080
_LISTENERS = ("", "*.test", "*.w.test", "x.w.test")
_HOSTNAMES = ("*.test", "*.w.test", "x.w.test", "y.w.test", "*.v.w.test")
_REQUESTS = ("x.w.test", "y.w.test", "z.w.test", "u.v.w.test", "z.test", "test", "z.org")
_PATHS = ("/", "/a", "/a/b", "/a/b/c")
_AGES = ("", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")


class Asked(NamedTuple):
    """A route with one match."""

    hostnames: list[str]
    exact: bool
    path: str
    post: bool
    created: str


routes = st.builds(
    Asked,
    st.lists(st.sampled_from(_HOSTNAMES), max_size=2, unique=True),
    st.booleans(),
    st.sampled_from(_PATHS),
    st.booleans(),
    st.sampled_from(_AGES),
)


def fits(hostname: str, host: str) -> bool:
    """A wildcard is any labels to the left, at least one; no hostname is every host."""
    return host.endswith(hostname[1:]) if hostname.startswith("*.") else hostname in ("", host)


def characters(hostname: str) -> tuple[int, int]:
    """Of a hostname without a wildcard, and of any (HTTPRoute.spec.hostnames)."""
    return 0 if hostname.startswith("*.") else len(hostname), len(hostname)


def narrower(one: str, other: str) -> str:
    """Of two hostnames that both fit a host: what they have in common."""
    return max(one, other, key=characters)


def taker(listeners: list[str], asked: list[Asked], host: str, path: str, method: str) -> str | None:
    """The name of the route that has the request: of the most specific listener and, there, of the most specific
    hostname that listener and routes have in common.
    """
    mine = max((one for one in listeners if fits(one, host)), key=characters, default=None)
    if mine is None:
        return None
    here = [
        (characters(narrower(mine, hostname)), characters(hostname), at)
        for at, route in enumerate(asked)
        for hostname in route.hostnames or [""]
        if fits(hostname, host)
    ]
    meeting = max((common for common, _, _ in here), default=None)
    found = []
    for common, (precise, longest), at in here:
        route = asked[at]
        path_fits = path == route.path or (not route.exact and path.startswith(f"{route.path.rstrip('/')}/"))
        if common == meeting and path_fits and (not route.post or method == "POST"):
            of_match = (not route.exact, -len(route.path), not route.post)
            found.append(((-precise, -longest), of_match, route.created, f"r{at}"))
    return min(found)[-1] if found else None


@given(
    st.lists(st.sampled_from(_LISTENERS), min_size=1, max_size=3, unique=True),
    st.lists(routes, min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(_REQUESTS), st.sampled_from((*_PATHS, "/ab"))), min_size=1, max_size=8),
    st.sampled_from(("GET", "POST")),
)
def test_the_route_that_gateway_api_says(
    listeners: list[str], asked: list[Asked], requests: list[tuple[str, str]], method: str
) -> None:
    documents = [gateway("a", [listener(f"l{at}", _PORT, host or None) for at, host in enumerate(listeners)])]
    for at, route in enumerate(asked):
        match = {"path": {"type": "Exact" if route.exact else "PathPrefix", "value": route.path}}
        rule = {
            "matches": [match | ({"method": "POST"} if route.post else {})],
            "backendRefs": [{"name": "s1", "port": 80}],
        }
        spec = {"parentRefs": [{"name": "a"}], "hostnames": route.hostnames, "rules": [rule]}
        documents.append(doc("HTTPRoute", f"r{at}", spec, created=route.created))
    made = decoded([*documents, *services(9)], Settings())
    for host, path in requests:
        told = explain(made, Request(method, "http", "127.0.0.1", _PORT, host, path, None))
        winner = told.winner.route.name if told.winner else None
        assert winner == taker(listeners, asked, host, path, method), (host, path)
