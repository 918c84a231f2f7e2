"""A24: a server that a policy passes through to, and that answers oddly, lets nobody in.

What it says is read as far as it can be, and rather as a no. `failureModeAllow` is for a server that says nothing.
"""

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from envoy.service.auth.v3 import external_auth_pb2

from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import PassThroughGrpc, PassThroughHttp
from support.clients.client import Answer
from support.envoys.door import Door
from support.servers.ports import free_port
from support.standins.passing import GrpcPass, RawHttp, http_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")
Response = external_auth_pb2.CheckResponse
HTTP = RawHttp()


class Server(GrpcPass):
    """Answers what is in `says`, or raises it as gRPC's error."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.port = free_port()
        self.says: Response | grpc.StatusCode = Response()

    async def _say(self, request: external_auth_pb2.CheckRequest) -> Response:
        raise AssertionError

    async def _check(self, request: external_auth_pb2.CheckRequest, context: grpc.aio.ServicerContext) -> Response:
        if isinstance(self.says, grpc.StatusCode):
            await context.abort(self.says, "no")
        return self.says


GRPC = Server()


def _chain(name: str, check: PassThroughGrpc | PassThroughHttp, expression: str = "a") -> Chain:
    return Chain(name, (Step("a", check),), expression, user_header="x-user")


def _grpc(**fields: bool) -> PassThroughGrpc:
    return PassThroughGrpc(f"127.0.0.1:{GRPC.port}", timeout=20.0, **fields)


def _http(**fields: bool | float | tuple[str, ...]) -> PassThroughHttp:
    names = ("x-a", "x-user")
    url = f"http://127.0.0.1:{HTTP.port}/"
    return PassThroughHttp(url, **{"timeout": 20.0, "overwritten_headers": names, "denied_headers": names, **fields})


TELLING = ("content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "content-encoding", "x-told")
"""What a policy may have a server be told of a request."""
CHAINS = (
    _chain("grpc", _grpc()),
    _chain("grpc-lenient", _grpc(allow_on_failure=True)),
    _chain("grpc-not", _grpc(), "!a"),
    _chain("http", _http()),
    _chain("http-lenient", _http(allow_on_failure=True)),
    _chain("http-not", _http(), "!a"),
    _chain("http-told", _http(request_headers=TELLING)),
    _chain("http-slow", _http(timeout=0.2)),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door() -> AsyncIterator[Door]:
    await GRPC.start()
    await HTTP.start()
    async with Door(*CHAINS) as door:
        yield door
    await HTTP.stop()
    await GRPC.stop()


def _said(code: int = 0, status: int = 0, **headers: str) -> Response:
    """A denial, whatever the code beside it is."""
    found = Response()
    found.status.code = code
    found.denied_response.status.code = status
    for name, value in headers.items():
        found.denied_response.headers.add(header={"key": name.replace("_", "-"), "value": value})
    return found


def _ok(code: int = 0, name: str = "x-a", value: str = "b") -> Response:
    found = Response()
    found.status.code = code
    found.ok_response.headers.add(header={"key": name, "value": value})
    return found


NOES: dict[str, Response | grpc.StatusCode] = {
    "a denial without a code": _said(),
    "a denial that says that it is fine": _said(0, 200),
    "a code, and an OK": _ok(7),
    "a code of nobody's": _ok(99),
    "a code below zero": _ok(-1),
    "nothing but a code": Response(status={"code": 7}),
    "a status of nobody's": _said(7, 42),
    "gRPC's own no": grpc.StatusCode.PERMISSION_DENIED,
    "who is not known": grpc.StatusCode.UNAUTHENTICATED,
}
BROKEN: dict[str, Response] = {
    "a path": _ok(name=":path", value="/admin"),
    "a host of HTTP/2": _ok(name=":authority", value="evil"),
    "a length": _ok(name="content-length", value="0"),
    "a coding": _ok(name="transfer-encoding", value="chunked"),
    "another header": _ok(value="b\r\nx-user: root"),
    "a NUL": _ok(value="b\0"),
    "no name": _ok(name=""),
    "a name with a colon": _ok(name="x-a: b"),
    "a denial with another header": _said(7, 403, x_a="b\r\nset-cookie: a"),
    "a denial with a length": _said(7, 403, content_length="0"),
    "a status beyond all": _said(7, 70_000),
}
"""What no HTTP message can carry."""


async def _shut(door: Door, *chains: str, statuses: tuple[int, ...] = (403, 500)) -> None:
    for chain in chains:
        before = len(door.echo.requests)
        got: Answer = await door.ask(chain, headers={"x-user": "root"})
        assert got.status in statuses, (chain, got)
        assert len(door.echo.requests) == before, chain


@pytest.mark.parametrize("name", NOES)
async def test_a24_what_may_be_a_no_is_one(door: Door, name: str) -> None:
    GRPC.says = NOES[name]
    await _shut(door, "grpc", "grpc-lenient")


@pytest.mark.parametrize("name", BROKEN)
async def test_a24_what_no_message_can_carry_lets_nobody_in(door: Door, name: str) -> None:
    GRPC.says = BROKEN[name]
    await _shut(door, "grpc", "grpc-lenient", statuses=(500,))


@pytest.mark.parametrize("status", [500, 503, 599])
async def test_a24_who_is_in_trouble_has_not_said_no(door: Door, status: int) -> None:
    GRPC.says, HTTP.says = _said(14, status), http_answer(f"{status} X")
    await _shut(door, "grpc", "grpc-not", "http", "http-not", statuses=(500, status))


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND])
async def test_a24_a_server_that_says_nothing_is_a_failure(door: Door, code: grpc.StatusCode) -> None:
    GRPC.says = code
    await _shut(door, "grpc", "grpc-not", statuses=(500,))
    assert (await door.ask("grpc-lenient")).status == 200


ANSWERS: dict[str, bytes] = {
    "half a head": b"HTTP/1.1 200 OK\r\nx-a: b\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "half a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
    "a length and a coding": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01",
    "a status that is none": b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
    "nothing": b"",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"b" * (1 << 20) + b"\r\n\r\n",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 100_000 + b"content-length: 0\r\n\r\n",
    "a body without end": http_answer("200 OK", body=b"x" * (2 << 20)),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_a24_half_an_answer_is_none(door: Door, name: str) -> None:
    HTTP.says = ANSWERS[name]
    await _shut(door, "http", "http-not", statuses=(500,))


@pytest.mark.parametrize("status", ["100 Continue", "101 Switching", "201 Created", "204 No", "206 Part", "304 Same"])
async def test_a24_only_200_lets_in(door: Door, status: str) -> None:
    HTTP.says = http_answer(status)
    got = await door.ask("http")
    assert (got.status == 200, got.backend) == (False, ""), got


async def test_a24_what_comes_too_late_counts_for_nothing(door: Door) -> None:
    """Nor for the next request."""
    HTTP.says = http_answer("200 OK", "x-a: late")
    HTTP.slow.clear()
    await _shut(door, "http-slow", statuses=(500,))
    HTTP.slow.set()
    HTTP.says = http_answer("403 No")
    await _shut(door, "http", "http-slow", statuses=(403, 500))


@pytest.mark.parametrize("status", ["200 OK", "503 X"])
async def test_a14_what_a_client_says_is_not_the_word_of_a_server_that_is_silent(door: Door, status: str) -> None:
    """Through Envoy: a header that the server is to write is nobody else's, also where a failure lets in."""
    HTTP.says = http_answer(status)
    got = await door.ask("http-lenient", headers={"x-a": "root", "x-user": "root", "x-other": "c"})
    assert (got.status, got.sent("x-a"), got.sent("x-user"), got.sent("x-other")) == (200, [], [], ["c"])


