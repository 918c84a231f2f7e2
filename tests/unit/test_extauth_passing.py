"""Passing through over gRPC and HTTP, plug-ins, and verified tokens: what goes over, what comes back, what fails."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
from aiohttp import web
from envoy.service.auth.v3 import external_auth_pb2

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Respond
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.checks import plugin
from daemun.extauth.checks.passed import CONFIG, STATE
from daemun.extauth.request import Request
from daemun.features.tokens import CLAIMS, TOKENS
from daemun.ir.auth.checks import PassThroughGrpc, PassThroughHttp, PluginAuth, Verified
from support.clients.asking import question
from support.clients.checked import asked, checker
from support.servers.sites import serve
from support.standins.passing import GrpcPass


async def ok(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
    return external_auth_pb2.CheckResponse(ok_response=external_auth_pb2.OkHttpResponse())


@pytest.fixture
async def server() -> AsyncIterator[GrpcPass]:
    server = GrpcPass(ok)
    await server.start()
    yield server
    await server.stop()


def check(server: GrpcPass, **fields: Any) -> Checker:
    return checker(PassThroughGrpc(f"localhost:{server.port}", **{"timeout": 10.0, **fields}))


async def test_grpc_gets_the_request_the_state_and_the_configuration(server: GrpcPass) -> None:
    one = check(server, config={"plan": {"name": "gold"}})
    assert await asked(one, {"x-a": "b"}, State(values={"jwt": "of ann"}), path="/p") == Allowed()
    (heard,) = server.asked
    assert heard.attributes.request.http.path == "/p"
    assert heard.attributes.request.http.headers["x-a"] == "b"
    known = heard.attributes.metadata_context.filter_metadata
    assert known[STATE]["jwt"] == "of ann"
    assert known[CONFIG]["plan"]["name"] == "gold"
    await one.close()


async def test_grpc_says_what_goes_on_and_what_the_state_is(server: GrpcPass) -> None:
    async def decide(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        response = external_auth_pb2.CheckResponse()
        allowed = response.ok_response
        allowed.headers.add(header={"key": "X-Set", "value": "1"})
        allowed.headers.add(header={"key": "x-beside", "value": "2"}, append={"value": True})
        allowed.headers_to_remove.append("X-Gone")
        allowed.response_headers_to_add.add(header={"key": "x-down", "value": "3"})
        response.dynamic_metadata.update({"plan": "gold", STATE: {"seen": True}})
        return response

    server.decide = decide
    one, state = check(server), State()
    assert await asked(one, state=state) == Allowed(
        upstream=(("x-set", "1"),),
        appended=(("x-beside", "2"),),
        remove=("x-gone",),
        downstream=(("x-down", "3"),),
        metadata={"plan": "gold"},
    )
    assert state.values == {"seen": True}
    await one.close()


@pytest.mark.parametrize(
    ("code", "status", "answer"),
    [
        (7, 0, Denied(403, (("x-why", "7"),), "no")),
        (16, 401, Denied(401, (("x-why", "7"),), "no")),
        (7, 302, Respond(302, (("x-why", "7"),), "no", login=True)),
        (7, 200, Denied(403, (("x-why", "7"),), "no")),
    ],
)
async def test_grpc_says_no(server: GrpcPass, code: int, status: int, answer: Answer) -> None:
    async def decide(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        response = external_auth_pb2.CheckResponse()
        response.status.code = code
        response.denied_response.status.code = status
        response.denied_response.headers.add(header={"key": "X-Why", "value": "7"})
        response.denied_response.body = "no"
        return response

    server.decide = decide
    one = check(server)
    assert await asked(one) == answer
    await one.close()


@pytest.mark.parametrize(("allow", "answer"), [(False, Failed("its server does not answer")), (True, Allowed())])
async def test_grpc_fails(server: GrpcPass, allow: bool, answer: Answer) -> None:
    async def raises(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        raise ValueError

    async def sleeps(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        await asyncio.sleep(60)
        raise AssertionError

    for decide in (raises, sleeps):
        server.decide = decide
        one = check(server, timeout=0.3, allow_on_failure=allow)
        assert await asked(one) == answer
        await one.close()
    await server.stop()
    one = check(server, allow_on_failure=allow)
    assert await asked(one) == answer
    await one.close()


async def test_grpc_is_asked_again_where_it_is_to_be(server: GrpcPass) -> None:
    port = server.port
    await server.stop()
    one = checker(PassThroughGrpc(f"127.0.0.1:{port}", timeout=30.0, retries=200, backoff=(0.05, 0.1)))
    asking = asyncio.create_task(asked(one))
    await server.start()
    assert await asking == Allowed()
    await one.close()


async def test_nobody_passes_through_to_where_nobody_may(server: GrpcPass) -> None:
    for check_ in (PassThroughGrpc(f"127.0.0.1:{server.port}"), PassThroughHttp(f"http://127.0.0.1:{server.port}/")):
        one = checker(check_, Tools())
        assert isinstance(await asked(one), Failed)
        await one.close()
    assert not server.asked


# HTTP


class Web:
    """An HTTP server that remembers what it was asked, and answers as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[web.Request, bytes]] = []
        self.says: Callable[[], web.StreamResponse] = web.Response
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.read()))
        return self.says()


