"""Gloo's Upstreams as backends: each kind, and what their fields do to real requests."""

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from daemun.api.gloo.status import GlooStatus
from daemun.base.names import GLOO, Ref
from support.objects.certificates import authority, server
from support.objects.documents import (
    Doc,
    gateway,
    grant,
    hosts,
    listener,
    prefix,
    route,
    rule,
    secret,
    to_upstream,
    upstream,
)
from support.scenes.world import World, load, tally, until
from support.servers.backend import Echo, call
from support.servers.connect import ConnectProxy
from support.servers.ports import free_port
from support.servers.streams import greeted

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
NAME = "backend.test"
PASSED, STREAMS, CALLS = free_port(), free_port(), free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "far/far")
    await shared.echo("secure", tls=server(CA.issue(NAME)))
    await shared.echo("strict", tls=server(CA.issue(NAME), clients=CA))
    await shared.grpc("calls")
    await shared.grpc("secret-calls", pair=CA.issue(NAME))
    await shared.tcp("stream")
    await shared.tcp("sealed", tls=server(CA.issue(NAME)))
    shared.write("secrets.yaml", _trust("ca"), _trust("both", pair=CA.issue("the proxy")))
    proxied = await Echo("proxied", proxied=True).start()
    piped = await Echo("piped").start_at(str(_socket(shared)))
    for one in (proxied, piped):
        shared._closers.append(one.stop)
    a, b = shared.backends["a"].port, shared.backends["b"].port
    secure, strict = shared.backends["secure"].port, shared.backends["strict"].port
    grpc = _port(shared, "calls")
    made = {
        "kube": {"kube": {"serviceName": "far", "serviceNamespace": "far", "servicePort": 80}},
        "address": {"static": hosts(a)},
        "name": {"static": hosts(b, address="localhost")},
        "both": {"static": hosts(a, b)},
        "pipe": {"pipe": {"path": str(_socket(shared))}},
        "secure": {"static": hosts(secure), "sslConfig": _tls("ca", sni=NAME, verifySubjectAltName=[NAME])},
        "strict": {"static": hosts(strict), "sslConfig": _tls("both")},
        "other-name": {"static": hosts(secure), "sslConfig": _tls("ca", verifySubjectAltName=["other.test"])},
        "own-name": {
            "static": {"hosts": [{"addr": "127.0.0.1", "port": secure, "sniAddr": "own.test"}], "useTls": True}
        },
        "proxied": {"static": hosts(proxied.port), "proxyProtocolVersion": "V1"},
        "http2": {"static": hosts(grpc), "useHttp2": True},
        "silent": {"static": hosts(grpc)},
        "http2-tls": {
            "static": hosts(_port(shared, "secret-calls")),
            "useHttp2": True,
            "sslConfig": _tls("ca", sni=NAME),
        },
        "stream": {"static": hosts(_port(shared, "stream"))},
        "sealed": {"static": hosts(_port(shared, "sealed")), "sslConfig": _tls("ca", sni="not.asked.for")},
    }
    shared.write("upstreams.yaml", *(upstream(name, **spec) for name, spec in made.items()))
    shared.write(
        "gateway.yaml",
        gateway(
            "gw",
            listener(shared.port),
            listener(STREAMS, "tcp", protocol="TCP"),
            listener(CALLS, "calls"),
            listener(PASSED, "passed", protocol="TLS"),
        ),
    )
    http = [name for name in made if name not in {"stream", "silent", "sealed"}]
    shared.write("route.yaml", route("r", *(rule(prefix(f"/{one}"), to=[to_upstream(one)]) for one in http)))
    ref = {"name": "gw", "sectionName": "tcp"}
    shared.write(
        "tcp.yaml", route("t", rule(to=[to_upstream("stream")]), parents=[ref], kind="TCPRoute", version="v1alpha2")
    )
    ref = {"name": "gw", "sectionName": "calls"}
    shared.write("grpc.yaml", route("g", rule(to=[to_upstream("silent")]), parents=[ref], kind="GRPCRoute"))
    ref = {"name": "gw", "sectionName": "passed"}
    rules = [rule(to=[to_upstream("sealed")])]
    shared.write("tls.yaml", route("p", *rules, parents=[ref], hosts=[NAME], kind="TLSRoute"))
    await shared.start()


