"""HttpListenerOption and ListenerOption, asked through Envoy: a Gateway, and a port, for each policy."""

import asyncio
import base64
import gzip
import json
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2

from support.clients.client import Answer, answer, connection, exchange
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.servers.streams import greeted, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
EVIL = {"origin": "http://evil.example"}


def notes() -> bytes:
    """The descriptor set of a service that takes and gives notes."""
    file = descriptor_pb2.FileDescriptorProto(name="notes.proto", package="notes", syntax="proto3")
    note = file.message_type.add(name="Note")
    note.field.add(name="text", number=1, type=9, label=1, json_name="text")
    note.field.add(name="stars", number=2, type=5, label=1, json_name="stars")
    file.service.add(name="Notes").method.add(name="Say", input_type=".notes.Note", output_type=".notes.Note")
    return descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()


HTTP: dict[str, Doc] = {
    "connections": {
        "httpConnectionManagerSettings": {
            "serverName": "gate",
            "serverHeaderTransformation": "OVERWRITE",
            "headersWithUnderscoresAction": "ALLOW",
            "mergeSlashes": False,
            "pathWithEscapedSlashesAction": "KEEP_UNCHANGED",
            "via": "edge",
            "maxHeadersCount": 20,
            "earlyHeaderManipulation": {
                "headersToAdd": [{"header": {"key": "x-early", "value": "1"}, "append": False}],
                "headersToRemove": ["x-late"],
            },
        },
        "headerValidationSettings": {"disableHttp1MethodValidation": {}},
    },
    "filters": {
        "gzip": {"contentLength": 30, "contentType": ["application/json"]},
        "healthCheck": {"path": "/healthy"},
    },
    "limited": {"httpLocalRatelimit": {"defaultLimit": {"maxTokens": 2, "fillInterval": "600s"}}},
    "hosts": {
        "buffer": {"maxRequestBytes": 100},
        "csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}},
        "statefulSession": {"headerBased": {"headerName": "x-session"}},
    },
    "leftmost": {"leftmostXffAddress": True},
    "transcoded": {
        "grpcJsonTranscoder": {
            "protoDescriptorBin": base64.b64encode(notes()).decode(),
            "services": ["notes.Notes"],
            "autoMapping": True,
            "printOptions": {"alwaysPrintPrimitiveFields": True},
        }
    },
    "one": {"connectionLimit": {"maxActiveConnections": 1}},
    "few": {"networkLocalRatelimit": {"maxTokens": 2, "fillInterval": "600s"}},
}
PORTS: dict[str, int] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    own: dict[str, Doc] = {
        "logged": {
            "accessLoggingService": {
                "accessLog": [
                    {
                        "fileSink": {
                            "path": str(shared.base / "requests.log"),
                            "jsonFormat": {"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%"},
                        },
                        "filter": {
                            "orFilter": {
                                "filters": [
                                    {"statusCodeFilter": {"comparison": {"op": "GE", "value": {"defaultValue": 500}}}},
                                    {"headerFilter": {"header": {"name": "x-log", "exactMatch": "yes"}}},
                                ]
                            }
                        },
                    }
                ]
            }
        },
        "proxied": {"proxyProtocol": {}, "connectionBalanceConfig": {"exactBalance": {}}},
    }
    for kind, options in (("HttpListenerOption", HTTP), ("ListenerOption", own)):
        for name, fields in options.items():
            PORTS[name] = free_port()
            shared.write(f"{name}.yaml", gateway(name, listener(PORTS[name])), _option(kind, name, fields))
    shared.write("address.yaml", *(_option("VirtualHostOption", name, ADDRESS) for name in ("leftmost", "proxied")))
    await shared.grpc("say", app_protocol="kubernetes.io/h2c")
    shared.write("route.yaml", route("r", rule(to="a"), parents=list(PORTS)))
    shared.write("say.yaml", route("say", rule(prefix("/notes.Notes"), to="say"), parents=["transcoded"]))
    await shared.tcp("t")
    shared.write("tcp.yaml", _tcp_gateway("t"))
    await shared.start()


ADDRESS: Doc = {
    "headerManipulation": {
        "responseHeadersToAdd": [{"header": {"key": "x-client", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}]
    }
}


def _option(kind: str, name: str, options: Doc) -> Doc:
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}
    meta = {"name": name, "namespace": "default"}
    spec = {"targetRefs": [target], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def _tcp_gateway(to: str) -> Doc:
    PORTS["tcp"] = free_port()
    there = {"kube": {"ref": {"name": to, "namespace": "default"}, "port": 80}}
    options = {"localRatelimit": {"maxTokens": 2, "fillInterval": "600s"}, "tcpProxySettings": {"idleTimeout": "0.2s"}}
    tcp = {"tcpHosts": [{"name": "all", "destination": {"single": there}}], "options": options}
    meta = {"name": "tcp", "namespace": "gloo-system"}
    spec = {"bindPort": PORTS["tcp"], "tcpGateway": tcp}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "Gateway", "metadata": meta, "spec": spec}


