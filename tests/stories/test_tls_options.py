"""What TLS may be limited to, in Gateway API's options and Gloo's sslConfig: versions, ciphers, sessions, OCSP."""

import asyncio
import ssl

import pytest
import pytest_asyncio

from support.clients.client import connection, exchange
from support.clients.stapled import stapled
from support.objects.certificates import Authority, authority, server
from support.objects.documents import (
    Doc,
    authorities,
    gateway,
    hosts,
    listener,
    prefix,
    route,
    rule,
    secret,
    service,
    tls_policy,
    to_upstream,
    upstream,
)
from support.scenes.world import World, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA, BACK = authority(), Authority()
PORT, CLASSIC, HTTP = free_port(), free_port(), free_port()
PAIR = CA.issue("good.test")
NAMES = ("new", "old", "ancient", "cipher", "plain", "silent", "fresh", "slow", "lenient", "strict", "must")
NAME = "backend.test"


def virtual_service(name: str, **ssl_config: object) -> Doc:
    host = {"domains": [f"{name}.test"], "routes": [{"directResponseAction": {"status": 200}}]}
    config = {"secretRef": {"name": "cert", "namespace": "default"}, "sniDomains": [f"{name}.test"], **ssl_config}
    meta = {"name": name, "namespace": "gloo-system"}
    spec = {"sslConfig": config, "virtualHost": host}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}


def stapled_secret(name: str, days: tuple[float, float] = (-1, 1), mine: bool = True) -> Doc:
    pair = CA.issue(f"{name}.test")
    return secret(name, *pair, staple=CA.staple(pair if mine else PAIR, days=days))


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    pair = CA.issue(*(f"{name}.test" for name in NAMES))
    shared.write("cert.yaml", secret("cert", *pair, staple=CA.staple(pair)))
    for name in ("lenient", "strict", "must"):
        shared.write(f"{name}.yaml", stapled_secret(name))
    options: dict[str, dict[str, str]] = {
        "new": {"min_version": "1.3"},
        "old": {"min_version": "TLSv1_2", "max_version": "1.2"},
        "cipher": {"max_version": "1.2", "cipher_suites": "ECDHE-ECDSA-CHACHA20-POLY1305", "curves": "P-384"},
        "ancient": {"min_version": "1.0", "max_version": "1.1", "cipher_suites": "ECDHE-ECDSA-AES128-SHA"},
        "plain": {"alpn": "http/1.1"},
        "silent": {"alpn": "none"},
        "fresh": {"session_resumption": "false"},
        "lenient": {"ocsp_stapling": "lenient"},
        "strict": {"ocsp_stapling": "strict"},
        "must": {"ocsp_stapling": "must"},
    }
    listeners = [
        listener(PORT, name, hostname=f"{name}.test", certs=[name if name in {"lenient", "strict", "must"} else "cert"])
        for name in options
    ]
    for one in listeners:
        one["tls"]["options"] = {
            f"daemun.dev/{key.replace('_', '-')}": value for key, value in options[one["name"]].items()
        }
    shared.write("gateway.yaml", gateway("gw", *listeners, listener(HTTP)), route("all", rule(to="a")))
    parameters = {"maximumProtocolVersion": "TLSv1_2", "cipherSuites": ["ECDHE-ECDSA-CHACHA20-POLY1305"]}
    shared.write(
        "classic.yaml",
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "ssl", "namespace": "gloo-system"},
            "spec": {"bindAddress": "127.0.0.1", "bindPort": CLASSIC, "ssl": True, "httpGateway": {}},
        },
        virtual_service("new", parameters={"minimumProtocolVersion": "TLSv1_3"}),
        virtual_service("cipher", parameters=parameters | {"ecdhCurves": ["P-384"]}),
        virtual_service("plain", alpnProtocols=["http/1.1"]),
        virtual_service("silent", alpnProtocols=["allow_empty"]),
        virtual_service("slow", transportSocketConnectTimeout="0.3s"),
        virtual_service("fresh", disableTlsSessionResumption=True),
        virtual_service("must", ocspStaplePolicy="MUST_STAPLE", transportSocketConnectTimeout="5s"),
    )
    await shared.start()