@pytest.fixture
async def http() -> AsyncIterator[Web]:
    found = Web()
    async with serve(found.answer) as site:
        found.url = f"{site.url}/auth?a=b"
        yield found


async def test_http_gets_what_it_may_see_and_no_more(http: Web) -> None:
    one = checker(PassThroughHttp(http.url, request_headers=("x-a",), added_headers={"x-from": "gate"}))
    assert await asked(one, {"x-a": "1", "x-b": "2", "authorization": "secret"}, body=b"body") == Allowed()
    ((request, body),) = http.asked
    assert (request.method, request.path_qs, body) == ("POST", "/auth?a=b", b"")
    assert (request.headers["x-a"], request.headers["x-from"]) == ("1", "gate")
    assert "x-b" not in request.headers
    assert "authorization" not in request.headers
    await one.close()


async def test_http_gets_state_metadata_body_and_configuration(http: Web) -> None:
    one = checker(
        PassThroughHttp(http.url, pass_state=True, pass_metadata=True, pass_body=True, config={"plan": "gold"})
    )
    message = question("c", {}, body=b"what \xff was sent")
    message.attributes.metadata_context.filter_metadata["a.filter"].update({"x": "y"})
    assert await one.check(Request(message), State(values={"jwt": "t"})) == Allowed()
    ((request, body),) = http.asked
    assert (request.method, request.content_type) == ("POST", "application/json")
    assert json.loads(body) == {
        "state": {"jwt": "t"},
        "filterMetadata": {"a.filter": {"x": "y"}},
        "body": "what \ufffd was sent",
        "config": {"plan": "gold"},
    }
    await one.close()


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ('{"state": {"seen": 1}}', {"old": 1, "seen": 1}),
        ("", None),
        ("{}", None),
        ('{"state": 1}', None),
        ("nonsense", None),
    ],
)
async def test_http_says_the_state(http: Web, body: str, state: dict[str, int] | None) -> None:
    http.says = lambda: web.Response(text=body)
    one, before = checker(PassThroughHttp(http.url, read_state=True)), State(values={"old": 1})
    answer = await asked(one, state=before)
    assert isinstance(answer, Failed if state is None else Allowed)
    assert before.values == (state or {"old": 1})
    await one.close()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Allowed()),
        (204, Denied(403)),
        (302, Respond(302, (("location", "/login"),), login=True)),
        (401, Denied(401, (("location", "/login"),))),
        (429, Denied(429, (("location", "/login"),))),
        (500, Failed("its server answers with a failure")),
    ],
)
async def test_http_says_no(http: Web, status: int, answer: Answer) -> None:
    http.says = lambda: web.Response(status=status, headers={"location": "/login", "x-b": "2"})
    one = checker(PassThroughHttp(http.url, denied_headers=("Location",)))
    found = await asked(one)
    if status == 204:
        assert isinstance(found, Denied)
        assert found.status == 403
    else:
        assert found == answer
    await one.close()


