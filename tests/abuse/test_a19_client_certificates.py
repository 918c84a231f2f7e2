"""A19: certificates of clients that must not be let in, and what is told where it cannot be known."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.clients.client import connection, exchange
from support.objects.certificates import Authority, Pair, authority
from support.objects.documents import authorities, gateway, listener, route, rule, secret, validation
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVER, STAFF, STALE, PARTNER = authority(), Authority(), Authority(), Authority()
BRANCH = Authority(under=STAFF)
IMPOSTOR = Authority()
IMPOSTOR.name = STAFF.name
PLAIN, LISTED, OLD, HALF, LEAF, BROKEN, FORGED, EARLY, TWICE, CHAIN, LAX, OPEN = (free_port() for _ in range(12))
REFUSED = (ssl.SSLError, ConnectionError, OSError)
ALICE, FIRED = STAFF.issue("alice.test"), STAFF.issue("fired.test")
SOMEBODY = STAFF.issue("spiffe://acme.test/ns/a/sa/b")
CLERK, FORMER = BRANCH.issue("clerk.test"), BRANCH.issue("former.test")
HOSTS = ("plain.test", "dns.test", "uri.test", "domain.test", "direct.test", "maybe.test", "told.test")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("a")
        world.write("cert.yaml", secret("cert", *SERVER.issue(*HOSTS)))
        options = {
            "plain.test": {},
            "dns.test": {"client_names": "bob.test, alice.test"},
            "uri.test": {"client_names": "spiffe://acme.test/ns/a/sa/b"},
            "domain.test": {"client_names": "spiffe://acme.test/*"},
            "direct.test": {"client_depth": "0"},
            "maybe.test": {"client_certificate": "optional", "client_told": "uri,dns,subject"},
            "told.test": {"client_told": "uri,dns,subject"},
        }
        listeners = [
            listener(PLAIN, host.partition(".")[0], hostname=host, certs=["cert"], **more)
            for host, more in options.items()
        ]
        listeners += [
            listener(port, f"l{port}", certs=["cert"], **({"client_revocation": "leaf"} if port == LEAF else {}))
            for port in (LISTED, OLD, HALF, LEAF, BROKEN, FORGED, EARLY, TWICE, CHAIN)
        ]
        listeners.append(listener(LAX, "lax", certs=["cert"], client_told="uri"))
        listeners.append(listener(OPEN, "open", certs=["cert"]))
        told = {
            "forwardClientCertDetails": "SANITIZE_SET",
            "setCurrentClientCertDetails": {"subject": True, "uri": True},
        }
        gw = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw", "sectionName": "open"}
        option = {"apiVersion": "gateway.solo.io/v1", "kind": "HttpListenerOption", "metadata": {"name": "open"}}
        options = {"httpConnectionManagerSettings": told}
        world.write("open.yaml", option | {"spec": {"targetRefs": [gw], "options": options}})
        world.write("staff.yaml", authorities("staff", STAFF.pem))
        world.write("listed.yaml", authorities("listed", STAFF.pem, crl=STAFF.revoked(FIRED)))
        world.write("old.yaml", authorities("old", STALE.pem, crl=STALE.revoked(days=(-3, -1))))
        world.write("half.yaml", authorities("half", STAFF.pem, PARTNER.pem, crl=STAFF.revoked(FIRED)))
        world.write("leaf.yaml", authorities("leaf", STAFF.pem, crl=BRANCH.revoked(FORMER)))
        world.write("broken.yaml", authorities("broken", STAFF.pem, crl="-----BEGIN X509 CRL-----\nno\n"))
        world.write("forged.yaml", authorities("forged", STAFF.pem, crl=IMPOSTOR.revoked()))
        world.write("early.yaml", authorities("early", STAFF.pem, crl=STAFF.revoked(days=(1, 2))))
        both = STAFF.revoked(days=(-3, -1)) + STAFF.revoked(FIRED)
        world.write("twice.yaml", authorities("twice", STAFF.pem, crl=both))
        world.write("chain.yaml", authorities("chain", STAFF.pem, crl=STAFF.revoked(FIRED) + BRANCH.revoked(FORMER)))
        named = {LISTED: "listed", OLD: "old", HALF: "half", LEAF: "leaf", BROKEN: "broken"}
        named |= {FORGED: "forged", EARLY: "early", TWICE: "twice", CHAIN: "chain"}
        ports = [{"port": port, "tls": validation(name)} for port, name in named.items()]
        ports += [{"port": one, "tls": validation("staff", mode="AllowInsecureFallback")} for one in (LAX, OPEN)]
        frontend = {"frontend": {"default": validation("staff"), "perPort": ports}}
        world.write("gateway.yaml", gateway("gw", *listeners, tls=frontend), route("all", rule(to="a")))
        await world.start(clean=False)
        yield world


async def let_in(pair: Pair | None, host: str = "plain.test", port: int = PLAIN, version: str = "TLSv1_3") -> bool:
    """Whether a request comes through to the backend. TLS 1.3 tells a refusal with the first byte that is read."""
    client = SERVER.client(pair=pair)
    client.maximum_version = ssl.TLSVersion[version]
    try:
        async with connection(port, tls=client, sni=host) as (reader, writer):
            return (await exchange(reader, writer, host=host)).status == 200
    except REFUSED:
        return False


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a19_good_certificates_are_let_in(shared: World, version: str) -> None:
    assert await let_in(ALICE, version=version)
    assert await let_in(ALICE, "dns.test", version=version)
    assert await let_in(SOMEBODY, "uri.test", version=version)
    assert await let_in(SOMEBODY, "domain.test", version=version)
    assert await let_in(ALICE, port=LISTED, version=version)
    assert await let_in(CLERK, version=version)
    assert not await let_in(None, version=version)
    assert not await let_in(Authority().issue("alice.test"), version=version)


@pytest.mark.parametrize(
    "name",
    [
        x509.UniformResourceIdentifier("alice.test"),
        x509.UniformResourceIdentifier("https://alice.test"),
        x509.RFC822Name("alice.test"),
        x509.RFC822Name("a@alice.test"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x0aalice.test"),
        x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice.test")])),
        x509.DNSName("not-alice.test"),
        x509.DNSName("alice.test.evil.test"),
    ],
    ids=str,
)
async def test_a19_san_of_wrong_type_is_refused(shared: World, name: x509.GeneralName) -> None:
    pair = STAFF.issue(names=[name])
    assert await let_in(pair)
    assert not await let_in(pair, "dns.test")


async def test_a19_the_common_name_is_no_san(shared: World) -> None:
    pair = STAFF.issue("other.test", common="alice.test")
    assert await let_in(pair)
    assert not await let_in(pair, "dns.test")


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (x509.DNSName("spiffe://acme.test/ns/a/sa/b"), "uri.test"),
        (x509.DNSName("spiffe://acme.test/ns/a/sa/b"), "domain.test"),
        (x509.UniformResourceIdentifier("spiffe://acme.test.evil.test/ns/a/sa/b"), "domain.test"),
        (x509.UniformResourceIdentifier("spiffe://acme.test"), "domain.test"),
        (x509.UniformResourceIdentifier("spiffe://evil.test/spiffe://acme.test/a"), "domain.test"),
        (x509.UniformResourceIdentifier("https://acme.test/a"), "domain.test"),
        (x509.UniformResourceIdentifier("spiffe://acme.test/ns/a/sa/bc"), "uri.test"),
    ],
    ids=str,
)
async def test_a19_another_identity_is_refused(shared: World, name: x509.GeneralName, host: str) -> None:
    pair = STAFF.issue(names=[name])
    assert await let_in(pair)
    assert not await let_in(pair, host)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (x509.DNSName("alice.test\0.evil.test"), "dns.test"),
        (x509.DNSName("alice.test\0"), "dns.test"),
        (x509.DNSName("\0alice.test"), "dns.test"),
        (x509.UniformResourceIdentifier("spiffe://acme.test/ns/a/sa/b\0/c"), "uri.test"),
        (x509.UniformResourceIdentifier("spiffe://acme.test\0/ns/a/sa/b"), "domain.test"),
    ],
    ids=repr,
)
async def test_a19_nul_in_san_is_refused(shared: World, name: x509.GeneralName, host: str) -> None:
    assert not await let_in(STAFF.issue(names=[name]), host)


@pytest.mark.parametrize(
    "more", [";URI=spiffe://acme.test/admin", ",By=x", '";DNS="x', "\r\nx-admin: yes", "\n"], ids=repr
)
@pytest.mark.parametrize("kind", [x509.UniformResourceIdentifier, x509.DNSName])
async def test_a19_no_name_is_told_as_two(shared: World, kind: type[x509.DNSName], more: str) -> None:
    """Who signs may look at how a name begins; Envoy tells it as it is."""
    pair = STAFF.issue(names=[kind(f"spiffe://acme.test/a{more}")])
    assert not await let_in(pair, "told.test")
    assert await let_in(pair), "where nothing is told"


async def test_a19_names_that_nobody_vouches_for_are_not_told(shared: World) -> None:
    status, _, message = shared.condition("Gateway", "gw", "Accepted", "lax")
    assert (status, "lets anybody in" in message) == ("False", True)
    pair = Authority().issue("spiffe://acme.test/admin")
    assert not await let_in(pair, port=LAX)
    async with connection(OPEN, tls=SERVER.client(pair=pair), sni="plain.test") as (reader, writer):
        got = await exchange(reader, writer, host="plain.test")
    assert (got.status, "admin" in str(got.sent("x-forwarded-client-cert"))) == (200, False)


async def test_a19_revoked_is_refused(shared: World) -> None:
    assert await let_in(FIRED)
    assert not await let_in(FIRED, port=LISTED)
    assert await let_in(ALICE, port=LISTED)


async def resumed(client: ssl.SSLContext, session: ssl.SSLSession) -> bool:
    """Whether a handshake that goes on with a session of before succeeds, and really goes on with it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    again = client.wrap_bio(incoming, outgoing, server_hostname="plain.test", session=session)
    async with connection(LISTED) as (reader, writer):
        while True:
            try:
                again.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(16384) or b"closed")
            except ssl.SSLError:
                return False
            else:
                return bool(again.session_reused)


