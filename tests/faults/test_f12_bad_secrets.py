"""F12: a Secret that was good and is bad keeps its old certificate; it is told, and no other listener notices."""

import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import PrivateFormat

from support.clients.client import Answer, ask, connection
from support.objects.certificates import Pair, authority, locked, shown_to
from support.objects.documents import Doc, gateway, listener, route, rule, secret
from support.scenes.world import World, fresh, load, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
PORT = free_port()
MINE, OTHER, CLASSIC = "mine.test", "other.test", "classic.test"
SHORT = (
    b"""-----BEGIN CERTIFICATE-----
MIIBgzCCAS2gAwIBAgIULJrqHMRJxKye2gzhZf79CScNg30wDQYJKoZIhvcNAQEL
BQAwFTETMBEGA1UEAwwKc2hvcnQudGVzdDAgFw0yNjExMjgxNTU3MTBaGA8yMTI2
MTEwNDE1NTcxMFowFTETMBEGA1UEAwwKc2hvcnQudGVzdDBcMA0GCSqGSIb3DQEB
AQUAA0sAMEgCQQC28okmz8/j8CsWl//hQKAxEkKQTQ20ERCpLCS31LBUaCQx/iQp
BbTHMX2ZwsJHz7f5nU9zb9fhei3HT38L0wR7AgMBAAGjUzBRMB0GA1UdDgQWBBRk
PYY/EmSKPf+c5aIiNwjfiOfXWDAfBgNVHSMEGDAWgBRkPYY/EmSKPf+c5aIiNwjf
iOfXWDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA0EATXuIA9a3f2CA
pzjrLZk2efjz00fuGzyPhHSNXLcyOFITSjXwfuhaVZHbKc3KFoZTluYXyrEOIV9i
Q9GdUq/wCA==
-----END CERTIFICATE-----
""",
    b"""-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAtvKJJs/P4/ArFpf/
4UCgMRJCkE0NtBEQqSwkt9SwVGgkMf4kKQW0xzF9mcLCR8+3+Z1Pc2/X4Xotx09/
C9MEewIDAQABAkBfh0OglZDbV/RX5uTBDQrYtM03JlUKeoK1o4xExXWRjLFczqVF
uPButrA+UzfEoO3dStLEzLTQ+nEbN+QGPx6JAiEA4wyvHf5U5Jzd//mrXPLre1q4
39Vg35AhFTatDachLlcCIQDORkbFrfwAWge7rapillnHWacKbXmFjrBE2Kbv5HU8
fQIhAIxjzGgEWeOd51seusnXXqnAd+3XV3YE/Z/LVgfKHqczAiAhee5Kbq4TMIlI
wCqCzXvMipQ9cP7j2gBpa+/Lxvvv0QIgHE75piqkADtsKFJgVEzgLV2a1BjIUoOn
VyguXByjisM=
-----END PRIVATE KEY-----
""",
)
"""512 bits."""
_MIB = 1024 * 1024
BAD: dict[str, tuple[Callable[[Pair, Pair], Pair], str]] = {
    "half rotated, the new key": (lambda old, new: (old[0], new[1]), "tls.key is not the key of tls.crt"),
    "half rotated, the new certificate": (lambda old, new: (new[0], old[1]), "tls.key is not the key of tls.crt"),
    "expired": (lambda _, __: CA.issue(MINE, days=(-2, -1)), "has expired on"),
    "not yet valid": (lambda _, __: CA.issue(MINE, days=(1, 2)), "is not valid before"),
    "empty": (lambda _, __: (b"", b""), "it has no tls.crt"),
    "512 bits": (lambda _, __: SHORT, "its RSA key is shorter than 2048 bits"),
    "not PEM": (lambda _, new: (b"certificate", new[1]), "tls.crt is not a PEM certificate"),
    "a key that is not PEM": (lambda _, new: (new[0], b"key"), "tls.key is not an unencrypted PEM key"),
    "an encrypted key": (lambda _, new: (new[0], locked(new[1])), "tls.key is not an unencrypted PEM key"),
    "a key encrypted as OpenSSL did": (
        lambda _, new: (new[0], locked(new[1], PrivateFormat.TraditionalOpenSSL)),
        "tls.key is not an unencrypted PEM key",
    ),
    "1 MiB of certificates": (lambda _, new: (new[0] * (_MIB // len(new[0])), new[1]), "longer than 64 KiB"),
    "1 MiB of nothing": (lambda _, new: (b"x" * _MIB, new[1]), "longer than 64 KiB"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("a")
        world.write("mine.yaml", secret("mine", *CA.issue(MINE, CLASSIC)))
        world.write("other.yaml", secret("other", *CA.issue(OTHER)))
        listeners = [listener(PORT, name, hostname=f"{name}.test", certs=[name]) for name in ("mine", "other")]
        world.write("gateway.yaml", gateway("gw", *listeners), route("all", rule(to="a")))
        world.write("classic.yaml", *classic())
        await world.start()
        yield world


def classic() -> list[Doc]:
    """A VirtualService with the same Secret."""
    api, meta = "gateway.solo.io/v1", {"namespace": "gloo-system"}
    ssl_config = {"secretRef": {"name": "mine", "namespace": "default"}, "sniDomains": [CLASSIC]}
    host = {"domains": [CLASSIC], "routes": [{"directResponseAction": {"status": 200}}]}
    gate = {"bindAddress": "127.0.0.1", "bindPort": free_port(), "ssl": True, "httpGateway": {}}
    return [
        {"apiVersion": api, "kind": "Gateway", "metadata": meta | {"name": "ssl"}, "spec": gate},
        {
            "apiVersion": api,
            "kind": "VirtualService",
            "metadata": meta | {"name": "vs"},
            "spec": {"sslConfig": ssl_config, "virtualHost": host},
        },
    ]


async def shown(host: str) -> bytes:
    """The certificate that answers a handshake."""
    async with connection(PORT, tls=CA.client(), sni=host) as (_, writer):
        return shown_to(writer)


@pytest.mark.parametrize("name", BAD)
async def test_f12_a_bad_secret_keeps_the_old_certificate(shared: World, name: str) -> None:
    spoilt, words = BAD[name]
    old, new = CA.issue(MINE, CLASSIC), CA.issue(MINE, CLASSIC)
    shared.write("mine.yaml", secret("mine", *old))

    async def has(pair: Pair) -> bool:
        return await shown(MINE) == ssl.PEM_cert_to_DER_cert(pair[0].decode())

    await until(lambda: has(old))
    turn = 0

    async def both() -> Answer:
        nonlocal turn
        turn += 1
        host = (MINE, OTHER)[turn % 2]
        return await ask(PORT, tls=CA.client(), sni=host, host=host)

    async with load(both) as steady:
        shared.write("mine.yaml", secret("mine", *spoilt(old, new)))
        problem = await shared.problem("Gateway default/gw", words, "the one before it is served on")
        assert problem.code == "InvalidCertificateRef"
        status, reason, message = shared.condition("Gateway", "gw", "ResolvedRefs", "mine")
        assert (status, reason) == ("False", "InvalidCertificateRef")
        assert words in message
        assert "PRIVATE KEY" not in message
        for condition in ("Accepted", "Programmed"):
            assert shared.condition("Gateway", "gw", condition, "mine")[0] == "True"
        assert shared.condition("Gateway", "gw", "ResolvedRefs", "other")[0] == "True"
        told = [one for one in shared.problems() if "VirtualService" in one]
        assert len(told) == 1
        assert words in told[0]
        await steady.more(10)
        assert await has(old)
        # What others change meanwhile is served.
        fresh_one = CA.issue(OTHER)
        shared.write("other.yaml", secret("other", *fresh_one))

        async def renewed() -> bool:
            return await shown(OTHER) == ssl.PEM_cert_to_DER_cert(fresh_one[0].decode())

        await until(renewed)
        shared.write("mine.yaml", secret("mine", *new))
        await shared.solved(problem)
        await until(lambda: has(new))
        assert shared.condition("Gateway", "gw", "ResolvedRefs", "mine")[0] == "True"
    assert steady.failed() == []


async def test_f12_what_expires_while_it_is_served_is_told(shared: World) -> None:
    """Nothing happens but that time passes: it is served on, for want of a better one."""
    brief = CA.issue(OTHER, days=(-1, 3 / 86_400))
    shared.write("other.yaml", secret("other", *brief))
    problem = await shared.problem("Gateway default/gw", "tls.crt of Secret default/other has expired on")
    assert shared.condition("Gateway", "gw", "ResolvedRefs", "other")[0] == "False"
    async with connection(PORT, tls=_careless(), sni=OTHER) as (_, writer):
        shown_now = shown_to(writer)
    assert shown_now == ssl.PEM_cert_to_DER_cert(brief[0].decode())
    shared.write("other.yaml", secret("other", *CA.issue(OTHER)))
    await shared.solved(problem)


def _careless() -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_f12_a_secret_that_is_deleted_is_withdrawn(shared: World) -> None:
    """That is no mistake in a rotation: somebody wants the certificate to be gone."""
    pair = CA.issue(MINE, CLASSIC)
    path = shared.write("mine.yaml", secret("mine", *pair))

    async def answered() -> bool:
        return await shown(MINE) == ssl.PEM_cert_to_DER_cert(pair[0].decode())

    await until(answered)
    path.unlink()

    async def refused() -> bool:
        try:
            await shown(MINE)
        except (ssl.SSLError, OSError):
            return True
        return False

    await until(refused)
    assert await shown(OTHER)
    shared.write("mine.yaml", secret("mine", *pair))
    await until(answered)