@pytest.mark.parametrize("allow", [True, False])
async def test_http_that_fails_counts_as_the_policy_says(http: Web, allow: bool) -> None:
    http.says = lambda: web.Response(status=503)
    one = checker(PassThroughHttp(http.url, allow_on_failure=allow))
    assert isinstance(await asked(one), Allowed if allow else Failed)
    await one.close()
    one = checker(PassThroughHttp("http://127.0.0.1:1/", allow_on_failure=allow))
    assert isinstance(await asked(one), Allowed if allow else Failed)
    await one.close()


@pytest.mark.parametrize("says", ["other", "failure"])
async def test_a14_what_a_client_says_of_itself_is_not_the_servers_word(http: Web, says: str) -> None:
    """Nor if the server is silent about it, or if a policy lets in without its answer."""
    http.says = lambda: web.Response(status=200 if says == "other" else 503, headers={"x-role": "a"})  # type: ignore[assignment]
    one = checker(PassThroughHttp(http.url, overwritten_headers=("X-User", "x-role"), allow_on_failure=True))
    answer = await asked(one, {"x-user": "root", "x-role": "root"})
    assert answer == (
        Allowed(upstream=(("x-role", "a"),), remove=("x-user",))
        if says == "other"
        else Allowed(remove=("x-user", "x-role"))
    )
    await one.close()


async def test_http_says_a_header_more_than_once(http: Web) -> None:
    """All cookies are set, and a list is the same list."""
    status = 403

    def says() -> web.Response:
        response = web.Response(status=status)
        for name, value in (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-role", "a"), ("x-role", "b")):
            response.headers.add(name, value)
        return response

    http.says = says  # type: ignore[method-assign]
    names = ("set-cookie", "x-role")
    one = checker(PassThroughHttp(http.url, denied_headers=names, overwritten_headers=("x-role",)))
    told = (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-role", "a"), ("x-role", "b"))
    assert await asked(one) == Denied(403, told)
    status = 200
    assert await asked(one) == Allowed(upstream=(("x-role", "a,b"),))
    await one.close()


# Plug-ins


class Passwordless(Checker):
    """A plug-in of a test."""

    def __init__(self, config: dict[str, Any], place: Place, tools: Tools) -> None:
        self._user = config["user"]

    async def check(self, request: Request, state: State) -> Answer:
        state.values["plugin"] = self._user
        return Allowed(self._user)


def nothing(config: dict[str, Any], place: Place, tools: Tools) -> object:
    return object()


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:{value}", plugin.GROUP)
        for name, value in {"ours": "Passwordless", "no-checker": "nothing", "absent": "absent"}.items()
    )
    monkeypatch.setattr(plugin, "entry_points", points.select)


@pytest.mark.usefixtures("_installed")
async def test_a_plug_in_is_found_by_its_entry_point() -> None:
    state = State()
    assert await asked(PluginAuth("ours", {"user": "ann"}), state=state) == Allowed("ann")
    assert state.values == {"plugin": "ann"}


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", ["other", "no-checker", "absent", "ours"])
async def test_a_plug_in_that_makes_no_checker_is_none(name: str) -> None:
    with pytest.raises((plugin.UnknownPluginError, AttributeError, KeyError)):
        checker(PluginAuth(name))


# Verified tokens


async def test_a_verified_token_is_what_envoy_says() -> None:
    message = question("c", {"authorization": "Bearer x"})
    one, state = checker(Verified()), State()
    assert await one.check(Request(message), state) == Denied(401)
    known = message.attributes.metadata_context.filter_metadata[TOKENS]
    known.update({"provider": {"alg": "RS256"}})
    assert await one.check(Request(message), state) == Denied(401), "that is no more than its header"
    known.update({CLAIMS: {"sub": "ann", "role": "admin"}})
    assert await one.check(Request(message), state) == Allowed("ann")
    assert state.values["jwt"]["role"] == "admin"
