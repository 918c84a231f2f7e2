"""Redirects: codes, and the scheme, host, port and path of the new URL (the tables of HTTPRequestRedirectFilter)."""

import re

import pytest
import pytest_asyncio

from support.objects.certificates import authority
from support.objects.documents import exact, gateway, listener, prefix, regex, route, rule, secret, use
from support.objects.prefixes import PREFIXES
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
TLS_PORT = free_port()
CODES = (301, 302, 303, 307, 308)


def _to(kind: str, **spec: object) -> dict:
    return rule(prefix(f"/{kind}"), filters=[use("RequestRedirect", **spec)])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    shared.write("cert.yaml", secret("cert", *CA.issue("test.example")))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port), listener(TLS_PORT, "https", certs=["cert"])))
    shared.write(
        "parts.yaml",
        route("codes", *(_to(f"code-{code}", hostname="new.example", statusCode=code) for code in CODES)),
        route(
            "parts",
            _to("default", hostname="new.example"),
            _to("https", scheme="https"),
            _to("http", scheme="http"),
            _to("https-8443", scheme="https", port=8443),
            _to("https-443", scheme="https", port=443),
            _to("http-80", scheme="http", port=80),
            _to("port-80", port=80),
            _to("port-8083", port=8083),
            _to("nothing", statusCode=301),
            _to("path", path={"type": "ReplaceFullPath", "replaceFullPath": "/new/place"}),
            _to(
                "everything",
                scheme="https",
                hostname="new.example",
                port=9443,
                statusCode=308,
                path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/all"},
            ),
            rule(
                exact("/exactly"),
                filters=[use("RequestRedirect", path={"type": "ReplaceFullPath", "replaceFullPath": "/x"})],
            ),
            rule(regex("/like/[a-z]+"), filters=[use("RequestRedirect", hostname="new.example")]),
        ),
    )
    for at, (match, replacement, _, _) in enumerate(PREFIXES):
        new = {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}
        shared.write(
            f"prefix-{at}.yaml",
            route(
                f"prefix-{at}",
                rule(prefix(match), filters=[use("RequestRedirect", path=new)]),
                hosts=[f"p{at}.example"],
            ),
        )
    await shared.start()


@pytest.mark.parametrize("code", CODES)
async def test_codes(shared: World, code: int) -> None:
    got = await shared.ask(f"/code-{code}/x?q=1")
    assert (got.status, got.headers["location"]) == (code, f"http://new.example:{shared.port}/code-{code}/x?q=1")


# From HTTP: the listener's port is said, unless the scheme or a port is given. {port} stands for it.
PARTS = [
    ("default", "http://new.example:{port}/default"),
    ("https", "https://test.example/https"),
    ("http", "http://test.example/http"),
    ("https-8443", "https://test.example:8443/https-8443"),
    ("https-443", "https://test.example/https-443"),
    ("http-80", "http://test.example/http-80"),
    ("port-80", "http://test.example/port-80"),
    ("port-8083", "http://test.example:8083/port-8083"),
    ("nothing", "http://test.example:{port}/nothing"),
    ("path", "http://test.example:{port}/new/place"),
    ("everything", "https://new.example:9443/all"),
    ("exactly", "http://test.example:{port}/x"),
    ("like/this", "http://new.example:{port}/like/this"),
]


@pytest.mark.parametrize(("path", "location"), PARTS)
async def test_parts_of_the_url(shared: World, path: str, location: str) -> None:
    expected = location.replace("{port}", str(shared.port))
    assert (await shared.ask(f"/{path}")).headers["location"] == expected
    for host in (f"test.example:{shared.port}", "test.example:1234"):
        # A Host with a port makes Envoy write out a port that could have been left out: the right one, at least.
        location = (await shared.ask(f"/{path}", host=host)).headers["location"]
        assert re.sub(r"^(http:[^/]*//[^/:]+):80/|^(https:[^/]*//[^/:]+):443/", r"\1\2/", location) == expected
    assert (await shared.ask(f"/{path}?a=1&b=%20")).headers["location"] == f"{expected}?a=1&b=%20"


FROM_TLS = [
    ("nothing", "https://test.example:{port}/nothing"),
    ("http", "http://test.example/http"),
    ("https", "https://test.example/https"),
    ("port-80", "https://test.example:80/port-80"),
    ("port-8083", "https://test.example:8083/port-8083"),
]


@pytest.mark.parametrize(("path", "location"), FROM_TLS)
async def test_parts_of_the_url_behind_tls(shared: World, path: str, location: str) -> None:
    got = await shared.ask(f"/{path}", port=TLS_PORT, tls=CA.client(), sni="test.example")
    assert got.headers["location"] == location.replace("{port}", str(TLS_PORT))


@pytest.mark.parametrize("at", range(len(PREFIXES)), ids=[f"{m} by {r!r}: {p}" for m, r, p, _ in PREFIXES])
async def test_replace_prefix_match(shared: World, at: int) -> None:
    _, _, path, expected = PREFIXES[at]
    for query in ("", "?q=/foo"):
        got = await shared.ask(path + query, host=f"p{at}.example")
        assert got.headers["location"] == f"http://p{at}.example:{shared.port}{expected}{query}"