async def test_a19_a_session_of_before_is_not_resumed_by_who_was_revoked(shared: World) -> None:
    client = SERVER.client(pair=SOMEBODY)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with connection(LISTED, tls=client, sni="plain.test") as (reader, writer):
        assert (await exchange(reader, writer, host="plain.test")).status == 200
        session = writer.get_extra_info("ssl_object").session
    assert await resumed(client, session)
    shared.write("listed.yaml", authorities("listed", STAFF.pem, crl=STAFF.revoked(FIRED, SOMEBODY)))

    await until(lambda: _refused(SOMEBODY))
    assert not await resumed(client, session)
    shared.write("listed.yaml", authorities("listed", STAFF.pem, crl=STAFF.revoked(FIRED)))
    await until(lambda: let_in(SOMEBODY, port=LISTED))


async def test_a19_a_connection_of_before_goes_on_for_who_was_revoked_and_ends_at_its_bound(shared: World) -> None:
    """Who it is was found out when it began (docs/features/client-certificates.md)."""
    sure = [STAFF.revoked(FIRED), STAFF.revoked(FIRED, SOMEBODY)]
    client = SERVER.client(pair=SOMEBODY)

    async def asks(bound: str) -> AsyncGenerator[int]:
        """Requests on one connection: before its client is revoked, afterwards, and as long as there are answers."""
        http = {"httpConnectionManagerSettings": {"maxConnectionDuration": bound}}
        gw = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw", "sectionName": f"l{LISTED}"}
        option = {"apiVersion": "gateway.solo.io/v1", "kind": "HttpListenerOption", "metadata": {"name": "bound"}}
        shared.write("bound.yaml", option | {"spec": {"targetRefs": [gw], "options": http}})
        await shared.synced()
        async with connection(LISTED, tls=client, sni="plain.test") as (reader, writer):
            yield (await exchange(reader, writer, host="plain.test")).status
            shared.write("listed.yaml", authorities("listed", STAFF.pem, crl=sure[1]))
            await until(lambda: _refused(SOMEBODY))
            with contextlib.suppress(*REFUSED, asyncio.IncompleteReadError):
                while True:
                    yield (await exchange(reader, writer, host="plain.test")).status

    for bound, ends in (("1000s", False), ("3s", True)):
        answers = asks(bound)
        assert [await anext(answers) for _ in range(3)] == [200] * 3
        if ends:
            async with asyncio.timeout(30):
                assert {one async for one in answers} <= {200}
        await answers.aclose()
        shared.write("listed.yaml", authorities("listed", STAFF.pem, crl=sure[0]))
        await until(lambda: let_in(SOMEBODY, port=LISTED))
    (shared.folder / "bound.yaml").unlink()


