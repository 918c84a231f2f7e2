"""TLS to backends: whom the proxy trusts, which names it wants to see, and what it shows itself."""

import pytest
import pytest_asyncio

from support.clients.client import websocket
from support.objects.certificates import Authority, authority, server
from support.objects.documents import (
    authorities,
    gateway,
    listener,
    prefix,
    reference,
    route,
    rule,
    secret,
    service,
    tls_policy,
)
from support.scenes.world import World, load, until
from support.servers.backend import Echo, call
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
NAME, IDENTITY = "backend.test", "spiffe://test/ns/default/sa/backend"
MUTUAL, CALLS, STREAMS = free_port(), free_port(), free_port()
# The policy's hostname and subjectAltNames, and whether they are the certificate's.
POLICIES = {
    "by-hostname": (["backend.test"], True),
    "by-name": (["other.test", "backend.test"], True),
    "by-wildcard": (["other.test", "*.test"], True),
    "by-identity": (["other.test", IDENTITY], True),
    "by-one-of-two": (["other.test", "third.test", IDENTITY], True),
    "other-hostname": (["other.test"], False),
    "other-name": (["backend.test", "other.test"], False),
    "other-wildcard": (["backend.test", "*.other.test"], False),
    "other-identity": (["backend.test", "spiffe://test/ns/default/sa/other"], False),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("secure", "moving", tls=server(CA.issue(NAME, IDENTITY)))
    await shared.echo("strict", tls=server(CA.issue(NAME), clients=CA))
    await shared.echo("socket", tls=server(CA.issue(NAME)), app_protocol="kubernetes.io/wss")
    await shared.grpc("calls", pair=CA.issue(NAME))
    shared.write("ca.yaml", authorities("ca", CA.pem), authorities("strangers", Authority().pem))
    shared.write("moving-ca.yaml", authorities("moving-ca", CA.pem))
    rules = [rule(prefix(f"/{name}"), to=name) for name in ("secure", "moving", "strict")]
    rules.append(rule(prefix("/ws"), to="socket"))
    for name, (names, _) in POLICIES.items():
        shared.write(f"{name}.yaml", service(name, shared.backends["secure"].port), tls_policy(name, name, *names))
        rules.append(rule(prefix(f"/{name}"), to=name))
    shared.write(
        "policies.yaml",
        tls_policy("moving", "moving", NAME, trust="moving-ca"),
        tls_policy("strict", "strict", NAME),
        tls_policy("socket", "socket", NAME),
        tls_policy("calls", "calls", NAME),
    )
    streams = [
        listener(STREAMS, "ended", hostname="ended.test", certs=["front"], protocol="TLS"),
        listener(STREAMS, "through", hostname=NAME, protocol="TLS"),
    ]
    shared.write("front.yaml", secret("front", *CA.issue("ended.test")))
    shared.write("streams.yaml", route("streams", rule(to="by-hostname"), kind="TLSRoute", hosts=["ended.test", NAME]))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port), listener(CALLS, "calls"), *streams))
    shared.write("mine.yaml", secret("mine", *CA.issue("first.client.test")))
    mine = {"backend": {"clientCertificateRef": {"name": "mine"}}}
    shared.write("mutual.yaml", gateway("mutual", listener(MUTUAL), tls=mine))
    parents = [reference("gw", sectionName="http"), reference("mutual")]
    shared.write("routes.yaml", *(route(f"r{at}", one, parents=parents) for at, one in enumerate(rules)))
    calls = [reference("gw", sectionName="calls")]
    shared.write("calls.yaml", route("calls", rule(to="calls"), kind="GRPCRoute", parents=calls))
    await shared.start()


@pytest.mark.parametrize("name", [name for name, (_, good) in POLICIES.items() if good])
async def test_a_backend_that_proves_one_of_the_names(shared: World, name: str) -> None:
    answer = await shared.answered_by("secure", f"/{name}")
    assert answer.seen["sni"] == POLICIES[name][0][0]
    assert answer.seen["host"] == "test.example", "the handshake's name is not the request's host"


@pytest.mark.parametrize("name", [name for name, (_, good) in POLICIES.items() if not good])
async def test_a_backend_that_proves_none_gets_no_request(shared: World, name: str) -> None:
    assert (await shared.ask(f"/{name}")).status == 503
    assert f"/{name}" not in shared.backends["secure"].paths()


async def test_without_a_policy_a_backend_is_spoken_to_in_plain_text_and_with_one_no_more(shared: World) -> None:
    assert (await shared.ask("/secure")).status in (502, 503), "it speaks TLS only"
    path = shared.write("secure.yaml", tls_policy("secure", "secure", NAME))
    await shared.answered_by("secure", "/secure")
    shared.write("secure.yaml", tls_policy("secure", "secure", NAME, trust="strangers"))
    await shared.answers(503, "/secure")
    path.unlink()


