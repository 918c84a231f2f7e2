"""What an Upstream needs from elsewhere: certificates of an SDS server, labels of pods."""

import pytest
import pytest_asyncio

from daemun.base.names import GLOO, Ref
from support.objects.certificates import authority, server
from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, to_upstream, upstream
from support.scenes.world import World, tally, until
from support.servers.backend import Echo
from support.servers.ports import free_port
from support.servers.sds import SdsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
CLASSIC = free_port()
VERSIONS = {"one": "v1", "two": "v2"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("strict", tls=server(CA.issue("backend.test"), clients=CA))
    ports = {}
    for name in VERSIONS:
        echo = await Echo(name).start()
        shared._closers.append(echo.stop)
        ports[name] = echo.port
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("pods.yaml", *_pods(ports))
    subsets: Doc = {"subsetSpec": {"selectors": [{"keys": ["version"]}], "fallbackPolicy": "NO_FALLBACK"}}
    kube = {"serviceName": "versions", "servicePort": 80}
    shared.write(
        "upstreams.yaml",
        upstream("subsets", kube=kube | subsets),
        upstream("selected", kube=kube | {"selector": {"version": "v2"}}),
    )
    shared.write("route.yaml", route("r", rule(prefix("/selected"), to=[to_upstream("selected")])))
    shared.write("classic.yaml", *_classic())
    await shared.start()


def _pods(ports: dict[str, int]) -> list[Doc]:
    """A Service with a pod for each version, each at a port of its own of this machine."""
    meta = {"namespace": "default"}
    found: list[Doc] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta | {"name": "versions"},
            "spec": {"ports": [{"port": 80}]},
        }
    ]
    for name, port in ports.items():
        found.append(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": meta | {"name": name, "labels": {"kubernetes.io/service-name": "versions"}},
                "addressType": "IPv4",
                "ports": [{"port": port}],
                "endpoints": [{"addresses": ["127.0.0.1"], "targetRef": {"kind": "Pod", "name": name}}],
            }
        )
        found.append(_pod(name, VERSIONS[name]))
    return found


def _pod(name: str, version: str) -> Doc:
    labels = {"app": "versions", "version": version}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": labels}}


def _classic() -> list[Doc]:
    """A VirtualService that chooses subsets."""
    api = "gateway.solo.io/v1"
    gate = {"bindPort": CLASSIC, "bindAddress": "127.0.0.1", "httpGateway": {}}
    routes: list[Doc] = [
        {
            "matchers": [{"prefix": f"/{version}"}],
            "routeAction": {"single": {"upstream": {"name": "subsets"}, "subset": {"values": {"version": version}}}},
        }
        for version in ("v1", "v2", "v3")
    ]
    shares = [
        {"weight": 1, "destination": {"upstream": {"name": "subsets"}, "subset": {"values": {"version": version}}}}
        for version in ("v1", "v2")
    ]
    routes.append({"matchers": [{"prefix": "/both"}], "routeAction": {"multi": {"destinations": shares}}})
    host = {"domains": ["*"], "routes": routes}
    return [
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": "classic", "namespace": "gloo-system"},
            "spec": gate,
        },
        {"apiVersion": api, "kind": "VirtualService", "metadata": {"name": "vs"}, "spec": {"virtualHost": host}},
    ]


async def test_an_upstream_may_select_pods(shared: World) -> None:
    assert set(tally([await shared.ask("/selected") for _ in range(20)])) == {"two"}


async def test_a_route_may_choose_a_subset(shared: World) -> None:
    for version, pod in (("v1", "one"), ("v2", "two")):
        assert set(tally([await shared.ask(f"/{version}", port=CLASSIC) for _ in range(20)])) == {pod}
    assert set(tally([await shared.ask("/both", port=CLASSIC) for _ in range(60)])) == {"one", "two"}
    assert (await shared.ask("/v3", port=CLASSIC)).status == 503, "there is none, and nothing instead"


async def test_a_pod_that_gets_another_label_gets_other_requests(shared: World) -> None:
    text = (shared.folder / "pods.yaml").read_text()
    shared.write("pods.yaml", text.replace("version: v2", "version: v3"))
    await shared.answered_by("two", "/v3", port=CLASSIC)
    assert (await shared.ask("/v2", port=CLASSIC)).status == 503
    shared.write("pods.yaml", text)
    await shared.answered_by("two", "/v2", port=CLASSIC)


@pytest.mark.parametrize("way", ["tcp", "unix"])
async def test_certificates_of_an_sds_server(shared: World, way: str) -> None:
    """Envoy asks it by itself, on a Unix socket with a token too. When the Upstream goes, all else is served on."""
    sds = SdsServer(CA.issue("by sds"), CA.pem)
    shared._closers.append(sds.stop)
    config: Doc = {"certificatesSecretName": "own", "validationContextName": "trust"}
    if way == "tcp":
        await sds.start()
        config["targetUri"] = f"127.0.0.1:{sds.port}"
    else:
        config["targetUri"] = f"unix:{shared.base}/sds.sock"
        await sds.start(config["targetUri"])
        (shared.base / "token").write_text("s3cret")
        proof = {"tokenFileName": str(shared.base / "token"), "header": "x-token"}
        config["callCredentials"] = {"fileCredentialSource": proof}
    tls = {"sds": config, "verifySubjectAltName": ["backend.test"]}
    shared.write("sds.yaml", upstream(way, static=hosts(shared.backends["strict"].port), sslConfig=tls))
    shared.write("sds-route.yaml", route("sds", rule(prefix("/sds"), to=[to_upstream(way)])))
    assert (await shared.answered_by("strict", "/sds")).seen["client"] == "by sds"
    assert sds.metadata[0].get("x-token") == ("s3cret" if way == "unix" else None)
    (shared.folder / "sds-route.yaml").unlink()
    (shared.folder / "sds.yaml").unlink()

    def gone() -> bool:
        assert shared.app is not None
        return Ref(GLOO, "Upstream", "default", way) not in shared.app.plane.translation.statuses

    await until(gone)
    await shared.synced()
    await shared.answers(404, "/sds")
    assert (await shared.ask("/selected")).backend == "two"