async def ask(world: World, of: str, path: str = "/", method: str = "GET", **request: Any) -> Answer:
    return await world.ask(path, method, port=PORTS[of], **request)


async def test_settings_of_connections(shared: World) -> None:
    got = await ask(shared, "connections", "/a//b%2Fc", headers={"under_score": "1", "x-late": "1"})
    assert got.headers["server"] == "gate"
    assert got.seen["path"] == "/a//b%2Fc"
    assert got.sent("under_score") == ["1"]
    assert (got.sent("x-early"), got.sent("x-late"), got.sent("via")) == (["1"], [], ["edge"])
    assert (await ask(shared, "connections", method="BREW")).backend == "a"
    many = {f"x-{number}": "1" for number in range(21)}
    assert (await ask(shared, "connections", headers=many)).status == 431
    assert (await ask(shared, "hosts", method="BREW")).status == 400, "without the policy"


async def test_compressed_answers(shared: World) -> None:
    got = await ask(shared, "filters", headers={"accept-encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(got.body))["method"] == "GET"
    assert "content-encoding" not in (await ask(shared, "filters")).headers


async def test_a_health_check_of_the_proxy(shared: World) -> None:
    got = await ask(shared, "filters", "/healthy", host="no.such.host")
    assert (got.status, got.backend) == (200, "")
    assert (await ask(shared, "filters", "/healthy/not")).backend == "a"


async def test_a_limit_for_all_requests_of_a_listener(shared: World) -> None:
    answers = [(await ask(shared, "limited", host=f"h{number}.test")).status for number in range(3)]
    assert answers == [200, 200, 429]


async def test_what_is_on_every_host(shared: World) -> None:
    assert (await ask(shared, "hosts", method="POST", body=b"x" * 101)).status == 413
    assert (await ask(shared, "hosts", method="POST", headers=EVIL)).status == 403
    got = await ask(shared, "hosts")
    assert got.backend == "a"
    assert got.headers["x-session"]


async def test_the_leftmost_address(shared: World) -> None:
    headers = {"x-forwarded-for": "203.0.113.7, 10.0.0.1, 192.0.2.1"}
    assert (await ask(shared, "leftmost", headers=headers)).headers["x-client"] == "203.0.113.7"


async def test_one_connection_at_a_time(shared: World) -> None:
    async with connection(PORTS["one"]) as (reader, writer):
        assert (await exchange(reader, writer)).backend == "a"
        with pytest.raises(ConnectionError):
            await ask(shared, "one")
    assert await until(lambda: ask(shared, "one"))


async def test_few_connections(shared: World) -> None:
    for _ in range(2):
        assert (await ask(shared, "few")).backend == "a"
    with pytest.raises(ConnectionError):
        await ask(shared, "few")


async def test_an_access_log_with_a_filter(shared: World) -> None:
    for path, headers in (("/quiet", {}), ("/loud", {"x-log": "yes"})):
        assert (await ask(shared, "logged", path, headers=headers)).backend == "a"
    log = shared.base / "requests.log"
    lines = await until(lambda: [json.loads(line) for line in log.read_text().splitlines()], 60)
    assert lines == [{"path": "/loud", "code": 200}]


async def test_the_proxy_protocol(shared: World) -> None:
    async with asyncio.timeout(30), connection(PORTS["proxied"]) as (reader, writer):
        writer.write(b"PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\nGET / HTTP/1.1\r\nHost: test.example\r\n\r\n")
        got = await answer(reader)
    assert (got.backend, got.headers["x-client"]) == ("a", "203.0.113.9")
    with pytest.raises(ConnectionError):
        await ask(shared, "proxied")


async def test_a_grpc_service_called_with_json(shared: World) -> None:
    got = await ask(shared, "transcoded", "/notes.Notes/Say", "POST", body=b'{"text": "hello"}', headers=JSON)
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) == {"text": "hello", "stars": 0}
    assert (await ask(shared, "transcoded", "/other")).backend == "a"


async def test_options_of_a_tcp_gateway() -> None:
    async with asyncio.timeout(30), connection(PORTS["tcp"]) as (reader, _):
        assert await reader.read() == b"t\n", "and then it is closed, as nothing comes"
    assert await greeted(PORTS["tcp"]) == "t"
    assert await refused(PORTS["tcp"])