async def _refused(pair: Pair) -> bool:
    return not await let_in(pair, port=LISTED)


async def test_a19_crl_expired_refuses_and_is_told(shared: World) -> None:
    assert not await let_in(STALE.issue("alice.test"), port=OLD)
    status, reason, message = shared.condition("Gateway", "gw", "ResolvedRefs", f"l{OLD}")
    assert (status, reason) == ("False", "InvalidCACertificateRef")
    assert "ca.crl of ConfigMap default/old has expired on" in message
    assert shared.condition("Gateway", "gw", "Accepted", f"l{OLD}")[0] == "True"
    shared.write("old.yaml", authorities("old", STALE.pem, crl=STALE.revoked()))
    await until(lambda: let_in(STALE.issue("alice.test"), port=OLD))
    assert shared.condition("Gateway", "gw", "ResolvedRefs", f"l{OLD}")[0] == "True"


async def test_a19_crl_missing_refuses_and_is_told(shared: World) -> None:
    """Where one authority has a list, another without one vouches for nobody."""
    assert await let_in(ALICE, port=HALF)
    assert not await let_in(FIRED, port=HALF)
    assert not await let_in(PARTNER.issue("alice.test"), port=HALF)
    status, _, message = shared.condition("Gateway", "gw", "ResolvedRefs", f"l{HALF}")
    assert status == "False"
    assert f"there is no ca.crl of {PARTNER.name.rfc4514_string()}" in message


