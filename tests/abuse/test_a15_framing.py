"""A15: where a message ends is said by who writes it. No policy, no server that one names and no token says otherwise.

A backend that was told a shorter length takes the rest of the body for the next request, which no route has seen.
"""

import asyncio
import time
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from envoy.service.auth.v3 import external_auth_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as proc_v3

from daemun.api.gloo.common import HeaderValue
from daemun.api.gloo.hcm import HttpConnectionManagerSettings
from daemun.api.gloo.listener_filters import HeaderBasedSessionState, StatefulSession
from daemun.api.gloo.routing import EarlyHeaderManipulation, HeaderValueOption
from daemun.base.framing import TOLD
from daemun.features import BY_KIND
from support.clients.client import connection
from support.objects.auth import api_key, auth_config
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule, service, use
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.standins.passing import GrpcPass, RawHttp, http_answer
from support.standins.processor import Processor

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUP = "gateway.networking.k8s.io"
HIDDEN = b"GET /admin HTTP/1.1\r\nhost: admin.test\r\n\r\n"
KEY = rsa.generate_private_key(65537, 2048)
LENGTHS = [
    ("content-length", "0"),
    ("Content-Length", "1"),
    ("transfer-encoding", "chunked"),
    ("Transfer-Encoding", "x"),
]
SPLITS = [
    ("x-a", "b\r\nx-admin: yes"),
    ("x-a", "b\r\n\r\nGET /admin HTTP/1.1\r\nhost: admin.test\r\n\r\n"),
    ("x-a\r\nx-admin", "yes"),
    (":path", "/ HTTP/1.1\r\nx-admin: yes\r\n\r\n"),
    (":method", "GET /admin HTTP/1.1\r\nx: "),
    ("host", "a\r\nx-admin: yes"),
]


class Raw:
    """A backend that keeps every byte that it is sent."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.port = 0
        self.chunked = False
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65536):
                self.heard += piece
                if self.heard.endswith((HIDDEN, b"new", b"0\r\n\r\n")):
                    told, body = (
                        (b"transfer-encoding: chunked", b"2\r\nok\r\n0\r\n\r\n")
                        if self.chunked
                        else (b"content-length: 2", b"ok")
                    )
                    writer.write(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (told, body))
        finally:
            writer.close()


class Saying:
    """What servers say of headers just now, and where they say it."""

    def __init__(self) -> None:
        self.header = ("x-a", "b")
        self.where = "request"
        self.body = b""
        self.action = 0

    async def check(self, _: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        answer = external_auth_pb2.CheckResponse()
        key, value = self.header
        places = {
            "request": answer.ok_response.headers,
            "answer": answer.ok_response.response_headers_to_add,
        }
        if self.where == "denial":
            answer.status.code = 7
            answer.denied_response.headers.add(header={"key": key, "value": value})
        else:
            places[self.where].add(header={"key": key, "value": value}).append_action = self.action
        return answer


class Telling(Processor):
    """Says so of requests and answers, and may put another body in the place of a request's."""

    saying: Saying

    def _mark(self, response: proc_v3.CommonResponse, name: str) -> None:
        header = response.header_mutation.set_headers.add().header
        header.key, header.raw_value = self.saying.header[0], self.saying.header[1].encode()

    def _answer(self, one: proc_v3.ProcessingRequest) -> proc_v3.ProcessingResponse:
        answer = super()._answer(one)
        if one.HasField("request_body") and self.saying.body:
            answer.request_body.response.body_mutation.body = self.saying.body
        return answer


RAW, SAYING, HTTP = Raw(), Saying(), RawHttp()
WIDE = free_port()
"""A port of which every request and answer is kept until all of it is there, for an external processor."""