def _socket(world: World) -> Path:
    return world.base / "echo.sock"


def _port(world: World, name: str) -> int:
    """Where a backend is, by the EndpointSlice of its Service."""
    text = (world.folder / f"backends/{name}.yaml").read_text()
    return int(next(line.split("port: ")[1] for line in text.splitlines()[::-1] if "port: " in line))


def _trust(name: str, pair: tuple[bytes, bytes] | None = None) -> Doc:
    """A Secret with CA certificates, and a key pair if one is given."""
    one = secret(name, *(pair or (b"", b"")))
    data = one["stringData"] if pair else {}
    return one | {"type": "Opaque", "stringData": data | {"ca.crt": CA.pem}}


def _tls(name: str, **fields: Any) -> Doc:
    return {"secretRef": {"name": name, "namespace": "default"}, **fields}


@pytest.mark.parametrize(
    "name, backend", [("kube", "far"), ("address", "a"), ("name", "b"), ("pipe", "piped"), ("secure", "secure")]
)
async def test_each_kind(shared: World, name: str, backend: str) -> None:
    assert (await shared.ask(f"/{name}/x")).backend == backend


async def test_a_certificate_for_another_name_is_refused(shared: World) -> None:
    assert (await shared.ask("/other-name")).status == 503


async def test_the_proxy_shows_its_certificate(shared: World) -> None:
    assert (await shared.ask("/strict")).seen["client"] == "the proxy"


async def test_server_names(shared: World) -> None:
    assert (await shared.ask("/secure")).seen["sni"] == NAME
    assert (await shared.ask("/own-name")).seen["sni"] == "own.test"


async def test_proxy_protocol(shared: World) -> None:
    told = (await shared.ask("/proxied")).seen["proxy"].split()
    assert told[:3] == ["PROXY", "TCP4", "127.0.0.1"]


async def test_http2_and_what_needs_it(shared: World) -> None:
    """A gRPC server knows nothing but HTTP/2."""
    assert (await call(shared.port, "/http2/Hello"))["name"] == "calls"
    assert (await call(CALLS, "/any.Service/Hello"))["name"] == "calls"
    assert (await call(shared.port, "/http2-tls/Hello"))["name"] == "secret-calls"


async def test_connections(shared: World) -> None:
    assert await greeted(STREAMS) == "stream"


async def test_tls_that_passes_through_gets_no_more_of_it(shared: World) -> None:
    """The client's own handshake reaches the backend, though requests for this Upstream would be encrypted."""
    assert await greeted(PASSED, CA.client(), NAME) == "sealed"
    assert shared.streams["sealed"].names == [NAME]


async def test_endpoints_share_and_change_without_an_error(shared: World) -> None:
    assert set(tally([await shared.ask("/both") for _ in range(30)])) == {"a", "b"}
    async with load(lambda: shared.ask("/moving")) as stream:
        shared.write("moving.yaml", upstream("moving", static=hosts(shared.backends["a"].port)))
        shared.write("moving-route.yaml", route("moving", rule(prefix("/moving"), to=[to_upstream("moving")])))
        await shared.answered_by("a", "/moving")
        stream.answers.clear()
        shared.write("moving.yaml", upstream("moving", static=hosts(shared.backends["b"].port)))
        await shared.answered_by("b", "/moving")
        # Now by name: another type of cluster under the same name.
        shared.write("moving.yaml", upstream("moving", static=hosts(shared.backends["a"].port, address="localhost")))
        await shared.answered_by("a", "/moving")
    assert not stream.failed()


