"""A29: nobody goes out to what is not allowed, however he spells it, and nobody comes in that way."""

from ipaddress import ip_address

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from daemun.api.egress import EgressSpec, NameServer
from daemun.base.guard import LOOPBACK, Guard
from daemun.base.names import DAEMUN, Ref
from daemun.gatewayapi.egresses import refusals
from daemun.gatewayapi.settings import Settings
from daemun.gloo.upstreams.internals import guard_of
from daemun.ir.egress import Allowed
from support.clients.client import Answer
from support.objects.documents import Doc, egress, gateway, listener, prefix, route, rule, to_egress
from support.scenes.world import World
from support.servers.nameserver import Nameserver

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = Nameserver()
PORTS: dict[str, int] = {}
REFUSED = ["127.1", "2130706433", "0x7f.1", "169.254.169.254", "fd00:ec2::254", "224.0.0.1"]
INSIDE = {
    "link": ("A", "169.254.169.254"),
    "cloud": ("A", "100.100.100.200"),
    "mapped": ("AAAA", "::ffff:169.254.169.254"),
    "embedded": ("AAAA", "64:ff9b::a9fe:a9fe"),
    "unique": ("AAAA", "fd00:ec2::254"),
    "nowhere": ("A", "0.0.0.0"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await NAMES.start()
    shared.closing(NAMES.stop)
    for name in ("api", "evil", "evilapi", "api.evil", "apitest"):
        NAMES.put(name, "A", "127.0.0.1")
    NAMES.put("both", "A", "169.254.169.254", "127.0.0.1")
    for name, (kind, address) in INSIDE.items():
        NAMES.put(name, kind, address)
    await shared.echo("plain")
    port = PORTS["plain"] = shared.backends["plain"].port
    inside = [f"{name}.test" for name in (*INSIDE, "both")]
    shared.write(
        "egress.yaml",
        egress("out", "api.test", "*.wild.test", ports=[port], asking=NAMES.port),
        egress("in", *inside, ports=[port], asking=NAMES.port),
        *(egress(f"refused-{at}", host) for at, host in enumerate(REFUSED)),
        egress("asking", "api.test", nameServers=[{"address": "169.254.169.254"}]),
    )
    changed = {"name": "changed", "namespace": "default"}
    shared.write(
        "options.yaml",
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "RouteOption",
            "metadata": changed,
            "spec": {"options": _rewritten("evil.test:" + str(port))},
        },
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "RouteOption",
            "metadata": {**changed, "name": "by-header"},
            "spec": {"options": {"hostRewriteHeader": "x-to"}},
        },
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "RouteOption",
            "metadata": {**changed, "name": "by-path"},
            "spec": {
                "options": {"hostRewritePathRegex": {"pattern": {"regex": "^/path/([^/]+)/.*$"}, "substitution": "\\1"}}
            },
        },
    )
    rules = [rule(prefix(f"/refused-{at}"), to=[to_egress(f"refused-{at}")]) for at in range(len(REFUSED))]
    rules += [
        rule(prefix("/changed"), to=[to_egress("out")], filters=[_option("changed")]),
        rule(prefix("/header"), to=[to_egress("out")], filters=[_option("by-header")]),
        rule(prefix("/path"), to=[to_egress("out")], filters=[_option("by-path")]),
        rule(prefix("/in"), to=[to_egress("in")]),
        rule(prefix("/asking"), to=[to_egress("asking")]),
    ]
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to=[to_egress("out")]), *rules))
    await shared.start(clean=False)


def _option(name: str) -> Doc:
    return {"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": name}}


def _rewritten(host: str) -> Doc:
    """A transformation that writes another Host, after the route was chosen."""
    template = {"passthrough": {}, "headers": {":authority": {"text": host}}}
    one = {"requestTransformation": {"transformationTemplate": template}}
    return {"stagedTransformations": {"regular": {"requestTransforms": [one]}}}


async def _out(world: World, host: str, path: str = "/", **headers: str) -> Answer:
    return await world.ask(path, host=host.replace("PORT", str(PORTS["plain"])), headers=headers)


async def test_what_is_allowed_goes_out(shared: World) -> None:
    """A dot at the end of a name says nothing, and is gone before anybody looks."""
    assert (await shared.answers(200, host=f"api.test:{PORTS['plain']}")).backend == "plain"
    assert (await _out(shared, "api.test.:PORT")).seen["host"] == f"api.test:{PORTS['plain']}"


@pytest.mark.parametrize(
    "host",
    [
        "api.test",
        "api.test:80",
        "api.test:1",
        "API.test:PORT",
        "evil.test:PORT",
        "evilapi.test:PORT",
        "api.evil.test:PORT",
        "apitest:PORT",
        "wild.test:PORT",
        ".wild.test:PORT",
        "a..wild.test:PORT",
        "api.test:PORT:80",
        "api.test:PORT@evil.test",
        "api.test@evil.test:PORT",
        "evil.test:PORT@api.test:PORT",
        "evil.test:PORT#api.test:PORT",
        "evil.test/api.test:PORT",
        "evil.test\\api.test:PORT",
        "evil.test%00.wild.test:PORT",
        "evil.test:PORT .wild.test:PORT",
        "127.0.0.1:PORT",
        "[::1]:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "localhost:PORT",
        "169.254.169.254",
        "",
    ],
)
async def test_no_spelling_gets_around_the_list(shared: World, host: str) -> None:
    """What is not allowed is not even looked up."""
    asked = len(NAMES.asked)
    before = len(shared.backends["plain"].requests)
    got = await _out(shared, host)
    assert got.status in {400, 403}
    assert got.backend == ""
    assert len(shared.backends["plain"].requests) == before
    assert len(NAMES.asked) == asked


