"""Hostnames: which listener a host belongs to, which routes it meets there, and Gateways side by side."""

from typing import Any

import pytest
import pytest_asyncio

from support.objects.documents import gateway, listener, prefix, reference, route, rule
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
PORTS: dict[str, int] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    PORTS.update({name: free_port("0.0.0.0") for name in ("isolated", "twice", "plain")})
    await shared.echo("a", "b", "c", "d", "e")
    shared.write("isolated.yaml", _isolated(), *_on_listeners())
    shared.write("plain.yaml", gateway("plain", listener(PORTS["plain"])), *_plain())
    for number in (1, 2):
        name = f"twice-{number}"
        shared.write(
            f"{name}.yaml",
            gateway(name, listener(PORTS["twice"]), addresses=[f"127.0.0.{number}"]),
            route(name, rule(to="ab"[number - 1]), parents=[name]),
        )
    await shared.start()


def _isolated() -> dict:
    port = PORTS["isolated"]
    return gateway(
        "isolated",
        listener(port, "any"),
        listener(port, "wild", hostname="*.example.com"),
        listener(port, "foo", hostname="*.foo.example.com"),
        listener(port, "exact", hostname="abc.foo.example.com"),
    )


def _on_listeners() -> list[dict]:
    def on(section: str, to: str, path: str, **fields: Any) -> dict:
        parent = reference("isolated", sectionName=section)
        return route(f"{section}-{to}", rule(prefix(path), to=to), parents=[parent], **fields)

    return [
        on("any", "a", "/any"),
        on("wild", "b", "/wild"),
        on("foo", "c", "/foo"),
        on("exact", "d", "/exact"),
        # On all listeners where its hosts fit.
        route("shared", rule(prefix("/shared"), to="e"), parents=["isolated"], hosts=["qux.foo.example.com", "z.org"]),
    ]


ISOLATION = [
    ("bar.org", "any"),
    ("example.com", "any"),
    ("bar.example.com", "wild"),
    ("deep.down.example.com", "wild"),
    ("foo.example.com", "wild"),
    ("bar.foo.example.com", "foo"),
    ("abc.foo.example.com", "exact"),
]


@pytest.mark.parametrize(("host", "owner"), ISOLATION)
async def test_a_host_belongs_to_its_most_specific_listener_alone(shared: World, host: str, owner: str) -> None:
    for section in ("any", "wild", "foo", "exact"):
        got = await shared.ask(f"/{section}", port=PORTS["isolated"], host=host)
        assert got.status == (200 if section == owner else 404), section


@pytest.mark.parametrize(
    ("host", "status"),
    [("qux.foo.example.com", 200), ("z.org", 200), ("x.foo.example.com", 404), ("y.org", 404), ("example.com", 404)],
)
async def test_a_route_serves_its_hosts_on_the_listeners_that_own_them(shared: World, host: str, status: int) -> None:
    assert (await shared.ask("/shared", port=PORTS["isolated"], host=host)).status == status


def _plain() -> list[dict]:
    return [
        route("one", rule(to="a"), parents=["plain"], hosts=["one.example"]),
        route("wild", rule(to="b"), parents=["plain"], hosts=["*.wild.example"]),
        route("nested", rule(to="c"), parents=["plain"], hosts=["*.nested.wild.example"]),
        route("under", rule(prefix("/only"), to="d"), parents=["plain"], hosts=["x.wild.example"]),
        route("rest", rule(prefix("/rest"), to="e"), parents=["plain"]),
    ]


HOSTS = [
    ("one.example", "/", "a"),
    ("one.example:1234", "/", "a"),
    ("ONE.Example", "/", "a"),
    ("ONE.EXAMPLE:80", "/", "a"),
    ("one.example.", "/", "a"),
    ("two.example", "/", "404"),
    ("a.wild.example", "/", "b"),
    ("A.Wild.Example:8080", "/", "b"),
    ("a.b.wild.example", "/", "b"),
    ("wild.example", "/", "404"),
    ("a.nested.wild.example", "/", "c"),
    ("nested.wild.example", "/", "b"),
    ("two.example", "/rest", "e"),
    # An exact host has its own paths and does not fall back to a wildcard's.
    ("x.wild.example", "/only", "d"),
    ("x.wild.example", "/", "404"),
    ("x.wild.example", "/rest", "404"),
]


@pytest.mark.parametrize(("host", "path", "expected"), HOSTS)
async def test_hosts(shared: World, host: str, path: str, expected: str) -> None:
    got = await shared.ask(path, port=PORTS["plain"], host=host)
    assert (got.backend or str(got.status)) == expected


async def test_two_gateways_have_the_same_port_on_addresses_of_their_own(shared: World) -> None:
    for number, backend in ((1, "a"), (2, "b")):
        got = await shared.ask("/", port=PORTS["twice"], address=f"127.0.0.{number}")
        assert got.backend == backend
    assert shared.problems() == []
