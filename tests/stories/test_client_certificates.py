"""Client certificates: who is let in by which port, and what happens when the authorities change."""

import ssl

import pytest
import pytest_asyncio

from support.clients.client import Answer, connection, exchange
from support.clients.http2 import http2
from support.objects.certificates import Authority, Pair, authority
from support.objects.documents import authorities, gateway, listener, route, rule, secret, validation
from support.scenes.world import World, load, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
STAFF, PARTNERS, STRANGERS = Authority(), Authority(), Authority()
ALICE, BOB, MALLORY = STAFF.issue("alice"), PARTNERS.issue("bob"), STRANGERS.issue("mallory")
HOST = "one.example"
PLAIN, CHECKED, OTHER, OPEN, ANY = (free_port() for _ in range(5))
REFUSED = (ssl.SSLError, OSError, EOFError)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("secret.yaml", secret("cert", *CA.issue(HOST)))
    shared.write("staff.yaml", authorities("staff", STAFF.pem))
    shared.write("partners.yaml", authorities("partners", PARTNERS.pem))
    ports = [
        {"port": OTHER, "tls": validation("partners")},
        {"port": OPEN, "tls": {}},
        {"port": ANY, "tls": validation("partners", mode="AllowInsecureFallback")},
        {"port": PLAIN, "tls": validation("partners")},
    ]
    listeners = [listener(port, f"l{port}", certs=["cert"]) for port in (CHECKED, OTHER, OPEN, ANY)]
    shared.write(
        "gateway.yaml",
        gateway(
            "gw",
            listener(PLAIN, "plain"),
            *listeners,
            tls={"frontend": {"default": validation("staff"), "perPort": ports}},
        ),
        route("all", rule(to="a")),
    )
    await shared.start(clean=False)


async def get(port: int, pair: Pair | None = None) -> Answer:
    """One request by TLS, with a certificate or without. TLS 1.3 tells a refusal with the first byte that is read."""
    async with connection(port, tls=CA.client(pair=pair), sni=HOST) as (reader, writer):
        return await exchange(reader, writer, host=HOST)


async def refused(port: int, pair: Pair | None = None) -> bool:
    try:
        await get(port, pair)
    except REFUSED:
        return True
    return False


@pytest.mark.parametrize(
    ("port", "pair", "expected"),
    [
        (CHECKED, ALICE, True),
        (CHECKED, BOB, False),
        (CHECKED, MALLORY, False),
        (CHECKED, None, False),
        (OTHER, BOB, True),
        (OTHER, ALICE, False),
        (OTHER, None, False),
        (OPEN, None, True),
        (OPEN, MALLORY, True),
        (ANY, BOB, True),
        (ANY, MALLORY, True),
        (ANY, None, True),
    ],
)
async def test_who_is_let_in(shared: World, port: int, pair: Pair | None, expected: bool) -> None:
    if expected:
        assert (await get(port, pair)).backend == "a"
    else:
        seen = len(shared.backends["a"].requests)
        assert await refused(port, pair)
        assert len(shared.backends["a"].requests) == seen


async def test_without_tls_nobody_is_asked(shared: World) -> None:
    assert (await shared.ask("/", port=PLAIN)).backend == "a"


async def test_http2_too(shared: World) -> None:
    async with http2(CHECKED, CA.client("h2", pair=ALICE), HOST) as both:
        assert await both.get(HOST) == 200
    with pytest.raises(REFUSED):
        async with http2(CHECKED, CA.client("h2", pair=BOB), HOST) as both:
            await both.get(HOST)


async def test_old_tls_is_checked_as_well(shared: World) -> None:
    for pair, expected in ((ALICE, True), (MALLORY, False), (None, False)):
        context = CA.client(pair=pair)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            async with connection(CHECKED, tls=context, sni=HOST) as (reader, writer):
                assert (await exchange(reader, writer, host=HOST)).status == 200
                assert expected
        except REFUSED:
            assert not expected


async def test_what_a_client_says_of_itself_does_not_reach_the_backend(shared: World) -> None:
    forged = {"x-forwarded-client-cert": "By=x;Subject=admin"}
    async with connection(ANY, tls=CA.client(), sni=HOST) as (reader, writer):
        answer = await exchange(reader, writer, host=HOST, headers=forged)
    assert answer.sent("x-forwarded-client-cert") == []


async def test_letting_anybody_in_is_told(shared: World) -> None:
    status, reason, _ = shared.condition("Gateway", "gw", "InsecureFrontendValidationMode")
    assert (status, reason) == ("True", "ConfigurationChanged")
    problem = await shared.problem("clients are let in without a certificate")
    assert problem.field == "spec.tls.frontend.perPort[2].tls.validation.mode"


async def test_authorities_are_replaced_while_serving(shared: World) -> None:
    new = Authority()
    carol = new.issue("carol")
    assert await refused(CHECKED, carol)
    async with connection(CHECKED, tls=CA.client(pair=ALICE), sni=HOST) as (reader, writer):
        assert (await exchange(reader, writer, host=HOST)).status == 200
        async with load(lambda: get(CHECKED, ALICE)) as steady:
            shared.write("staff.yaml", authorities("staff", STAFF.pem, new.pem))

            async def let_in() -> bool:
                return not await refused(CHECKED, carol)

            await until(let_in)
        assert steady.failed() == []
        shared.write("staff.yaml", authorities("staff", new.pem))
        await until(lambda: refused(CHECKED, ALICE))
        assert (await get(CHECKED, carol)).status == 200
        # A connection that was there before is not touched.
        assert (await exchange(reader, writer, host=HOST)).status == 200
    shared.write("staff.yaml", authorities("staff", STAFF.pem))
    await until(lambda: refused(CHECKED, carol))


async def test_authorities_that_are_not_there_close_just_their_port(shared: World) -> None:
    (shared.folder / "staff.yaml").rename(shared.base / "staff.yaml")
    problem = await shared.problem("ConfigMap default/staff does not exist")
    assert problem.code == "InvalidCACertificateRef"
    name = f"l{CHECKED}"
    assert shared.condition("Gateway", "gw", "Accepted", name)[:2] == ("False", "NoValidCACertificate")
    assert shared.condition("Gateway", "gw", "ResolvedRefs", name)[:2] == ("False", "InvalidCACertificateRef")
    await until(lambda: refused(CHECKED, ALICE))
    assert (await get(OTHER, BOB)).status == 200
    assert (await get(OPEN)).status == 200
    (shared.base / "staff.yaml").rename(shared.folder / "staff.yaml")
    await shared.solved(problem)
    await until(lambda: get(CHECKED, ALICE))
    assert await refused(CHECKED)