async def test_two_hosts_are_none(shared: World) -> None:
    """Nor does a full URL in the first line say another one than counts."""
    port = PORTS["plain"]
    got = await shared.ask("/", host=f"api.test:{port}", headers=[("host", f"evil.test:{port}")])
    assert (got.status, got.backend) in {(400, ""), (403, "")}
    got = await shared.ask(f"http://evil.test:{port}/", host=f"api.test:{port}")
    assert (got.status, got.backend) == (403, "")


async def test_what_is_written_into_a_request_is_no_way_around(shared: World) -> None:
    """By a transformation that comes after the route is chosen, by a header, or by a part of the path."""
    port = PORTS["plain"]
    allowed = f"api.test:{port}"
    assert (await _out(shared, allowed, "/changed")).status == 403
    assert (await _out(shared, "evil.test:PORT", "/changed")).status == 403
    assert (await _out(shared, allowed, "/header")).backend == "plain"
    assert (await _out(shared, "evil.test:PORT", "/header", **{"x-to": allowed})).backend == "plain"
    for value in (f"evil.test:{port}", f"{allowed},evil.test:{port}", "", "api.test", f"{allowed}@evil.test"):
        got = await _out(shared, allowed, "/header", **{"x-to": value})
        assert (got.status, got.backend) in {(400, ""), (403, "")}, value
    assert (await _out(shared, "evil.test:PORT", "/header")).status == 403
    assert (await _out(shared, "evil.test:PORT", f"/path/{allowed}/")).backend == "plain"
    assert (await _out(shared, allowed, f"/path/evil.test:{port}/")).status == 403


@pytest.mark.parametrize("name", INSIDE)
async def test_a_name_that_leads_inside_has_no_address(shared: World, name: str) -> None:
    """It is allowed, and whoever owns it has it lead to the link, or to a cloud's metadata."""
    assert (await _out(shared, f"{name}.test:PORT", "/in")).status == 503


async def test_of_several_addresses_only_those_outside_count(shared: World) -> None:
    for _ in range(10):
        assert (await _out(shared, "both.test:PORT", "/in")).backend == "plain"


@pytest.mark.parametrize("at", range(len(REFUSED)), ids=REFUSED)
async def test_what_is_inside_cannot_be_allowed(shared: World, at: int) -> None:
    await shared.problem(f"Egress default/refused-{at} spec.hosts[0]", REFUSED[at])
    assert (await shared.ask(f"/refused-{at}", host=REFUSED[at])).status == 500


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "a.localhost", "*.localhost", *REFUSED])
async def test_in_a_cluster_the_machine_itself_is_inside(host: str) -> None:
    """In a folder it is where backends are."""
    spec = EgressSpec((host,), name_servers=(NameServer("127.0.0.1"),))
    cluster = guard_of(Settings(clustered=True))
    assert [one.where for one in refusals(spec, cluster)] == ["spec.hosts[0]", "spec.nameServers[0].address"]
    assert any(ip_address("127.0.0.1") in network for network in cluster.networks())


async def test_who_is_asked_for_names_is_no_way_in_either(shared: World) -> None:
    await shared.problem("Egress default/asking spec.nameServers[0].address")
    assert (await shared.ask("/asking", host="api.test")).status == 500


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**96 - 1), st.sampled_from(range(9)), st.sampled_from([(), LOOPBACK]))
async def test_every_address_that_is_refused_is_in_a_network_that_is(
    four: int, rest: int, kind: int, allowed: tuple[str, ...]
) -> None:
    """Envoy is told networks, where the guard judges each address, by what it stands for."""
    guard = Guard.of(*allowed, "169.254.20.0/24")
    metadata = int(ip_address("169.254.0.0")) | four & 0xFFFF
    loopback = int(ip_address("127.0.0.0")) | four & 0xFFFFFF
    for one in (four, metadata, loopback):
        address = str(_standing_for(one, rest, kind))
        if guard.refuses(address):
            assert any(ip_address(address) in network for network in guard.networks()), address


def _standing_for(four: int, rest: int, kind: int) -> object:
    """An address of version 4, or one of version 6 that has it in it in one of the known ways."""
    prefixes = ["::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::"]
    if kind == 0:
        return ip_address(four)
    if kind <= len(prefixes):
        within = rest & 0xFFFF_FFFF << 32 if kind == len(prefixes) else 0
        return ip_address(int(ip_address(prefixes[kind - 1])) | within | four)
    if kind == 5:
        return ip_address(0x2002 << 112 | four << 80 | rest & 2**80 - 1)
    if kind == 6:
        return ip_address(0x2001_0000 << 96 | four << 64 | rest & 2**64 - 1)
    if kind == 7:
        return ip_address(0x2001_0000 << 96 | rest & 2**64 - 1 << 32 | four ^ 0xFFFFFFFF)
    return ip_address(four << 96 | rest)


@given(st.text(max_size=40))
async def test_no_text_is_allowed_but_what_is_meant(text: str) -> None:
    allowed = Allowed(Ref(DAEMUN, "Egress", "a", "b"), ("api.test", "*.wild.test"), (443,), 443)
    host = text.removesuffix(":443")
    expected = host == "api.test" or (host.endswith(".wild.test") and host.removesuffix(".wild.test") not in {"", "."})
    assert not allowed.permits(text) or expected