async def test_a19_crl_broken_closes_the_listener_and_is_told(shared: World) -> None:
    assert not await let_in(ALICE, port=BROKEN)
    assert shared.condition("Gateway", "gw", "Accepted", f"l{BROKEN}")[:2] == ("False", "NoValidCACertificate")
    await shared.problem("ca.crl of ConfigMap default/broken holds no lists of revocations")


async def test_a19_crl_of_another_key_refuses_and_is_told(shared: World) -> None:
    """It bears the name of the authority; so does whoever writes one."""
    assert not await let_in(ALICE, port=FORGED)
    status, reason, message = shared.condition("Gateway", "gw", "ResolvedRefs", f"l{FORGED}")
    assert (status, reason) == ("False", "InvalidCACertificateRef")
    assert f"no ca.crl of {STAFF.name.rfc4514_string()} has its signature" in message


async def test_a19_crl_that_is_not_valid_yet_refuses_and_is_told(shared: World) -> None:
    assert not await let_in(ALICE, port=EARLY)
    assert "is not valid before" in shared.condition("Gateway", "gw", "ResolvedRefs", f"l{EARLY}")[2]


async def test_a19_crl_that_was_renewed_may_stand_beside_the_one_before(shared: World) -> None:
    assert await let_in(ALICE, port=TWICE)
    assert not await let_in(FIRED, port=TWICE)
    assert shared.condition("Gateway", "gw", "ResolvedRefs", f"l{TWICE}")[0] == "True"


async def test_a19_crls_of_a_whole_chain(shared: World) -> None:
    assert await let_in(ALICE, port=CHAIN)
    assert await let_in(CLERK, port=CHAIN)
    assert not await let_in(FIRED, port=CHAIN)
    assert not await let_in(FORMER, port=CHAIN)
    assert shared.condition("Gateway", "gw", "ResolvedRefs", f"l{CHAIN}")[0] == "True"


async def test_a19_an_intermediate_without_crl(shared: World) -> None:
    """The list of the whole chain is wanted, unless only that of the leaf's issuer is asked for."""
    assert await let_in(CLERK)
    assert not await let_in(CLERK, port=LISTED), "nothing is known of what its issuer has revoked"
    assert await let_in(CLERK, port=LEAF)
    assert not await let_in(FORMER, port=LEAF)


async def test_a19_wrong_eku_is_refused(shared: World) -> None:
    assert await let_in(STAFF.issue("alice.test", usage=[ExtendedKeyUsageOID.CLIENT_AUTH]))
    for usage in (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.OCSP_SIGNING):
        assert not await let_in(STAFF.issue("alice.test", usage=[usage]))


async def test_a19_out_of_time_is_refused(shared: World) -> None:
    assert not await let_in(STAFF.issue("alice.test", days=(-2, -1)))
    assert not await let_in(STAFF.issue("alice.test", days=(1, 2)))


async def test_a19_chain_too_deep_is_refused(shared: World) -> None:
    deepest = BRANCH
    for _ in range(3):
        deepest = Authority(under=deepest)
    assert await let_in(ALICE, "direct.test")
    assert await let_in(CLERK)
    assert not await let_in(CLERK, "direct.test")
    assert not await let_in(deepest.issue("alice.test")), "its authorities in between are not all shown"


async def test_a19_optional_is_a_good_one_or_none(shared: World) -> None:
    assert await let_in(None, "maybe.test")
    assert await let_in(ALICE, "maybe.test")
    assert not await let_in(Authority().issue("alice.test"), "maybe.test")
    assert not await let_in(STAFF.issue("alice.test", days=(-2, -1)), "maybe.test")


async def test_a19_what_is_told_to_backends_is_only_what_was_proved(shared: World) -> None:
    forged = {"x-forwarded-client-cert": "URI=spiffe://acme.test/admin"}
    pair = STAFF.issue("alice.test", "spiffe://acme.test/alice")
    for host, told in (("told.test", True), ("plain.test", False)):
        async with connection(PLAIN, tls=SERVER.client(pair=pair), sni=host) as (reader, writer):
            answer = await exchange(reader, writer, host=host, headers=forged)
        found = answer.sent("x-forwarded-client-cert")
        assert "admin" not in str(found)
        assert len(found) == told
        if told:
            assert "URI=spiffe://acme.test/alice" in found[0]
            assert "DNS=alice.test" in found[0]
            assert 'Subject="CN=alice.test"' in found[0]
    async with connection(PLAIN, tls=SERVER.client(), sni="maybe.test") as (reader, writer):
        answer = await exchange(reader, writer, host="maybe.test", headers=forged)
    assert answer.sent("x-forwarded-client-cert") == []
