"""Gloo's classic objects through a real Envoy: VirtualServices as they are written, RouteTables, TLS, conflicts."""

import re
import ssl

import pytest
import pytest_asyncio

from daemun.explain import explain, request_from
from support.clients.client import Answer, ask, connection, exchange
from support.objects.certificates import authority
from support.objects.documents import secret
from support.scenes.world import World, tally, until
from support.servers.ports import free_port
from support.servers.streams import greeted

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
TLS_PORT, TCP_PORT, SNI_PORT, MIXED_PORT = (free_port() for _ in range(4))
GATEWAYS = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: PORT, httpGateway: {}, proxyNames: [gateway-proxy], useProxyProto: false}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy-ssl, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: TLS, ssl: true, httpGateway: {}, proxyNames: [gateway-proxy]}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: tcp, namespace: gloo-system}
spec:
  bindPort: TCP
  proxyNames: [streams]
  tcpGateway: {tcpHosts: [{destination: {single: {kube: {ref: {name: t1, namespace: default}, port: 80}}}}]}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: sni, namespace: gloo-system}
spec:
  bindPort: SNI
  proxyNames: [streams]
  tcpGateway:
    tcpHosts:
    - sslConfig: {secretRef: {name: one, namespace: default}, sniDomains: [one.test]}
      destination: {single: {kube: {ref: {name: t1, namespace: default}, port: 80}}}
    - sslConfig: {secretRef: {name: two, namespace: default}, sniDomains: ['*.two.test']}
      destination: {single: {kube: {ref: {name: t2, namespace: default}, port: 80}}}
"""
MIXED = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: mixed, namespace: gloo-system}
spec:
  bindPort: MIXED
  proxyNames: [mixed]
  hybridGateway:
    matchedGateways:
    - matcher: {sourcePrefixRanges: [{addressPrefix: 127.0.0.0, prefixLen: 8}]}
      httpGateway: {virtualServiceSelector: {for: inside}}
    - httpGateway: {virtualServiceSelector: {for: outside}}
    - matcher: {sslConfig: {sniDomains: [tcp.test], secretRef: {name: two, namespace: default}}}
      tcpGateway: {tcpHosts: [{destination: {single: {kube: {ref: {name: t1, namespace: default}, port: 80}}}}]}
    delegatedHttpGateways: {selector: {labels: {of: mixed}}}
---
apiVersion: gateway.solo.io/v1
kind: MatchableHttpGateway
metadata: {name: tls, namespace: gloo-system, labels: {of: mixed}}
spec:
  matcher: {sslConfig: {secretRef: {name: one, namespace: default}}}
  httpGateway: {virtualServices: [{name: one, namespace: default}]}
"""
PETSTORE = """
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: petstore, namespace: gloo-system, creationTimestamp: '2026-01-01T00:00:00Z'}
spec:
  virtualHost:
    domains: ['*']
    routes:
    - matchers: [{exact: /a/exact, headers: [{name: x-not, value: b, invertMatch: true}]}]
      directResponseAction: {status: 219}
    - matchers: [{prefix: /a}]
      routeAction: {single: {kube: {ref: {name: a, namespace: default}, port: 80}}}
    - matchers: [{exact: /a/exact}, {exact: /Case, caseSensitive: false}, {regex: '/r[0-9]+'}]
      routeAction: {single: {kube: {ref: {name: b, namespace: default}, port: 80}}}
    - matchers: [{prefix: /m, methods: [GET, PUT], queryParameters: [{name: q}]}]
      routeAction: {single: {kube: {ref: {name: b, namespace: default}, port: 80}}}
    - matchers: [{prefix: /both}]
      routeAction: {upstreamGroup: {name: both, namespace: gloo-system}}
    - matchers: [{prefix: /old}]
      redirectAction: {hostRedirect: new.test, prefixRewrite: /new, responseCode: FOUND, stripQuery: true}
    - matchers: [{prefix: /teapot}]
      directResponseAction: {status: 418, body: short and stout}
    - matchers: [{prefix: /tables}]
      delegateAction: {selector: {labels: {of: api}, namespaces: ['*']}}
    - matchers: [{prefix: /static}]
      options: {prefixRewrite: /rewritten}
      routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}
    - matchers: [{prefix: /discovered}]
      routeAction: {single: {upstream: {name: default-a-80, namespace: gloo-system}}}
    - matchers: [{prefix: /gone}]
      routeAction: {single: {kube: {ref: {name: missing, namespace: default}, port: 80}}}
---
apiVersion: gloo.solo.io/v1
kind: UpstreamGroup
metadata: {name: both, namespace: gloo-system}
spec:
  destinations:
  - {weight: 1, destination: {kube: {ref: {name: a, namespace: default}, port: 80}}}
  - {weight: 1, destination: {kube: {ref: {name: b, namespace: default}, port: 80}}}
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: late, namespace: default, labels: {of: api}}
spec:
  weight: 10
  routes: [{matchers: [{prefix: /tables}], routeAction: {single: {kube: {ref: {name: a}, port: 80}}}}]
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: soon, namespace: default, labels: {of: api}}
spec:
  weight: 1
  routes:
  - {matchers: [{prefix: /tables/b}], routeAction: {single: {kube: {ref: {name: b}, port: 80}}}}
  - {matchers: [{prefix: /elsewhere}], directResponseAction: {status: 418}}
"""


