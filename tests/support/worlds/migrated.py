"""Small classic worlds that can be migrated, for Hypothesis, and requests that aim at them."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.explain import Request, request_from
from daemun.gloo.migrate import Wishes, migrate
from daemun.ir.problem import Problem
from support.objects.cases import objects
from support.worlds.pieces import Doc, maybe, one, some

SOLO = "gateway.solo.io/v1"
HOSTS = ("a.test", "b.a.test", "other.org")
_DOMAINS = ("a.test", "*.a.test", "*", "b.a.test")
PATHS = ("/", "/x", "/x/", "/x/y", "/x/y/z", "/X", "/y", "/xy", "/v1/x")
_HEADERS = ("x-a", "x-b")
_PREFIXES = ("/", "/x", "/x/", "/x/y", "/v1/x")
_VALUES = ("1", "2", "12")

matcher = st.builds(
    lambda path, more: {**path, **more},
    st.one_of(
        st.builds(lambda path: {"prefix": path}, one(*_PREFIXES)),
        st.builds(lambda path: {"prefix": path}, one(*_PREFIXES)),
        st.builds(lambda path: {"exact": path}, one("/x", "/x/y", "/x/", "/v1/x")),
        one({"regex": "/x/[a-z]"}, {"regex": "/x.*"}, {"exact": "/X", "caseSensitive": False}, {}),
    ),
    maybe(
        headers=some(
            one(
                {"name": "x-a"},
                {"name": "X-A", "value": "1"},
                {"name": "x-b", "value": "1|2", "regex": True},
                {"name": "x-b", "value": "2"},
            ),
            2,
        ),
        queryParameters=some(one({"name": "q"}, {"name": "q", "value": "1"}), 1),
        methods=one([], ["GET"], ["GET", "POST"]),
    ),
)
destination = st.builds(
    lambda name, namespace: {"kube": {"ref": {"name": name, "namespace": namespace}, "port": 80}},
    one("a", "b", "c"),
    one("default", "far"),
)
action = st.one_of(
    st.builds(lambda one: {"routeAction": {"single": one}}, destination),
    st.builds(lambda one: {"routeAction": {"single": one}}, destination),
    st.builds(
        lambda first, second: {
            "routeAction": {
                "multi": {"destinations": [{"destination": first, "weight": 3}, {"destination": second, "weight": 1}]}
            }
        },
        destination,
        destination,
    ),
    one(
        {"routeAction": {"upstreamGroup": {"name": "both", "namespace": "default"}}},
        {"redirectAction": {"hostRedirect": "new.test", "responseCode": "FOUND", "pathRedirect": "/new"}},
        {"redirectAction": {"httpsRedirect": True}},
        {"redirectAction": {"prefixRewrite": "/old", "hostRedirect": "old.test"}},
        {"directResponseAction": {"status": 418, "body": "short and stout"}},
    ),
)
options = maybe(
    prefixRewrite=one("/", "/new", "/new/"),
    hostRewrite=one("back.test", "Back.test:80"),
    timeout=one("1.5s", "0s"),
    headerManipulation=one(
        {"requestHeadersToAdd": [{"header": {"key": "x-new", "value": "1"}, "append": False}]},
        {"responseHeadersToRemove": ["x-old"]},
    ),
)
leaf = st.builds(lambda action, more: {**action, **more}, action, maybe(matchers=some(matcher, 2), options=options))
delegate = st.builds(
    lambda prefix, to, more: {"matchers": [{"prefix": prefix}], "delegateAction": to, **more},
    one(*_PREFIXES),
    one(
        {"ref": {"name": "t", "namespace": "default"}},
        {"ref": {"name": "u", "namespace": "far"}},
        {"selector": {"labels": {"of": "api"}, "namespaces": ["*"]}},
    ),
    maybe(options=options, inheritableMatchers=st.booleans(), inheritablePathMatchers=st.booleans()),
)


def _object(kind: str, name: str, namespace: str, spec: Doc, group: str = SOLO, labels: Doc | None = None) -> Doc:
    metadata: Doc = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


def _service(name: str, domains: list[str], routes: list[Doc], own: bool = False) -> Doc:
    """`own`: with options of its own, for which it needs listeners of its own."""
    host = {"domains": domains, "routes": routes, **({"options": {"includeRequestAttemptCount": True}} if own else {})}
    return _object("VirtualService", name, "default", {"virtualHost": host})


services = st.lists(
    st.tuples(
        some(one(*_DOMAINS), 2).map(lambda found: list(dict.fromkeys(found)) or ["*"]),
        st.lists(st.one_of(leaf, leaf, delegate), min_size=1, max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=2,
).map(lambda found: [_service(f"vs{at}", *each) for at, each in enumerate(found)])
tables = st.tuples(
    st.builds(
        lambda routes, weight: _object(
            "RouteTable", "t", "default", {"routes": routes, "weight": weight}, labels={"of": "api"}
        ),
        st.lists(leaf, max_size=3),
        one(0, 5),
    ),
    st.builds(
        lambda routes: _object("RouteTable", "u", "far", {"routes": routes}, labels={"of": "api"}),
        st.lists(leaf, max_size=3),
    ),
).map(list)
_GROUP = _object(
    "UpstreamGroup",
    "both",
    "default",
    {
        "destinations": [
            {"destination": {"kube": {"ref": {"name": name}, "port": 80}}, "weight": 1} for name in ("a", "b")
        ]
    },
    "gloo.solo.io/v1",
)
_BACKENDS = [
    _object("Service", name, namespace, {"ports": [{"port": 80}]}, "v1")
    for name in ("a", "b", "c")
    for namespace in ("default", "far")
]
worlds = st.builds(lambda first, second: [*first, *second, _GROUP, *_BACKENDS], services, tables)
"""Classic worlds."""

_below = st.builds(
    lambda matcher, action, more: {"matchers": [matcher], **action, **more},
    st.builds(
        lambda path, more: {**path, **more},
        one(
            {"prefix": "/x"},
            {"prefix": "/x/y"},
            {"exact": "/x/y"},
            {"exact": "/x"},
            {"regex": "/x/[a-z]"},
            {"prefix": "/y"},
        ),
        maybe(headers=one([], [{"name": "x-a"}]), methods=one([], ["GET"])),
    ),
    action,
    maybe(options=options),
)
_further = st.builds(
    lambda path, more: {
        "matchers": [{"prefix": path}],
        "delegateAction": {"ref": {"name": "u", "namespace": "far"}},
        **more,
    },
    one("/x", "/x/y"),
    maybe(options=options),
)
_tops = st.lists(
    st.builds(
        lambda to, more: {"matchers": [{"prefix": "/x"}], "delegateAction": to, **more},
        one(
            {"ref": {"name": "t", "namespace": "default"}},
            {"ref": {"name": "t", "namespace": "default"}},
            {"selector": {"labels": {"of": "api"}, "namespaces": ["*"]}},
        ),
        maybe(options=maybe(hostRewrite=one("back.test", "up.test"), timeout=one("2s"))),
    ),
    min_size=1,
    max_size=2,
)
delegating = st.builds(
    lambda first, second, routes, more: [
        _service("vs0", ["a.test"], first),
        _service("vs1", ["*"], second),
        _object("RouteTable", "t", "default", {"routes": routes}, labels={"of": "api"}),
        _object("RouteTable", "u", "far", {"routes": more}, labels={"of": "more"}),
        _GROUP,
        *_BACKENDS,
    ],
    st.builds(lambda top, rest: [*top[:1], *rest], _tops, st.lists(leaf, max_size=1)),
    st.builds(lambda top, rest: [*rest, *top[:1]], _tops, st.lists(_below, max_size=1)),
    st.lists(st.one_of(_below, _below, _further), min_size=1, max_size=3),
    st.lists(_below, min_size=1, max_size=2),
)
"""Classic worlds whose RouteTables can mostly stay objects of their own."""

requests = st.builds(
    lambda method, host, path, query, headers: request_from(
        method, f"http://127.0.0.1:8080{path}{query}", [("Host", host), *headers.items()]
    ),
    one("GET", "POST", "PUT"),
    one(*HOSTS),
    one(*PATHS),
    one("", "?q=1", "?q=2"),
    st.dictionaries(one(*_HEADERS), one(*_VALUES), max_size=2),
)
"""Requests."""


def typed(documents: Iterable[Doc]) -> dict[Ref, Resource]:
    """The objects that these manifests are."""
    import json

    return objects("\n---\n".join(json.dumps(one) for one in documents))


def migrated(world: dict[Ref, Resource], **wishes: Any) -> tuple[dict[Ref, Resource], tuple[Problem, ...]]:
    """The world in Gateway API's words, and what was told about it."""
    from daemun.gloo.migrate import CLASSIC

    made, told = migrate(world, Wishes(**wishes))
    kept = {ref: value for ref, value in world.items() if ref[:2] not in CLASSIC}
    return {**typed(one.document for one in made), **kept}, told


def differs(request: Request, prefixes: Iterable[str]) -> bool:
    """Whether a prefix of characters fits the request, and the same of path elements does not, or the other way."""
    path = request.path
    return any(
        path.startswith(prefix) != (path == prefix.rstrip("/") or path.startswith(prefix.rstrip("/") + "/"))
        for prefix in prefixes
    )


PREFIXES = _PREFIXES