def option(name: str, **options: Any) -> Doc:
    target = {"group": GROUP, "kind": "HTTPRoute", "name": name}
    spec = {"targetRefs": [target], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": name}, "spec": spec}


def modifier(verb: str, name: str, kind: str = "Request") -> Doc:
    return use(f"{kind}HeaderModifier", **{verb: [{"name": name, "value": "0"}]})


def manipulated(field: str, name: str) -> Doc:
    return {"headerManipulation": {field: [{"header": {"key": name, "value": "0"}, "append": False}]}}


def template(name: str, **more: Any) -> Doc:
    made = {"headers": {name: {"text": "0"}}, **more}
    one = {"requestTransformation": {"transformationTemplate": made}}
    return {"stagedTransformations": {"regular": {"requestTransforms": [one]}}}


def asking(name: str) -> Doc:
    return {"extauth": {"configRef": {"name": name}}}


FILTERS: dict[str, Doc] = {
    "set": modifier("set", "Content-Length"),
    "add": modifier("add", "content-length"),
    "coding": modifier("set", "Transfer-Encoding"),
    "answer": modifier("set", "Content-Length", "Response"),
    "answer-coding": modifier("add", "transfer-encoding", "Response"),
}
OPTIONS: dict[str, Doc] = {
    "manipulated": manipulated("requestHeadersToAdd", "Content-Length"),
    "manipulated-coding": manipulated("requestHeadersToAdd", "transfer-encoding"),
    "manipulated-answer": manipulated("responseHeadersToAdd", "content-length"),
    "template": template("content-length", passthrough={}),
    "template-coding": template("transfer-encoding", body={"text": "new"}),
    "key": asking("key"),
}
"""What closes its route."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    grpc, telling = GrpcPass(SAYING.check), Telling("telling")
    telling.saying = SAYING
    for one in (RAW, grpc, HTTP, telling):
        await one.start()
        shared.closing(one.stop)
    shared.write("backends.yaml", service("raw", RAW.port), service("grpc", grpc.port), service("http", HTTP.port))
    shared.write(
        "gateway.yaml", gateway("gw", listener(shared.port), listener(shared.port, "jwt", hostname="jwt.test"))
    )
    at = {"useHttp2": True, "static": {"hosts": [{"addr": "127.0.0.1", "port": telling.port}]}}
    key = {
        "apiKeyAuth": {"labelSelector": {"team": "a"}, "headersFromMetadataEntry": {"Content-Length": {"name": "n"}}}
    }
    http = {"url": f"http://127.0.0.1:{HTTP.port}/", "request": {"allowedHeaders": ["content-length"]}}
    back = {"allowedUpstreamHeaders": ["transfer-encoding"], "allowedUpstreamHeadersToOverwrite": ["Content-Length"]}
    processed = {"extProcServerRef": {"name": "telling"}}
    shared.write(
        "policies.yaml",
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "telling"}, "spec": at},
        api_key("k", "s", {"team": "a"}, n="0"),
        auth_config("key", key),
        auth_config("passed", {"passThroughAuth": {"grpc": {"address": f"127.0.0.1:{grpc.port}"}}}),
        auth_config("passed-http", {"passThroughAuth": {"http": {**http, "response": back}}}),
        *(option(name, **one) for name, one in OPTIONS.items()),
        option("passed", **asking("passed")),
        option("passed-http", **asking("passed-http")),
        option("processed", extProc={"overrides": {"grpcService": processed}}),
        option(
            "buffered",
            extProc={"overrides": {"grpcService": processed, "processingMode": {"requestBodyMode": "BUFFERED"}}},
        ),
    )
    external = {
        "external": use("ExternalAuth", protocol="GRPC", backendRef=reference("grpc", port=80), grpc={}),
        "external-http": use(
            "ExternalAuth",
            protocol="HTTP",
            backendRef=reference("http", port=80),
            http={"allowedResponseHeaders": ["content-length", "transfer-encoding"]},
        ),
    }
    plain = (*OPTIONS, "passed", "passed-http", "processed", "buffered", "jwt")
    routes = {name: rule(prefix("/"), to="raw") for name in plain}
    routes["session"] = rule(
        prefix("/"), to="raw", sessionPersistence={"type": "Header", "sessionName": "Content-Length"}
    )
    routes |= {name: rule(prefix("/"), to="raw", filters=[one]) for name, one in {**FILTERS, **external}.items()}
    shared.write("routes.yaml", *(route(name, one, hosts=[f"{name}.test"]) for name, one in routes.items()))
    _by_claims(shared)
    _wide(shared, {"grpcService": processed})
    await shared.start(clean=False, allowed=("127.0.0.0/8",))
    await until(lambda: _status(shared, "passed-http", 200))


def _by_claims(shared: World) -> None:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claim = {"claim": "n", "header": "Content-Length"}
    provider = {"issuer": "i", "jwks": {"local": {"key": pem.decode()}}, "claimsToHeaders": [claim]}
    target = {"group": GROUP, "kind": "Gateway", "name": "gw", "sectionName": "jwt"}
    spec = {"targetRefs": [target], "options": {"jwt": {"providers": {"p": provider}}}}
    host = {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualHostOption", "metadata": {"name": "jwt"}, "spec": spec}
    shared.write("jwt.yaml", host)


def _wide(shared: World, service: Doc) -> None:
    target = {"group": GROUP, "kind": "Gateway", "name": "wide"}
    modes = {"requestBodyMode": "BUFFERED", "responseBodyMode": "BUFFERED"}
    spec = {"targetRefs": [target], "options": {"extProc": {**service, "processingMode": modes}}}
    shared.write(
        "wide.yaml",
        gateway("wide", listener(WIDE)),
        {"apiVersion": "gateway.solo.io/v1", "kind": "HttpListenerOption", "metadata": {"name": "w"}, "spec": spec},
        option("wide-own", extProc={"overrides": service}),
        *(
            route(name, rule(prefix("/"), to="raw"), parents=["wide"], hosts=[host])
            for name, host in (("wide", "wide.test"), ("wide-wild", "*.wild.test"), ("wide-own", "own.test"))
        ),
    )


async def _ask(shared: World, name: str, *lines: str, port: int = 0) -> tuple[bytes, bytes]:
    """What the backend was sent, and all that came back."""
    RAW.heard.clear()
    head = (f"POST /x HTTP/1.1\r\nhost: {name}.test", f"content-length: {len(HIDDEN)}", "connection: close", *lines)
    async with connection(port or shared.port) as (reader, writer):
        writer.write("\r\n".join((*head, "", "")).encode() + HIDDEN)
        async with asyncio.timeout(30):
            got = await reader.read()
    return bytes(RAW.heard), got


async def _status(shared: World, name: str, status: int) -> bool:
    return (await _ask(shared, name))[1].startswith(f"HTTP/1.1 {status}".encode())


def _is_whole(sent: bytes, body: bytes = HIDDEN) -> bool:
    """Whether this is one request, with this body."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    told = [line for line in lines if line.startswith(("content-length", "transfer-encoding"))]
    return rest == body and told == [f"content-length: {len(body)}"] and not any("admin" in line for line in lines)


def _is_one(got: bytes) -> bool:
    """Whether this is one answer, and nothing of what servers said has become a part of its head."""
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    lengths = [line for line in lines if line.startswith("content-length")]
    return lengths == [f"content-length: {len(body)}"] and not any(line.startswith("x-admin") for line in lines)


@pytest.mark.parametrize("name", [*FILTERS, *OPTIONS, "jwt", "session"])
async def test_a15_a_policy_that_says_where_messages_end_closes_its_route(shared: World, name: str) -> None:
    token = jwt.encode({"iss": "i", "exp": time.time() + 600, "n": "0"}, KEY, "RS256")
    sent, got = await _ask(shared, name, "api-key: s", f"authorization: Bearer {token}")
    assert (sent, got[:12]) == (b"", b"HTTP/1.1 500")


@pytest.mark.parametrize("header", LENGTHS, ids=lambda one: f"{one[0]}={one[1]}")
@pytest.mark.parametrize("name", ["passed", "external", "processed"])
async def test_a15_nor_is_it_for_a_server_to_say(shared: World, name: str, header: tuple[str, str]) -> None:
    SAYING.header, SAYING.where, SAYING.body = header, "request", b""
    sent, got = await _ask(shared, name)
    if name == "passed":
        assert (sent, got[:12]) == (b"", b"HTTP/1.1 500")
    else:
        assert _is_whole(sent), sent
        assert _is_one(got), got


@pytest.mark.parametrize("header", LENGTHS, ids=lambda one: f"{one[0]}={one[1]}")
@pytest.mark.parametrize("where", ["answer", "denial"])
@pytest.mark.parametrize("action", range(4), ids=["append", "if-absent", "overwrite-or-add", "overwrite"])
async def test_a15_nor_how_long_an_answer_is(shared: World, action: int, where: str, header: tuple[str, str]) -> None:
    SAYING.header, SAYING.where, SAYING.action = header, where, action
    try:
        for chunked in (False, True):
            RAW.chunked = chunked
            sent, got = await _ask(shared, "external")
            if chunked and where == "answer":
                head, _, body = got.lower().partition(b"\r\n\r\n")
                assert (body, b"content-length" in head) == (b"2\r\nok\r\n0\r\n\r\n", False), got
                assert head.count(b"transfer-encoding: chunked") == 1
            else:
                assert _is_one(got), got
            assert bool(sent) == (where == "answer")
    finally:
        RAW.chunked, SAYING.action = False, 0


@pytest.mark.parametrize("name", ["passed-http", "external-http"])
async def test_a15_an_answer_of_a_servers_is_as_long_as_it_is_itself(shared: World, name: str) -> None:
    HTTP.says = http_answer("200 OK")
    sent, _ = await _ask(shared, name)
    assert _is_whole(sent), sent


@pytest.mark.parametrize("where", ["request", "answer", "denial"])
@pytest.mark.parametrize("header", SPLITS, ids=range(len(SPLITS)))
@pytest.mark.parametrize("name", ["passed", "external", "processed"])
async def test_a15_no_server_begins_another_header(
    shared: World, name: str, header: tuple[str, str], where: str
) -> None:
    SAYING.header, SAYING.where = header, where
    sent, got = await _ask(shared, name)
    assert not sent or _is_whole(sent), sent
    assert _is_one(got), got
    assert got[9:12] in (b"500", b"403") or not header[0].startswith("x-"), got


@pytest.mark.parametrize("header", [("x-a", "b"), *LENGTHS], ids=lambda one: f"{one[0]}={one[1]}")
@pytest.mark.parametrize("body", [b"", b"new"])
async def test_a15_a_body_that_may_be_replaced_is_sent_without_a_length(
    shared: World, body: bytes, header: tuple[str, str]
) -> None:
    """Whoever replaces it would have to say another one: nobody has to."""
    SAYING.header, SAYING.body = header, body
    sent, got = await _ask(shared, "buffered")
    whole = body or HIDDEN
    head, _, rest = sent.partition(b"\r\n\r\n")
    assert rest == b"%x\r\n%s\r\n0\r\n\r\n" % (len(whole), whole)
    assert head.lower().count(b"transfer-encoding: chunked") == 1
    assert b"content-length" not in head.lower()
    assert got.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")


@pytest.mark.parametrize("header", [("x-a", "b"), *LENGTHS], ids=lambda one: f"{one[0]}={one[1]}")
@pytest.mark.parametrize("name", ["wide", "x.wild", "own"])
async def test_a15_nor_do_messages_have_one_that_a_listeners_processor_keeps(
    shared: World, name: str, header: tuple[str, str]
) -> None:
    """It could say one of a body that it leaves as it was, and nobody would compare them."""
    SAYING.header, SAYING.body = header, b""
    sent, got = await _ask(shared, name, port=WIDE)
    for whole, body in ((sent, HIDDEN), (got, b"ok")):
        head, _, rest = whole.lower().partition(b"\r\n\r\n")
        assert rest == b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body.lower()), whole
        assert (head.count(b"transfer-encoding: chunked"), head.count(b"content-length")) == (1, 0), whole


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
async def test_a15_nor_for_a_listeners_options(name: str) -> None:
    """What all requests get before they are routed, and the header that a session is in."""
    early = EarlyHeaderManipulation(headers_to_add=(HeaderValueOption(HeaderValue(name, "0")),))
    for kind, spec in (
        ("httpConnectionManagerSettings", HttpConnectionManagerSettings(early_header_manipulation=early)),
        ("statefulSession", StatefulSession(header_based=HeaderBasedSessionState(name))),
    ):
        found = [*BY_KIND[kind].faults(spec, "spec")]
        assert [(one[1],) for one in found] == [(f"{name!r} {TOLD}",)], kind