def client(version: str = "", *protocols: str) -> ssl.SSLContext:
    context = CA.client(*protocols)
    context.check_hostname = False
    if version:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    return context


async def agreed(port: int, name: str, context: ssl.SSLContext) -> ssl.SSLObject | None:
    """What a handshake comes to; None when it is refused."""
    try:
        async with connection(port, tls=context, sni=f"{name}.test") as (reader, writer):
            await exchange(reader, writer, host=f"{name}.test")
            agreed_on: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return agreed_on
    except (ssl.SSLError, OSError):
        return None


@pytest.mark.parametrize("port", [PORT, CLASSIC])
async def test_versions(port: int) -> None:
    assert await agreed(port, "new", client("TLSv1_3"))
    assert not await agreed(port, "new", client("TLSv1_2"))
    assert not await agreed(port, "cipher", client("TLSv1_3"))


async def test_an_old_version_where_it_is_said() -> None:
    assert await agreed(PORT, "old", client("TLSv1_2"))
    assert not await agreed(PORT, "old", client("TLSv1_3"))
    ancient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ancient.check_hostname, ancient.verify_mode = False, ssl.CERT_NONE
    ancient.set_ciphers("ALL:@SECLEVEL=0")
    # Deprecated means what is tested here.
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        ancient.minimum_version = ancient.maximum_version = ssl.TLSVersion.TLSv1_1
    found = await agreed(PORT, "ancient", ancient)
    assert found is not None
    assert found.version() == "TLSv1.1"
    assert not await agreed(PORT, "old", ancient)


@pytest.mark.parametrize("port", [PORT, CLASSIC])
async def test_ciphers_and_curves(port: int) -> None:
    found = await agreed(port, "cipher", client("TLSv1_2"))
    assert found is not None
    assert found.cipher() == ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", 256)
    other = client("TLSv1_2")
    other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert not await agreed(port, "cipher", other)
    curve = client("TLSv1_2")
    curve.set_ecdh_curve("prime256v1")
    assert not await agreed(port, "cipher", curve)


@pytest.mark.parametrize("port", [PORT, CLASSIC])
async def test_protocols(port: int) -> None:
    found = await agreed(port, "plain", client("", "h2", "http/1.1"))
    assert found is not None
    assert found.selected_alpn_protocol() == "http/1.1"
    for offered in (("h2", "http/1.1"), ("allow_empty",), ("none",)):
        none = await agreed(port, "silent", client("", *offered))
        assert none is not None
        assert none.selected_alpn_protocol() is None
    unknown = await agreed(port, "plain", client("", "spdy/3"))
    assert unknown is not None, "who offers nothing that is known here is served without an agreement"
    assert unknown.selected_alpn_protocol() is None


async def test_who_begins_a_handshake_and_falls_silent_is_cut_off() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client().wrap_bio(incoming, outgoing, server_hostname="slow.test").do_handshake()
    async with connection(CLASSIC) as (reader, writer):
        writer.write(outgoing.read())
        assert await asyncio.wait_for(reader.read(), 60), "it answers the greeting, and closes when nothing more comes"


