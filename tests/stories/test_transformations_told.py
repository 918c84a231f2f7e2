"""What transformations tell others than the backend: the name of a span, the debug log, where they ran."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from test_gloo_options import having, option, target

from daemun.process.listening import stop_listening
from daemun.provision import admin
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port

Spans = list[dict[str, Any]]


async def collector(spans: Spans) -> tuple[int, Callable[[], Awaitable[None]]]:
    """A Zipkin that keeps what it is sent; its port, and how it is ended."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"transfer-encoding: chunked" in head
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            spans.extend(json.loads(body))
            writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    port = free_port()
    server = await asyncio.start_server(keep, "127.0.0.1", port)

    async def close() -> None:
        await stop_listening(server)

    return port, close


def transformed(**template: Any) -> dict[str, Any]:
    """Stages with one template for requests."""
    one = {"requestTransformation": {"transformationTemplate": {"passthrough": {}, **template}}}
    return {"regular": {"requestTransforms": [one]}}


async def test_a_template_names_the_span(world: World) -> None:
    spans: Spans = []
    port, close = await collector(spans)
    world.closing(close)
    await world.echo("a")
    upstream = {"static": {"hosts": [{"addr": "127.0.0.1", "port": port}], "useTls": False}}
    world.write(
        "zipkin.yaml",
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "zipkin"}, "spec": upstream},
    )
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ("named", "described")]
    world.write("routes.yaml", route("r", *rules, rule(prefix("/"), to="a")))
    zipkin = {"collectorUpstreamRef": {"name": "zipkin"}, "collectorEndpoint": "/api/v2/spans"}
    named = transformed(spanTransformer={"name": {"text": '{{ upper(header("x-name")) }}'}})
    world.write(
        "options.yaml",
        option(
            "HttpListenerOption",
            "traced",
            target("Gateway", "gw"),
            httpConnectionManagerSettings={
                "tracing": {"zipkinConfig": zipkin | {"collectorEndpointVersion": "HTTP_JSON"}}
            },
        ),
        option("RouteOption", "named", stagedTransformations=named),
        option("RouteOption", "described", tracing={"routeDescriptor": "described"}),
    )
    await world.start()
    asked = ("/named", "/described", "/other")
    for path in asked:
        await world.ask(path, headers={"x-name": "cart"})

    def told() -> dict[str, str] | None:
        found = {f"/{one['tags']['http.url'].rpartition('/')[2]}": one["name"] for one in spans}
        return found if found.keys() >= set(asked) else None

    found = await until(told)
    assert (found["/named"], found["/described"]) == ("CART", "described")
    assert found["/other"] not in ("", "-", "CART"), "as Envoy calls it"


async def test_a_template_says_which_proxy_it_ran_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "gateway-proxy-1")
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ("open", "secret")]
    world.write("routes.yaml", route("r", *rules))
    world.write(
        "options.yaml",
        option(
            "RouteOption",
            "open",
            stagedTransformations=transformed(headers={"x-pod": {"text": '{{ env("POD_NAME") }}'}}),
        ),
        option(
            "RouteOption",
            "secret",
            stagedTransformations=transformed(headers={"x-home": {"text": '{{ env("HOME") }}'}}),
        ),
    )
    await world.start(clean=False)
    assert (await world.ask("/open")).sent("x-pod") == ["gateway-proxy-1"]
    assert (await world.ask("/secret")).status == 500
    await world.problem("options.yaml", "HOME")


async def test_what_is_transformed_is_in_the_debug_log_if_both_ask_for_it(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ("told", "quiet")]
    world.write("routes.yaml", route("r", *rules))
    stages = transformed(headers={"x-new": {"text": "{{ 1 + 1 }}"}})
    loud = transformed(headers={"x-new": {"text": "{{ 1 + 1 }}"}}) | {"logRequestResponseInfo": True}
    world.write(
        "options.yaml",
        option("RouteOption", "told", stagedTransformations=loud),
        option("RouteOption", "quiet", stagedTransformations=stages),
    )
    await world.start()
    assert (await world.ask("/told", headers={"x-who": "before-that"})).sent("x-new") == ["2"]
    (path,) = world.base.glob("r/*/admin.sock")
    await admin.request(str(path), "/logging?lua=debug", method="POST")
    for one in ("/quiet", "/told"):
        assert (await world.ask(one, headers={"x-who": f"me{one}"})).sent("x-new") == ["2"]
    (log,) = world.base.glob("r/*/envoy.log")
    lines = await until(lambda: [one for one in log.read_text().splitlines() if "after transformation" in one])
    assert all("'x-who', 'me/told'" in one and "'x-new', '2'" in one for one in lines)
    assert "before transformation" in log.read_text()
    assert "before-that" not in log.read_text()