def shop(name: str, domain: str, status: int, **ssl_config: object) -> dict:
    spec: dict = {"virtualHost": {"domains": [domain], "routes": [{"directResponseAction": {"status": status}}]}}
    if ssl_config:
        spec["sslConfig"] = ssl_config
    metadata = {"name": name, "namespace": "default", "creationTimestamp": "2026-02-01T00:00:00Z"}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    await shared.tcp("t1", "t2")
    ports = {"PORT": shared.port, "TLS": TLS_PORT, "TCP": TCP_PORT, "SNI": SNI_PORT}
    shared.write("gateways.yaml", re.sub("|".join(ports), lambda found: str(ports[found[0]]), GATEWAYS))
    shared.write("mixed.yaml", MIXED.replace("MIXED", str(MIXED_PORT)))
    for number, where in enumerate(("inside", "outside")):
        one = shop(where, "mixed.test", 215 + number)
        one["metadata"]["labels"] = {"for": where}
        shared.write(f"{where}.yaml", one)
    shared.write("petstore.yaml", PETSTORE)
    static = {"hosts": [{"addr": "127.0.0.1", "port": shared.backends["b"].port}]}
    petstore = {"name": "petstore", "namespace": "gloo-system"}
    shared.write(
        "upstream.yaml",
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": petstore, "spec": {"static": static}},
    )
    for name in ("one", "two"):
        shared.write(f"secret-{name}.yaml", secret(name, *CA.issue(f"{name}.test")))
    bank = secret("bank", *CA.issue("bank.test"))
    bank["stringData"]["ca.crt"] = CA.pem
    shared.write("secret-bank.yaml", bank)
    shared.write(
        "tls.yaml",
        shop("one", "one.test", 210, secretRef={"name": "one"}, sniDomains=["one.test"]),
        shop("two", "*", 211, secretRef={"name": "two", "namespace": "default"}),
        shop("bank", "bank.test", 212, secretRef={"name": "bank"}, sniDomains=["bank.test"]),
    )
    await shared.start(clean=False)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/a", "a"),
        ("/and", "a"),  # a prefix is of characters
        ("/a/exact", "a"),  # what is written first comes first, however exact the other is
        ("/case", "b"),
        ("/CASE", "b"),
        ("/r12", "b"),
        ("/m?q=1", "b"),
        ("/tables/b/x", "b"),  # the RouteTable of less weight comes first
        ("/tables/c", "a"),
        ("/static/x", "b"),
        ("/discovered", "a"),
    ],
)
async def test_a_request_goes_where_the_virtual_service_says(shared: World, path: str, to: str) -> None:
    got = await shared.ask(path)
    assert (got.status, got.backend) == (200, to)
    told = explain(shared.app.plane.translation, request_from("GET", f"http://127.0.0.1:{shared.port}{path}"))
    assert told.outcome.kind == "forwarded"
    assert told.outcome.shares[0].backend.name == ("petstore" if path == "/static/x" else to)
    assert got.seen["path"] == told.outcome.shares[0].path