async def test_keys_of_two_kinds_for_one_host(shared: World) -> None:
    """Old clients take the one of RSA, all others what is shorter. Each is renewed by itself."""
    port = free_port()
    shared.write("ec.yaml", secret("ec", *CA.issue("twofold.test")))
    shared.write("rsa.yaml", secret("rsa", *CA.issue("twofold.test", by_rsa=True)))
    shared.write("twofold.yaml", gateway("twofold", listener(port, certs=["ec", "rsa"])))
    shared.write("twofold-route.yaml", route("twofold", rule(to="a"), parents=["twofold"]))

    async def shown(kind: str) -> bytes:
        context = client("TLSv1_2")
        context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        found = await agreed(port, "twofold", context)
        assert found is not None
        return found.getpeercert(binary_form=True) or b""

    await until(lambda: shown("RSA"))
    assert await shown("RSA") != await shown("ECDSA")
    for kind, name, by_rsa in (("RSA", "rsa", True), ("ECDSA", "ec", False)):
        other = "ECDSA" if by_rsa else "RSA"
        before = await shown(other)
        pair = CA.issue("twofold.test", by_rsa=by_rsa)
        shared.write(f"{name}.yaml", secret(name, *pair))

        async def renewed(kind: str = kind, pem: bytes = pair[0]) -> bool:
            return await shown(kind) == ssl.PEM_cert_to_DER_cert(pem.decode())

        await until(renewed)
        assert await shown(other) == before


@pytest.mark.parametrize("port", [PORT, CLASSIC])
async def test_sessions_are_resumed_unless_that_is_switched_off(port: int) -> None:
    for name, resumes in (("cipher", True), ("fresh", False)):
        context = client("TLSv1_2")
        first = await agreed(port, name, context)
        assert first is not None
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        host = f"{name}.test"
        again = context.wrap_bio(incoming, outgoing, server_hostname=host, session=first.session)
        async with connection(port) as (reader, writer):
            while again.version() is None or not again.cipher() or outgoing.pending:
                try:
                    again.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(16384))
        assert again.session_reused == resumes, name


async def test_ocsp_responses_are_shown(shared: World) -> None:
    for name in ("lenient", "strict", "must"):
        assert await stapled(PORT, f"{name}.test")
    assert await stapled(CLASSIC, "must.test")
    new = stapled_secret("lenient")
    shared.write("lenient.yaml", new)
    before = await stapled(PORT, "lenient.test")

    async def renewed() -> bool:
        return await stapled(PORT, "lenient.test") != before

    await until(renewed)


async def test_a_stale_response_is_shown_to_nobody(shared: World) -> None:
    shared.write("lenient.yaml", stapled_secret("lenient", days=(-2, -1)))
    shared.write("strict.yaml", stapled_secret("strict", days=(-2, -1)))
    await shared.problem("tls.ocsp-staple of Secret default/lenient has expired on")
    await shared.problem("tls.ocsp-staple of Secret default/strict has expired on")

    async def nothing() -> bool:
        return await stapled(PORT, "lenient.test") == b""

    await until(nothing)

    async def refused() -> bool:
        try:
            await stapled(PORT, "strict.test")
        except (OSError, EOFError):
            return True
        return False

    await until(refused)
    for name in ("lenient", "strict"):
        shared.write(f"{name}.yaml", stapled_secret(name))
        await until(lambda name=name: stapled(PORT, f"{name}.test"))


async def test_a_response_of_another_certificate(shared: World) -> None:
    """Envoy would refuse the certificate for it, and with it the whole Secret."""
    shared.write("lenient.yaml", stapled_secret("lenient", mine=False))
    shared.write("must.yaml", stapled_secret("must", mine=False))
    words = "tls.ocsp-staple is of another certificate than tls.crt"
    problem = await shared.problem("default/lenient", words, "shown without")
    other = await shared.problem("default/must", words, "nothing is served of it")
    assert await agreed(PORT, "lenient", client())

    async def refused() -> bool:
        return not await agreed(PORT, "must", client())

    await until(refused)
    for name, told in (("lenient", problem), ("must", other)):
        shared.write(f"{name}.yaml", stapled_secret(name))
        await shared.solved(told)
    await until(lambda: stapled(PORT, "must.test"))


async def test_a_certificate_that_says_itself_that_it_must_be_stapled(shared: World) -> None:
    pair = CA.issue("strict.test", must_staple=True)
    shared.write("strict.yaml", secret("strict", *pair))
    problem = await shared.problem("must be shown with an OCSP staple", "the one before it is served on")
    assert await agreed(PORT, "strict", client())
    shared.write("strict.yaml", secret("strict", *pair, staple=CA.staple(pair)))
    await shared.solved(problem)
    await until(lambda: stapled(PORT, "strict.test"))


