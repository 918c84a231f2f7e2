"""HTTPS listeners: which certificate, which routes, misdirected requests, and certificates that change."""

import ssl

import pytest
import pytest_asyncio

from support.clients.client import Answer, connection, exchange
from support.clients.http2 import http2
from support.objects.certificates import authority
from support.objects.documents import gateway, grant, listener, prefix, reference, route, rule, secret
from support.scenes.world import World, load, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
PORT, STRICT = free_port(), free_port()
# Listener, its hostname, the names in its certificate, its backend.
LISTENERS = {
    "any": ("", ["any.example"], "a"),
    "one": ("one.example", ["one.example", "two.example", "*.wild.example"], "b"),
    "two": ("two.example", ["two.example"], "c"),
    "wild": ("*.wild.example", ["*.wild.example"], "d"),
    "fourth": ("fourth.wild.example", ["fourth.wild.example"], "e"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c", "d", "e")
    listeners = []
    for name, (hostname, names, to) in LISTENERS.items():
        shared.write(f"secret-{name}.yaml", secret(name, *CA.issue(*names)))
        listeners.append(listener(PORT, name, hostname=hostname, certs=[name]))
        parent = reference("gw", sectionName=name)
        shared.write(f"route-{name}.yaml", route(f"to-{to}", rule(prefix("/"), to=to), parents=[parent]))
    shared.write("gateway.yaml", gateway("gw", *listeners))
    shared.write(
        "strict.yaml",
        gateway(
            "strict",
            listener(STRICT, "one", hostname="one.example", certs=["one"]),
            listener(STRICT, "bad", hostname="bad.example", certs=["missing"]),
            listener(STRICT, "far", hostname="far.example", certs=["other/far"]),
        ),
        route("strict", rule(to="b"), parents=["strict"]),
    )
    shared.write("far.yaml", secret("other/far", *CA.issue("far.example")))
    await shared.start(clean=False)


async def certificate(port: int, sni: str, context: ssl.SSLContext | None = None) -> set[str]:
    """The names in the certificate that is shown."""
    context = context or CA.client()
    context.check_hostname = False
    async with connection(port, tls=context, sni=sni) as (_, writer):
        shown = writer.get_extra_info("peercert")["subjectAltName"]
        return {name for _, name in shown}


@pytest.mark.parametrize(
    ("sni", "owner"),
    [
        ("one.example", "one"),
        ("two.example", "two"),
        ("x.wild.example", "wild"),
        ("x.y.wild.example", "wild"),
        ("fourth.wild.example", "fourth"),
        ("unknown.example", "any"),
        ("wild.example", "any"),
        ("", "any"),
    ],
)
async def test_the_name_in_the_handshake_chooses_the_certificate(shared: World, sni: str, owner: str) -> None:
    assert await certificate(PORT, sni) == set(LISTENERS[owner][1])


async def test_an_unknown_name_is_refused_where_every_listener_has_a_hostname(shared: World) -> None:
    assert await certificate(STRICT, "one.example")
    for sni in ("unknown.example", "", "bad.example"):
        with pytest.raises((ssl.SSLError, OSError)):
            await certificate(STRICT, sni)


# The name in the handshake, the Host of the request, the answer. Requests of a listener reach only its own handshake.
MATRIX = [
    ("one.example", "one.example", 200),
    ("one.example", "two.example", 421),
    ("one.example", "x.wild.example", 421),
    ("one.example", "unknown.example", 421),
    ("two.example", "one.example", 421),
    ("two.example", "unknown.example", 421),
    ("unknown.example", "unknown.example", 200),
    ("unknown.example", "another.example", 200),
    ("unknown.example", "one.example", 421),
    ("x.wild.example", "x.wild.example", 200),
    ("x.wild.example", "y.wild.example", 200),
    ("x.wild.example", "fourth.wild.example", 421),
    ("x.wild.example", "wild.example", 421),
    ("fourth.wild.example", "x.wild.example", 421),
]


@pytest.mark.parametrize(("sni", "host", "status"), MATRIX)
async def test_misdirected_requests(shared: World, sni: str, host: str, status: int) -> None:
    client = CA.client("h2")
    client.check_hostname = False
    async with http2(PORT, client, sni) as both:
        # One connection for both, as a browser that sees a fitting certificate would have it.
        assert await both.get(host) == status
        assert await both.get(f"{host}:{PORT}") == status
        assert await both.get(sni) == 200
    plain = CA.client()
    plain.check_hostname = False
    got = await shared.ask("/", port=PORT, host=host, tls=plain, sni=sni)
    assert got.status == status


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
async def test_the_protocol_is_agreed_on_in_the_handshake(
    shared: World, offered: list[str], chosen: str | None
) -> None:
    async with connection(PORT, tls=CA.client(*offered), sni="one.example") as (reader, writer):
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert (await exchange(reader, writer, host="one.example")).backend == "b"
    async with http2(PORT, CA.client("h2"), "one.example") as two:
        assert await two.get("one.example") == 200


async def test_old_tls_is_refused(shared: World) -> None:
    old = CA.client()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await certificate(PORT, "one.example", old)
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.check_hostname, older.verify_mode = False, ssl.CERT_NONE
    older.set_ciphers("ALL:@SECLEVEL=0")
    # Deprecated means what is tested here: nobody should speak it.
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        await certificate(PORT, "one.example", older)


async def test_a_certificate_is_replaced_while_serving(shared: World) -> None:
    client = CA.client()

    async def serial() -> str:
        async with connection(PORT, tls=client, sni="two.example") as (_, writer):
            return str(writer.get_extra_info("peercert")["serialNumber"])

    async def send() -> Answer:
        return await shared.ask("/", port=PORT, host="two.example", tls=client, sni="two.example")

    async with connection(PORT, tls=client, sni="two.example") as (reader, writer), load(send) as steady:
        before = await serial()
        assert (await exchange(reader, writer, host="two.example")).status == 200
        shared.write("secret-two.yaml", secret("two", *CA.issue("two.example")))

        async def changed() -> bool:
            return await serial() != before

        await until(changed)
        # A connection that was there before is not touched.
        assert (await exchange(reader, writer, host="two.example")).status == 200
    assert steady.failed() == []


async def test_a_bad_certificate_breaks_its_own_listener_only(shared: World) -> None:
    certificate_, _ = CA.issue("two.example")
    _, other_key = CA.issue("two.example")
    shared.write("secret-two.yaml", secret("two", certificate_, other_key))
    problem = await shared.problem("tls.key is not the key of tls.crt", "Gateway default/gw")
    assert (problem.field, problem.code) == ("spec.listeners[2].tls.certificateRefs[0]", "InvalidCertificateRef")
    assert shared.condition("Gateway", "gw", "ResolvedRefs", "two")[:2] == ("False", "InvalidCertificateRef")
    for host, backend in (("one.example", "b"), ("x.wild.example", "d")):
        client = CA.client()
        assert (await shared.ask("/", port=PORT, host=host, tls=client, sni=host)).backend == backend
    shared.write("secret-two.yaml", secret("two", *CA.issue("two.example")))
    await shared.solved(problem)
    await shared.answered_by("c", "/", port=PORT, host="two.example", tls=CA.client(), sni="two.example")


async def test_a_missing_secret_is_served_once_it_is_there(shared: World) -> None:
    problem = await shared.problem("Secret default/missing does not exist")
    assert problem.field == "spec.listeners[1].tls.certificateRefs[0]"
    assert shared.condition("Gateway", "strict", "Programmed", "bad")[0] == "False"
    assert shared.condition("Gateway", "strict", "Programmed", "one")[0] == "True"
    shared.write("missing.yaml", secret("missing", *CA.issue("bad.example")))
    await shared.solved(problem)
    await shared.answered_by("b", "/", port=STRICT, host="bad.example", tls=CA.client(), sni="bad.example")


async def test_a_secret_of_another_namespace_needs_a_grant(shared: World) -> None:
    problem = await shared.problem("Secret other/far is in another namespace, which has not granted it")
    assert problem.code == "RefNotPermitted"
    shared.write("grant.yaml", grant("other/certs", "Gateway", "default", "Secret"))
    await shared.solved(problem)
    far = {"port": STRICT, "host": "far.example", "tls": CA.client(), "sni": "far.example"}
    await shared.answered_by("b", "/", **far)
    (shared.folder / "grant.yaml").unlink()

    async def refused() -> bool:
        try:
            await certificate(STRICT, "far.example")
        except (ssl.SSLError, OSError):
            return True
        return False

    await until(refused)
