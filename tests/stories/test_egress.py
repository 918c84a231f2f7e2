"""Egress: requests go to the host outside that they name, in the clear or by TLS, if it is allowed."""

import pytest
import pytest_asyncio

from support.objects.certificates import authority, server
from support.objects.documents import (
    Doc,
    authorities,
    backend,
    egress,
    gateway,
    listener,
    prefix,
    reference,
    route,
    rule,
    secret,
    to_egress,
    use,
)
from support.scenes.world import World, fresh
from support.servers.backend import GrpcEcho, call
from support.servers.nameserver import Nameserver
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
NAMES = Nameserver()
CALLS = free_port()
PORTS: dict[str, int] = {}
CLASSIC = """
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system, annotations: {daemun.dev/forward-to: default/out}}
spec: {}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindPort: PORT, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: out}
spec:
  virtualHost:
    domains: ['*']
    routes:
    - matchers: [{prefix: /named}]
      routeAction: {dynamicForwardProxy: {hostRewrite: api.test}}
    - matchers: [{prefix: /header}]
      routeAction: {dynamicForwardProxy: {autoHostRewriteHeader: x-to}}
    - matchers: [{prefix: /}]
      routeAction: {dynamicForwardProxy: {}}
"""
TRUSTED = {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await NAMES.start()
    shared.closing(NAMES.stop)
    for name in ("api", "other", "secure", "stranger", "strict", "eu.store", "a.b.store", "store", "calls"):
        NAMES.put(name, "A", "127.0.0.1")
    await shared.echo("plain", "inside", "far/far")
    await shared.echo("secure", tls=server(CA.issue("secure.test")))
    await shared.echo("strict", tls=server(CA.issue("strict.test"), clients=CA))
    calls = await GrpcEcho("calls").start(CA.issue("calls.test"))
    shared.closing(calls.stop)
    PORTS["calls"] = calls.port
    shared.write("ca.yaml", authorities("ca", CA.pem), secret("shown", *CA.issue("the proxy")))
    PORTS.update({name: one.port for name, one in shared.backends.items()})
    plain, secure, strict = (PORTS[name] for name in ("plain", "secure", "strict"))
    shared.write(
        "egress.yaml",
        egress("plain", "api.test", "*.store.test", "127.0.0.1", ports=[plain], asking=NAMES.port),
        egress("far/plain", "api.test", ports=[plain], asking=NAMES.port),
        egress("ungranted/plain", "api.test", ports=[plain], asking=NAMES.port),
        egress("secure", "secure.test", "stranger.test", ports=[secure], asking=NAMES.port, tls=TRUSTED),
        egress("distrusted", "secure.test", ports=[secure], asking=NAMES.port, tls={}),
        egress(
            *("strict", "strict.test"),
            ports=[strict],
            asking=NAMES.port,
            tls={**TRUSTED, "clientCertificateRef": {"name": "shown"}},
        ),
        egress("calls", "calls.test", ports=[calls.port], asking=NAMES.port, tls=TRUSTED),
        _granted("far"),
    )
    rules = [rule(prefix(f"/{name}"), to=[to_egress(name)]) for name in ("plain", "secure", "distrusted", "strict")]
    to = use("URLRewrite", hostname="secure.test")
    for_all = use("RequestHeaderModifier", set=[{"name": "host", "value": "api.test"}])
    shared.write("gateway.yaml", gateway("gw", listener(shared.port), listener(CALLS, "calls")))
    shared.write(
        "route.yaml",
        route(
            "r",
            *rules,
            rule(prefix("/far"), to=[to_egress("far/plain")]),
            rule(prefix("/ungranted"), to=[to_egress("ungranted/plain")]),
            rule(prefix("/named"), to=[to_egress("secure")], filters=[to]),
            rule(prefix("/set"), to=[to_egress("plain", port=plain)], filters=[for_all]),
            rule(prefix("/port"), to=[to_egress("plain", port=1)]),
            rule(prefix("/elsewhere"), to=[to_egress("plain")], filters=[use("URLRewrite", hostname="secure.test")]),
            rule(prefix("/shared"), to=[to_egress("plain", weight=1), backend("inside", 1)]),
            rule(prefix("/inside"), to="inside"),
            rule(prefix("/mirrored"), to="inside", filters=[_mirror("plain")]),
            parents=[reference("gw", sectionName="http")],
        ),
        route(
            "calls",
            {"backendRefs": [to_egress("calls")]},
            kind="GRPCRoute",
            parents=[reference("gw", sectionName="calls")],
        ),
    )
    await shared.start(clean=False)


def _granted(namespace: str) -> Doc:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "out", "namespace": namespace},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}],
            "to": [{"group": "daemun.dev", "kind": "Egress"}],
        },
    }


def _mirror(name: str) -> Doc:
    return use("RequestMirror", backendRef=to_egress(name))


async def test_a_request_goes_to_the_host_that_it_names(shared: World) -> None:
    got = await shared.answers(200, "/plain/x?y", host=f"api.test:{PORTS['plain']}")
    assert (got.backend, got.seen["path"], got.seen["host"]) == ("plain", "/plain/x?y", f"api.test:{PORTS['plain']}")
    assert got.seen["sni"] is None