async def test_health_checks_take_a_host_out(shared: World) -> None:
    sick = await Echo("sick").start()
    shared._closers.append(sick.stop)
    check = {
        "timeout": "1s",
        "interval": "0.1s",
        "unhealthyThreshold": 1,
        "healthyThreshold": 1,
        "httpHealthCheck": {"path": "/health", "requestHeadersToAdd": [{"header": {"key": "x-from", "value": "me"}}]},
    }
    gone = free_port()
    shared.write("checked.yaml", upstream("checked", static=hosts(sick.port, gone), healthChecks=[check]))
    shared.write("checked-route.yaml", route("checked", rule(prefix("/checked"), to=[to_upstream("checked")])))
    await shared.answered_by("sick", "/checked")

    async def only_the_healthy() -> bool:
        return {(await shared.ask("/checked")).status for _ in range(20)} == {200}

    await until(only_the_healthy)
    asked = [one for one in sick.requests if one["path"] == "/health"]
    assert dict(asked[0]["headers"])["x-from"] == "me"


async def test_several_health_checks(shared: World) -> None:
    base = {"timeout": "1s", "interval": "0.1s", "unhealthyThreshold": 1, "healthyThreshold": 1}
    checks = [base | {"tcpHealthCheck": {}}, base | {"httpHealthCheck": {"path": "/second"}}]
    shared.write("twice.yaml", upstream("twice", static=hosts(shared.backends["a"].port), healthChecks=checks))
    shared.write("twice-route.yaml", route("twice", rule(prefix("/twice"), to=[to_upstream("twice")])))
    await shared.answered_by("a", "/twice")
    await until(lambda: "/second" in shared.backends["a"].paths())


async def test_outlier_detection(shared: World) -> None:
    """Of two hosts one always answers 500; after a few of these nobody is sent there any more."""
    bad = await Echo("bad", status=500).start()
    shared._closers.append(bad.stop)
    spec: Doc = {"static": hosts(bad.port, shared.backends["a"].port), "loadBalancerConfig": {"roundRobin": {}}}
    spec["outlierDetection"] = {"consecutive5xx": 3, "baseEjectionTime": "600s", "maxEjectionPercent": 50}
    shared.write("outlier.yaml", upstream("outlier", **spec))
    shared.write("outlier-route.yaml", route("outlier", rule(prefix("/outlier"), to=[to_upstream("outlier")])))
    await shared.answered_by("bad", "/outlier")

    async def left_alone() -> bool:
        return set(tally([await shared.ask("/outlier") for _ in range(10)])) == {"a"}

    await until(left_alone)


async def test_failover(shared: World) -> None:
    """The Upstream's own hosts refuse connections: the next priority takes over, which is checked as well."""
    base = {"timeout": "1s", "interval": "0.1s", "unhealthyThreshold": 1, "healthyThreshold": 1, "tcpHealthCheck": {}}
    other = {"lbEndpoints": [{"address": "127.0.0.1", "port": shared.backends["b"].port}]}
    spec = {"static": hosts(free_port()), "healthChecks": [base]}
    spec["failover"] = {"prioritizedLocalities": [{"localityEndpoints": [other]}]}
    shared.write("failing.yaml", upstream("failing", **spec))
    shared.write("failing-route.yaml", route("failing", rule(prefix("/failing"), to=[to_upstream("failing")])))
    await shared.answered_by("b", "/failing")