async def test_a15_a_server_is_not_told_the_length_of_another_message(door: Door) -> None:
    """It would take what the next one asks, on the same connection, for the rest of the body."""
    HTTP.says = http_answer("200 OK")
    HTTP.heard.clear()
    lengths = {"te": "trailers", "content-encoding": "gzip", "x-told": "yes"}
    for body in (b"", b"x" * 50):
        assert (await door.ask("http-told", method="POST", body=body, headers=lengths)).status == 200
    assert len(HTTP.heard) == 2
    for heard in HTTP.heard:
        _, *lines = heard.lower().strip().split("\r\n")
        told = dict(line.split(": ", 1) for line in lines)
        assert (told["content-length"], told["x-told"]) == ("0", "yes"), heard
        assert not {"transfer-encoding", "connection", "expect", "te", "content-encoding"} & told.keys(), heard


async def test_a24_and_one_that_answers_well_is_heard(door: Door) -> None:
    GRPC.says, HTTP.says = _ok(), http_answer("200 OK", "x-a: b", "x-user: root")
    for chain in ("grpc", "grpc-lenient", "http", "http-lenient"):
        got = await door.ask(chain, headers={"x-user": "root"})
        assert (got.status, got.sent("x-a"), got.sent("x-user")) == (200, ["b"], []), chain