async def test_authorities_that_are_not_there_close_the_backend_until_they_are(shared: World) -> None:
    shared.write("late.yaml", tls_policy("late", "late", NAME, trust="late"))
    shared.write("backends/late.yaml", service("late", shared.backends["secure"].port))
    parents = [reference("gw", sectionName="http")]
    shared.write("late-route.yaml", route("late", rule(prefix("/late"), to="late"), parents=parents))
    problem = await shared.problem("ConfigMap default/late does not exist")
    assert (problem.field, problem.code) == (
        "spec.validation.caCertificateRefs[0]",
        "InvalidCACertificateRef",
    )
    assert shared.condition("BackendTLSPolicy", "late", "Accepted")[:2] == ("False", "NoValidCACertificate")
    await shared.synced()
    closed = await shared.ask("/late")
    assert closed.status == 500
    shared.write("late-ca.yaml", authorities("late", CA.pem))
    await shared.solved(problem)
    await shared.answered_by("secure", "/late")
    assert shared.condition("BackendTLSPolicy", "late", "Accepted")[0] == "True"
    for name in ("late.yaml", "backends/late.yaml", "late-route.yaml", "late-ca.yaml"):
        (shared.folder / name).unlink()


async def test_authorities_and_certificate_move_without_a_failure(shared: World) -> None:
    """First both are trusted, then the backend moves, then the old one is trusted no more."""
    after = Authority()
    await shared.answered_by("moving", "/moving")
    old = shared.backends["moving"]
    async with load(lambda: shared.ask("/moving")) as steady:
        shared.write("moving-ca.yaml", authorities("moving-ca", CA.pem, after.pem))
        await shared.synced()
        new = await Echo("moved").start(tls=server(after.issue(NAME)))
        shared.write("backends/moving.yaml", service("moving", new.port))
        await shared.answered_by("moved", "/moving")
        await steady.more(20)
        shared.write("moving-ca.yaml", authorities("moving-ca", after.pem))
        await shared.synced()
        await steady.more(20)
    assert steady.failed() == []
    shared.write("backends/moving.yaml", service("moving", old.port))
    await shared.answers(503, "/moving")
    await new.stop()


async def test_each_gateway_shows_its_own_certificate_or_none(shared: World) -> None:
    assert (await shared.ask("/strict")).status == 503, "the backend refuses who shows none"
    answer = await shared.answered_by("strict", "/strict", port=MUTUAL)
    assert answer.seen["client"] == "first.client.test"
    assert (await shared.answered_by("secure", "/by-hostname", port=MUTUAL)).seen["client"] == ""


async def test_a_certificate_for_backends_is_replaced_while_serving(shared: World) -> None:
    shared.write("mine.yaml", secret("mine", *CA.issue("second.client.test")))
    await shared.synced()
    strict = shared.backends["strict"]
    port = strict.port
    await strict.stop()  # connections that are there keep what was shown on them
    await strict.start(port, tls=server(CA.issue(NAME), clients=CA))

    async def shown() -> bool:
        answer = await shared.ask("/strict", port=MUTUAL)
        return answer.status == 200 and answer.seen["client"] == "second.client.test"

    await until(shown)


async def test_a_gateway_whose_certificate_is_missing_serves_without(shared: World) -> None:
    (shared.folder / "mine.yaml").rename(shared.base / "mine.yaml")
    problem = await shared.problem("Secret default/mine does not exist")
    assert (problem.field, problem.code) == ("spec.tls.backend.clientCertificateRef", "InvalidClientCertificateRef")
    assert shared.condition("Gateway", "mutual", "ResolvedRefs")[:2] == ("False", "InvalidClientCertificateRef")
    assert shared.condition("Gateway", "mutual", "Accepted")[0] == "True"
    await shared.answered_by("secure", "/by-hostname", port=MUTUAL)
    (shared.base / "mine.yaml").rename(shared.folder / "mine.yaml")
    await shared.solved(problem)


async def test_websockets_and_calls_over_tls(shared: World) -> None:
    answer, frame = await websocket(shared.port, "/ws", "hello")
    assert (answer.status, frame) == (101, "hello")
    assert (await call(CALLS, "/s/m"))["name"] == "calls"


@pytest.mark.parametrize("name", ["ended.test", NAME])
async def test_a_stream_is_encrypted_unless_it_is_already(shared: World, name: str) -> None:
    answer = await shared.answered_by("secure", port=STREAMS, host=name, tls=CA.client(), sni=name)
    assert answer.seen["sni"] == NAME