async def test_through_a_proxy_that_is_asked_by_connect(shared: World) -> None:
    """Both TLS: to the proxy, whom nobody checks here, and to the backend at the end of the tunnel."""
    proxy = await ConnectProxy().start(tls=server(CA.issue("proxy.test")))
    shared._closers.append(proxy.stop)
    target = f"backend.test:{shared.backends['secure'].port}"
    spec: Doc = {
        "static": hosts(proxy.port),
        "httpProxyHostname": target,
        "httpConnectSslConfig": {"sni": "proxy.test"},
    }
    spec["httpConnectHeaders"] = [{"key": "x-who", "value": "me"}]
    spec["sslConfig"] = _tls("ca", verifySubjectAltName=[NAME])
    shared.write("tunnel.yaml", upstream("tunnel", **spec))
    shared.write("tunnel-route.yaml", route("tunnel", rule(prefix("/tunnel"), to=[to_upstream("tunnel")])))
    answer = await shared.answered_by("secure", "/tunnel")
    assert answer.seen["sni"] == NAME
    head = proxy.heads[0]
    assert head[0] == f"CONNECT {target} HTTP/1.1"
    assert "x-who: me" in head

    # It moves to another proxy, and then needs none any more.
    other = await ConnectProxy().start()
    shared._closers.append(other.stop)
    spec |= {"static": hosts(other.port), "httpConnectSslConfig": None}
    shared.write("tunnel.yaml", upstream("tunnel", **spec))
    await until(lambda: _uses(shared, other))
    spec = {"static": hosts(shared.backends["a"].port)}
    shared.write("tunnel.yaml", upstream("tunnel", **spec))
    await shared.answered_by("a", "/tunnel")


async def _uses(world: World, proxy: ConnectProxy) -> bool:
    return (await world.ask("/tunnel")).backend == "secure" and bool(proxy.heads)


async def test_what_is_wrong_is_told_and_closes_the_route_until_it_is_mended(shared: World) -> None:
    port = shared.backends["a"].port
    shared.write("wrong.yaml", upstream("wrong", static=hosts(port), sslConfig=_tls("gone")))
    shared.write("wrong-route.yaml", route("wrong", rule(prefix("/wrong"), to=[to_upstream("wrong")])))
    await shared.answers(500, "/wrong")
    problem = await shared.problem("Upstream default/wrong spec.sslConfig", "Secret default/gone does not exist")
    assert _status(shared, "wrong").state == "Rejected"
    shared.write("wrong.yaml", upstream("wrong", static=hosts(port)))
    await shared.answered_by("a", "/wrong")
    await shared.solved(problem)
    assert _status(shared, "wrong").state == "Accepted"


async def test_what_envoy_rejects_is_told_in_the_status(shared: World) -> None:
    """Whether a file is there only the proxy can know. The others do not suffer."""
    files = {"sslFiles": {"rootCa": "/nowhere/ca.pem"}}
    shared.write("files.yaml", upstream("files", static=hosts(shared.backends["a"].port), sslConfig=files))
    shared.write("files-route.yaml", route("files", rule(prefix("/files"), to=[to_upstream("files")])))
    problem = await shared.problem("Upstream default/files", "rejected it", "/nowhere/ca.pem")
    assert _status(shared, "files").state == "Rejected"
    await shared.answers(500, "/files")
    assert (await shared.ask("/address")).backend == "a"
    (shared.folder / "files-route.yaml").unlink()
    (shared.folder / "files.yaml").unlink()
    await shared.solved(problem)


def _status(world: World, name: str) -> GlooStatus:
    assert world.app is not None
    found = world.app.plane.translation.statuses[Ref(GLOO, "Upstream", "default", name)]
    assert isinstance(found, GlooStatus)
    return found


async def test_another_namespace_needs_a_grant(shared: World) -> None:
    shared.write("far.yaml", upstream("far/u", static=hosts(shared.backends["a"].port)))
    shared.write("far-route.yaml", route("far", rule(prefix("/granted"), to=[to_upstream("far/u")])))
    await shared.answers(500, "/granted")
    let_in = grant("far/g", "HTTPRoute", "default")
    let_in["spec"]["to"] = [{"group": GLOO, "kind": "Upstream"}]
    shared.write("far-grant.yaml", let_in)
    await shared.answered_by("a", "/granted")