async def test_backends_whose_certificate_is_revoked_get_no_request(shared: World) -> None:
    """By a BackendTLSPolicy's ConfigMap, and by an Upstream's Secret."""
    good, bad = BACK.issue(NAME), BACK.issue(NAME)
    await shared.echo("good", tls=server(good))
    await shared.echo("bad", tls=server(bad))
    ports = {name: shared.backends[name].port for name in ("good", "bad")}
    crl = BACK.revoked(bad)
    shared.write("back-ca.yaml", authorities("ca", BACK.pem, crl=crl))
    shared.write("up-ca.yaml", ca_secret("up-ca", BACK.pem, crl))
    rules = []
    for name, port in ports.items():
        shared.write(f"policy-{name}.yaml", tls_policy(name, name, NAME))
        config = {"secretRef": {"name": "up-ca"}, "sni": NAME, "verifySubjectAltName": [NAME]}
        shared.write(f"up-{name}.yaml", upstream(f"up-{name}", static=hosts(port), sslConfig=config))
        shared.write(f"backends/{name}.yaml", service(name, port))
        rules += [rule(prefix(f"/{name}"), to=name), rule(prefix(f"/up-{name}"), to=[to_upstream(f"up-{name}")])]
    shared.write("back.yaml", route("back", *rules, hosts=["back.test"]))
    for path in ("/good", "/up-good"):
        await shared.answered_by("good", path, port=HTTP, host="back.test")
    for path in ("/bad", "/up-bad"):
        await shared.answers(503, path, port=HTTP, host="back.test")
    assert shared.backends["bad"].requests == []
    shared.write("back-ca.yaml", authorities("ca", BACK.pem, crl=BACK.revoked()))
    shared.write("up-ca.yaml", ca_secret("up-ca", BACK.pem, BACK.revoked()))
    for path in ("/bad", "/up-bad"):
        await shared.answered_by("bad", path, port=HTTP, host="back.test")
    shared.write("back-ca.yaml", authorities("ca", BACK.pem, crl=BACK.revoked(days=(-2, -1))))
    shared.write("up-ca.yaml", ca_secret("up-ca", BACK.pem, BACK.revoked(days=(-2, -1))))
    await shared.problem("BackendTLSPolicy", "default/good", "has expired on")
    await shared.problem("Upstream", "default/up-good", "has expired on")


async def test_backends_that_speak_only_what_is_too_old(shared: World) -> None:
    old = server(BACK.issue(NAME))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    await shared.echo("aged", tls=old)
    shared.write("aged-ca.yaml", authorities("aged-ca", BACK.pem))
    shared.write("aged.yaml", route("aged", rule(prefix("/aged"), to="aged"), hosts=["aged.test"]))
    shared.write("policy-aged.yaml", tls_policy("aged", "aged", NAME, trust="aged-ca"))
    await shared.answered_by("aged", "/aged", port=HTTP, host="aged.test")
    for option, status in (({"min_version": "1.3"}, 503), ({"min_version": "1.4"}, 500)):
        shared.write("policy-aged.yaml", tls_policy("aged", "aged", NAME, trust="aged-ca", **option))
        await shared.answers(status, "/aged", port=HTTP, host="aged.test")
    shared.write("policy-aged.yaml", tls_policy("aged", "aged", NAME, trust="aged-ca", max_version="1.2"))
    await shared.answered_by("aged", "/aged", port=HTTP, host="aged.test")


def ca_secret(name: str, pem: str, crl: str) -> Doc:
    found = secret(name, b"", b"", ca=pem, crl=crl)
    for key in ("tls.crt", "tls.key"):
        del found["stringData"][key]
    return found | {"type": "Opaque"}