@pytest.mark.parametrize(("headers", "status"), [({"x-not": "c"}, 219), ({"x-not": "b"}, 200), ({}, 200)])
async def test_another_value_of_a_header_is_no_header_at_all(shared: World, headers: dict, status: int) -> None:
    assert (await shared.ask("/a/exact", headers=headers)).status == status


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/m", "GET", 404),
        ("/m?q=1", "POST", 404),
        ("/elsewhere", "GET", 404),
        ("/gone", "GET", 500),
        ("/teapot", "GET", 418),
    ],
)
async def test_the_gateway_answers_by_itself(shared: World, path: str, method: str, status: int) -> None:
    assert (await shared.ask(path, method)).status == status


async def test_a_redirect(shared: World) -> None:
    got = await shared.ask("/old/x?q=1")
    assert (got.status, got.headers["location"]) == (302, f"http://new.test:{shared.port}/new/x") or got.headers[
        "location"
    ] == "http://new.test/new/x"


async def test_an_upstream_group_shares_requests(shared: World) -> None:
    found = tally([await shared.ask("/both") for _ in range(60)])
    assert set(found) == {"a", "b"}


async def over_tls(host: str, sni: str, context: ssl.SSLContext | None = None) -> Answer:
    context = context or CA.client()
    context.check_hostname = False
    async with connection(TLS_PORT, tls=context, sni=sni) as (reader, writer):
        return await exchange(reader, writer, "/", host=host)


async def test_each_server_name_has_its_own_certificate_and_all_hosts_are_reached(shared: World) -> None:
    assert (await over_tls("one.test", "one.test")).status == 210
    assert (await over_tls("other.test", "other.test")).status == 211
    # Any connection reaches any host, unless clients must show certificates there.
    assert (await over_tls("one.test", "other.test")).status == 210
    assert (await over_tls("bank.test", "one.test")).status == 421


async def test_who_shows_no_certificate_does_not_reach_the_bank(shared: World) -> None:
    with pytest.raises((ssl.SSLError, OSError)):
        await over_tls("bank.test", "bank.test")


@pytest.mark.parametrize(
    ("port", "sni", "to"), [(TCP_PORT, "", "t1"), (SNI_PORT, "one.test", "t1"), (SNI_PORT, "x.two.test", "t2")]
)
async def test_connections_go_on_unread(port: int, sni: str, to: str) -> None:
    context = CA.client() if sni else None
    if context is not None:
        context.check_hostname = False
    assert await greeted(port, context, sni) == to


async def test_parts_of_a_port_are_told_apart_by_clients_and_handshakes(shared: World) -> None:
    assert (await shared.ask("/", port=MIXED_PORT, host="mixed.test")).status == 215
    context = CA.client()
    context.check_hostname = False
    got = await ask(MIXED_PORT, "/", host="one.test", tls=context, sni="anything.test")
    assert got.status == 210
    assert await greeted(MIXED_PORT, context, "tcp.test") == "t1"


async def test_of_two_with_the_same_domain_the_older_is_served_and_both_are_told(shared: World) -> None:
    shared.write("clash.yaml", shop("clash", "*", 299))
    told = await shared.problem("conflicts with that of VirtualService gloo-system/petstore")
    assert told.code == "DomainConflict"
    await shared.problem("conflicts with that of VirtualService default/clash")
    assert (await shared.ask("/a")).backend == "a"
    (shared.folder / "clash.yaml").unlink()
    await until(lambda: not [one for one in shared.problems() if "default/clash" in one])
