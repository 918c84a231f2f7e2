"""extProc: a gRPC service changes requests and responses, on a host that is found at once and under a wildcard."""

import pytest
import pytest_asyncio
from test_gloo_options import having, option, target

from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World
from support.servers.ports import free_port
from support.standins.processor import Processor

pytestmark = pytest.mark.asyncio(loop_scope="module")
HIT, MISS = "hit.test", "x.wild.test"
hosts = pytest.mark.parametrize("host", [HIT, MISS])
BARE = free_port()
"""A port whose listener says nothing of processors."""
P: dict[str, Processor] = {}


def grpc_upstream(name: str, port: int) -> Doc:
    """An Upstream that is asked in HTTP/2."""
    spec = {"useHttp2": True, "static": {"hosts": [{"addr": "127.0.0.1", "port": port}]}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": name}, "spec": spec}


def service(name: str) -> Doc:
    return {"extProcServerRef": {"name": name, "namespace": "default"}}


ROUTES: dict[str, Doc] = {
    "off": {"disabled": True},
    "own": {"overrides": {"grpcService": service("other") | {"initialMetadata": [{"key": "x-from", "value": "gate"}]}}},
    "half": {"overrides": {"processingMode": {"responseHeaderMode": "SKIP"}}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    for name in ("main", "other"):
        P[name] = await Processor(name).start()
        shared.closing(P[name].stop)
        shared.write(f"{name}.yaml", grpc_upstream(name, P[name].port))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)), gateway("bare", listener(BARE)))
    listeners = {"grpcService": service("main"), "requestAttributes": ["request.path"], "messageTimeout": "20s"}
    shared.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), extProc=listeners))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ROUTES]
    shared.write("routes.yaml", route("r", rule(to="a"), *rules, parents=["gw", "bare"], hosts=[HIT, "*.wild.test"]))
    shared.write("options.yaml", *(option("RouteOption", name, extProc=said) for name, said in ROUTES.items()))
    await shared.start()


@hosts
async def test_a_service_changes_requests_and_responses(shared: World, host: str) -> None:
    P["main"].seen.clear()
    got = await shared.ask("/x", host=host)
    assert (got.sent("x-processed"), got.headers["x-answered"]) == (["main"], "main")
    assert len(P["main"].seen) == 1, "it is asked once"
    attributes = P["main"].seen[0][1].attributes["envoy.filters.http.ext_proc"]
    assert attributes.fields["request.path"].string_value == "/x"


@hosts
async def test_a_service_may_answer_itself(shared: World, host: str) -> None:
    before = len(shared.backends["a"].requests)
    assert (await shared.ask("/x", host=host, headers={"x-refuse": "1"})).status == 403
    assert len(shared.backends["a"].requests) == before


@hosts
async def test_what_routes_have_otherwise(shared: World, host: str) -> None:
    got = await shared.ask("/off", host=host)
    assert (got.status, got.sent("x-processed")) == (200, [])
    assert "x-answered" not in got.headers
    got = await shared.ask("/half", host=host)
    assert got.sent("x-processed") == ["main"]
    assert "x-answered" not in got.headers
    got = await shared.ask("/own", host=host)
    assert (got.sent("x-processed"), got.headers["x-answered"]) == (["other"], "other")
    assert P["other"].seen[-1][0]["x-from"] == "gate"


@hosts
async def test_routes_of_a_listener_without_a_service(shared: World, host: str) -> None:
    assert (await shared.ask("/x", host=host, port=BARE)).sent("x-processed") == []
    assert (await shared.ask("/off", host=host, port=BARE)).sent("x-processed") == []
    got = await shared.ask("/own", host=host, port=BARE)
    assert (got.sent("x-processed"), got.headers["x-answered"]) == (["other"], "other")
    assert (await shared.ask("/half", host=host, port=BARE)).status == 500, "there is nobody to show it"
