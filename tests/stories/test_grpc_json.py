"""gRPC services of Upstreams that are called with JSON, whose servers say themselves what they have."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, to_upstream, upstream
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.standins.shelves import SERVICE, Shelves, descriptors

JSON = {"content-type": "application/json"}
LABEL = "discovery.solo.io/function_discovery"


def settings(mode: str) -> Doc:
    meta = {"name": "default", "namespace": "gloo-system"}
    spec = {"discovery": {"fdsMode": mode}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": spec}


def shelves(port: int, label: str = "", **fields: Any) -> Doc:
    """The Upstream, which says nothing of its services unless `transcoder` does."""
    static: Doc = {**hosts(port)}
    if "transcoder" in fields:
        static["serviceSpec"] = {"grpcJsonTranscoder": fields.pop("transcoder")}
    found = upstream("shelves", static=static, **fields)
    if label:
        found["metadata"]["labels"] = {LABEL: label}
    return found


def described(*further: str) -> str:
    """The descriptor set, as `protoc --include_imports` makes it, in base64."""
    found = descriptor_pb2.FileDescriptorSet()
    for one in (descriptor_pb2.DESCRIPTOR, http_pb2.DESCRIPTOR, annotations_pb2.DESCRIPTOR):
        one.CopyToProto(found.file.add())
    found.file.append(descriptors(*further))
    return base64.b64encode(found.SerializeToString()).decode()


class Library(World):
    """A world with a gRPC server in it."""

    server: Shelves

    async def close(self) -> None:
        """End the server that there is in the end."""
        await self.server.stop()


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Library]:
    one = Library()
    try:
        one.server = await Shelves().start()
        one.closing(one.close)
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        one.write("routes.yaml", route("r", rule(prefix("/"), to=[to_upstream("shelves")])))
        yield one
    finally:
        await one.stop()


async def works(world: Library) -> None:
    got = await world.answers(200, "/v1/shelves/7")
    assert json.loads(got.body) == {"id": "7", "theme": "GetShelf"}
    made = await world.ask("/v1/shelves", "POST", headers=JSON, body=b'{"id": 8, "theme": "tea"}')
    assert json.loads(made.body) == {"id": "8", "theme": "tea"}


async def test_by_a_descriptor_set(world: Library) -> None:
    said = {"protoDescriptorBin": described(), "services": [SERVICE]}
    world.write("upstream.yaml", shelves(world.server.port, transcoder=said))
    await world.start()
    await works(world)


async def test_by_one_in_a_config_map(world: Library) -> None:
    meta = {"name": "protos", "namespace": "default"}
    world.write("protos.yaml", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": described()}})
    said = {"protoDescriptorConfigMap": {"configMapRef": {"name": "protos"}}, "services": [SERVICE]}
    world.write("upstream.yaml", shelves(world.server.port, transcoder=said))
    await world.start()
    await works(world)


async def test_by_the_old_way_to_say_it(world: Library) -> None:
    one = shelves(world.server.port)
    names = [{"packageName": "library.v1", "serviceName": "Shelves"}]
    one["spec"]["static"]["serviceSpec"] = {"grpc": {"descriptors": described(), "grpcServices": names}}
    world.write("upstream.yaml", one)
    await world.start()
    await works(world)


async def test_a_server_says_what_it_has_where_no_descriptors_are_given(world: Library) -> None:
    world.write("upstream.yaml", shelves(world.server.port, transcoder={"printOptions": {"addWhitespace": True}}))
    await world.start()
    assert b"\n" in (await world.answers(200, "/v1/shelves/7")).body
    await works(world)


async def test_a_label_asks_for_it_and_another_says_no(world: Library) -> None:
    await world.server.stop()
    world.server = await Shelves("Dust").start()
    world.write("upstream.yaml", shelves(world.server.port, "enabled"))
    await world.start()
    await works(world)
    # Methods without a path of their own can be called by their names.
    named = await world.ask(f"/{SERVICE}/Dust", "POST", headers=JSON, body=b'{"id": 3}')
    assert json.loads(named.body) == {"id": "3", "theme": "Dust"}
    world.write("settings.yaml", settings("BLACKLIST"))
    world.write("upstream.yaml", shelves(world.server.port, "disabled", useHttp2=True))

    async def plain() -> bool:
        return "application/json" not in (await world.ask("/v1/shelves/7")).headers.get("content-type", "")

    await until(plain)
    world.write("upstream.yaml", shelves(world.server.port, useHttp2=True))
    await works(world)
    world.write("settings.yaml", settings("DISABLED"))
    await until(plain)


async def test_what_a_server_said_stays_while_it_is_away_and_over_a_start(world: Library) -> None:
    world.write("upstream.yaml", shelves(world.server.port, transcoder={}))
    await world.start()
    await works(world)
    await until((world.base / "s" / "functions.json").exists)
    await world.end()
    await world.server.stop()
    port = world.server.port
    world.server = Shelves()
    world.server.reflects = False
    await world.server.start(port)
    await world.start()
    await works(world)


async def test_a_server_that_says_nothing_is_told_and_gets_nothing(world: Library) -> None:
    await world.server.stop()
    port = world.server.port
    world.server = Shelves()
    world.server.reflects = False
    await world.server.start(port)
    world.write("upstream.yaml", shelves(port, transcoder={}))
    await world.start(clean=False)
    await world.problem("upstream.yaml", "the server has not said which services it has")
    await world.answers(500)


async def test_gRPC_calls_pass_as_they_are(world: Library) -> None:  # noqa: N802 - its name
    import grpc.aio

    world.write("upstream.yaml", shelves(world.server.port, transcoder={}))
    await world.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{world.port}") as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/GetShelf")
        assert await call(b"\x08\x07") == b"\x08\x07\x12\x08GetShelf"


def named(path: str, function: str, **more: Any) -> Doc:
    """A route of a VirtualService to a method of the service."""
    package, _, service = SERVICE.rpartition(".")
    grpc_spec = {"package": package, "service": service, "function": function, **more}
    single = {"upstream": {"name": "shelves", "namespace": "default"}, "destinationSpec": {"grpc": grpc_spec}}
    return {"matchers": [{"prefix": path}], "routeAction": {"single": single}}


@pytest.mark.parametrize("old", [True, False])
async def test_a_request_of_any_kind_becomes_a_call_of_the_method_that_a_destination_names(
    world: Library, old: bool
) -> None:
    await world.server.stop()
    world.server = await Shelves("Dust").start()
    if old:
        one = shelves(world.server.port)
        names = [{"packageName": "library.v1", "serviceName": "Shelves"}]
        one["spec"]["static"]["serviceSpec"] = {"grpc": {"descriptors": described("Dust"), "grpcServices": names}}
    else:
        one = shelves(world.server.port, transcoder={})
    world.write("upstream.yaml", one)
    solo = {"apiVersion": "gateway.solo.io/v1"}
    meta = {"name": "classic", "namespace": "gloo-system"}
    port = free_port()
    gate = {"bindPort": port, "httpGateway": {}}
    routes = [
        named("/get", "GetShelf", parameters={"path": "/get/{id}", "headers": {"x-theme": "{theme}"}}),
        named("/dust", "Dust"),
        named("/none", "Sweep"),
        named("/v1", "GetShelf"),
    ]
    host = {"virtualHost": {"domains": ["*"], "routes": routes}}
    world.write(
        "classic.yaml",
        solo | {"kind": "Gateway", "metadata": meta, "spec": gate},
        solo | {"kind": "VirtualService", "metadata": meta, "spec": host},
    )
    await world.start(clean=False)
    got = await world.ask("/get/7?x=1", port=port, headers={"x-theme": "tea"})
    assert (got.status, json.loads(got.body)) == (200, {"id": "7", "theme": "tea"})
    # Parameters are put into the message that a client sends.
    got = await world.ask("/get/7", "PUT", port=port, body=b'{"id": 1, "theme": "x"}', headers={**JSON, "x-theme": "y"})
    assert (got.status, json.loads(got.body)) == (200, {"id": "7", "theme": "y"})
    got = await world.ask("/dust/off", "POST", port=port, body=b'{"id": 3}', headers=JSON)
    assert (got.status, json.loads(got.body)) == (200, {"id": "3", "theme": "Dust"})
    assert (await world.ask("/none", port=port)).status == 500
    await world.problem("no method 'Sweep' of service 'library.v1.Shelves'")
    # In the new way a method is called by its own path where no parameters are named, as in Gloo.
    got = await world.ask("/v1/shelves/9", port=port)
    assert (got.status, json.loads(got.body).get("id")) == (200, None if old else "9")


async def test_the_document_of_what_can_be_called(world: Library) -> None:
    """From descriptors that are written, and from the server's own; whoever follows it gets an answer."""
    await world.server.stop()
    world.server = await Shelves("Dust").start()
    world.write("upstream.yaml", shelves(world.server.port, "enabled"))
    await world.start()
    found = json.loads(await asyncio.to_thread(_printed, "openapi", "default/shelves", str(world.folder), "-o", "json"))
    assert found["paths"].keys() == {"/v1/shelves/{id}", "/v1/shelves", f"/{SERVICE}/Dust"}
    for path, operations in found["paths"].items():
        for verb, operation in operations.items():
            body = b'{"id": 7}' if "requestBody" in operation else b""
            got = await world.answers(
                200, path.replace("{id}", "7"), method=verb.upper(), body=body, headers=JSON if body else {}
            )
            assert json.loads(got.body)["id"] == "7"
    assert "no/such" in await asyncio.to_thread(_printed, "openapi", "no/such", str(world.folder), code=1)
    assert "NAMESPACE/NAME" in await asyncio.to_thread(_printed, "openapi", "shelves", str(world.folder), code=2)


def _printed(*arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "daemun", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == code, found.stderr
    return found.stdout or found.stderr