@pytest.mark.parametrize("host", ["eu.store.test", "a.b.store.test"])
async def test_a_wildcard_stands_for_all_that_end_so(shared: World, host: str) -> None:
    assert (await shared.answers(200, "/plain", host=f"{host}:{PORTS['plain']}")).backend == "plain"


async def test_an_address_is_served_where_it_is_written(shared: World) -> None:
    assert (await shared.answers(200, "/plain", host=f"127.0.0.1:{PORTS['plain']}")).backend == "plain"


async def test_tls_greets_the_host_and_checks_its_certificate(shared: World) -> None:
    """Whose certificate is another's, or from somebody who is not trusted, gets no request."""
    got = await shared.answers(200, "/secure", host=f"secure.test:{PORTS['secure']}")
    assert (got.backend, got.seen["sni"], got.seen["client"]) == ("secure", "secure.test", "")
    before = len(shared.backends["secure"].requests)
    assert (await shared.ask("/secure", host=f"stranger.test:{PORTS['secure']}")).status == 503
    assert (await shared.ask("/distrusted", host=f"secure.test:{PORTS['secure']}")).status == 503
    assert len(shared.backends["secure"].requests) == before


async def test_a_certificate_is_shown(shared: World) -> None:
    got = await shared.answers(200, "/strict", host=f"strict.test:{PORTS['strict']}")
    assert (got.backend, got.seen["client"]) == ("strict", "the proxy")


async def test_calls_go_out_too(shared: World) -> None:
    await shared.answers(403, host="calls.test", port=CALLS)
    assert (await call(CALLS, "/a.B/C", f"calls.test:{PORTS['calls']}"))["name"] == "calls"


async def test_a_host_that_the_route_writes_decides(shared: World) -> None:
    """The client may say what it likes; the port is the reference's, or the only one."""
    got = await shared.answers(200, "/named", host="whatever.internal")
    assert (got.backend, got.seen["sni"], got.seen["host"]) == ("secure", "secure.test", _at("secure"))
    got = await shared.ask("/set", host="evil.test:1")
    assert (got.backend, got.seen["host"]) == ("plain", f"api.test:{PORTS['plain']}")
    assert (await shared.ask("/elsewhere", host=f"api.test:{PORTS['plain']}")).status == 403


async def test_consent_is_asked_for_across_namespaces(shared: World) -> None:
    assert (await shared.answers(200, "/far", host=f"api.test:{PORTS['plain']}")).backend == "plain"
    assert (await shared.ask("/ungranted", host=f"api.test:{PORTS['plain']}")).status == 500
    await shared.problem("Egress ungranted/plain is in another namespace")


async def test_what_cannot_be_is_told(shared: World) -> None:
    await shared.problem("does not allow port 1")
    assert (await shared.ask("/port", host=f"api.test:{PORTS['plain']}")).status == 500
    await shared.problem("Egress of group 'daemun.dev' is not a kind of backend", "requestMirror")
    assert shared.condition("Egress", "plain", "Accepted")[0] == "True"
    assert shared.condition("Egress", "secure", "ResolvedRefs")[0] == "True"


async def test_others_are_none_the_worse(shared: World) -> None:
    """A rule may share its requests between an Egress and a Service; one for a Service alone hears of nothing."""
    assert (await shared.ask("/inside", host="not.allowed.test")).backend == "inside"
    got = [await shared.ask("/shared", host=f"api.test:{PORTS['plain']}") for _ in range(60)]
    assert {one.backend for one in got} == {"plain", "inside"}
    got = [await shared.ask("/shared", host="not.allowed.test") for _ in range(60)]
    assert {one.status for one in got} == {200, 403}
    assert {one.backend for one in got} == {"", "inside"}


async def test_a_name_without_an_address_is_503_and_comes_when_it_has_one(shared: World) -> None:
    host = f"new.store.test:{PORTS['plain']}"
    assert (await shared.ask("/plain", host=host)).status == 503
    NAMES.put("new.store", "A", "127.0.0.1")
    assert (await shared.answers(200, "/plain", host=host)).backend == "plain"


def _at(name: str) -> str:
    return f"{name}.test:{PORTS[name]}"


async def test_a_dynamic_forward_proxy_of_a_classic_route() -> None:
    """It leads to hosts of the Egress that Settings name, and nowhere while they name none."""
    async with fresh() as world:
        await world.echo("plain")
        port = world.backends["plain"].port
        allowed, other = f"api.test:{port}", f"other.test:{port}"
        classic = CLASSIC.replace("PORT", str(world.port))
        world.write("egress.yaml", egress("out", "api.test", ports=[port], asking=NAMES.port))
        world.write("classic.yaml", classic)
        await world.start()
        assert (await world.answers(200, host=allowed)).backend == "plain"
        assert (await world.ask("/", host=other)).status == 403
        assert (await world.ask("/named", host=other)).seen["host"] == allowed
        assert (await world.ask("/header", host=other, headers={"x-to": allowed})).seen["host"] == allowed
        assert (await world.ask("/header", host=allowed, headers={"x-to": other})).status == 403
        world.write("classic.yaml", classic.replace("default/out", ""))
        await world.answers(500, host=allowed)
        await world.problem("routes[0]", "Settings name no Egress")
