"""External authorization: another service is asked, and whatever goes wrong the request does not pass (GEP-1494)."""

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from envoy.service.auth.v3 import external_auth_pb2

from support.objects.documents import backend, gateway, grant, listener, prefix, reference, route, rule, service, use
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Authorization(grpc.GenericRpcHandler):
    """Envoy's gRPC protocol: lets in whoever says `x-user: friend`."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method != "/envoy.service.auth.v3.Authorization/Check":
            return None

        async def check(request: external_auth_pb2.CheckRequest, _: object) -> external_auth_pb2.CheckResponse:
            answer = external_auth_pb2.CheckResponse()
            friend = request.attributes.request.http.headers.get("x-user") == "friend"
            answer.status.code = 0 if friend else grpc.StatusCode.PERMISSION_DENIED.value[0]
            if friend:
                seen = sorted(name for name in request.attributes.request.http.headers if name[0] != ":")
                answer.ok_response.headers.add(header={"key": "x-checked", "value": " ".join(seen)})
            return answer

        return grpc.unary_unary_rpc_method_handler(
            check, external_auth_pb2.CheckRequest.FromString, external_auth_pb2.CheckResponse.SerializeToString
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authorization() -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([Authorization()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(0)


def _auth(to: str, **http: object) -> dict:
    return use("ExternalAuth", protocol="HTTP", backendRef=reference(to, port=80), http=http)


def _grpc(**grpc_: object) -> dict:
    return use("ExternalAuth", protocol="GRPC", backendRef=reference("grpc", port=80), grpc=grpc_)


def _body(size: int) -> dict:
    found = _auth("auth")
    found["externalAuth"]["forwardBody"] = {"maxSize": size}
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World, authorization: int) -> None:
    await shared.echo("a", "b", "auth", "other/auth")
    shared.write("down.yaml", service("down", free_port()), service("empty"), service("grpc", authorization))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    headers = {"allowedHeaders": ["X-Echo-Status", "x-echo-set"], "allowedResponseHeaders": ["x-user"]}
    redirect = use("RequestRedirect", hostname="new.example")
    shared.write(
        "good.yaml",
        route(
            "good",
            rule(prefix("/plain"), to="a", filters=[_auth("auth", **headers)]),
            rule(prefix("/prefixed"), to="a", filters=[_auth("auth", path="/check/", **headers)]),
            rule(prefix("/down"), to="a", filters=[_auth("down")]),
            rule(prefix("/empty"), to="a", filters=[_auth("empty")]),
            rule(prefix("/body"), to="a", filters=[_body(8)]),
            rule(prefix("/grpc"), to="a", filters=[_grpc()]),
            rule(prefix("/few"), to="a", filters=[_grpc(allowedHeaders=["X-User"])]),
            rule(prefix("/redirect"), filters=[redirect, _auth("auth", **headers)]),
            rule(prefix("/each"), to=[backend("a", 1, _auth("auth", **headers)), backend("b", 1)]),
            rule(prefix("/open"), to="a"),
        ),
    )
    granted = use("ExternalAuth", protocol="HTTP", backendRef=reference("other/auth", port=80), http=headers)
    shared.write("granted.yaml", route("granted", rule(prefix("/granted"), to="a", filters=[granted])))
    shared.write("grant.yaml", grant("other/grant", "HTTPRoute", "default"))
    bad = use("ExternalAuth", protocol="HTTP", backendRef=reference("nowhere", port=80), http={})
    shared.write(
        "bad.yaml",
        route(
            "bad", rule(prefix("/bad"), to="a", filters=[bad]), rule(prefix("/bad-redirect"), filters=[bad, redirect])
        ),
    )
    await shared.start(clean=False)
    await shared.answers(200, "/open")


def _asked(world: World, path: str) -> list[dict]:
    return [request for request in world.backends["auth"].requests if request["path"] == path]


async def test_allowed(shared: World) -> None:
    given = {"authorization": "Bearer 1", "x-secret": "2", "x-echo-set": "x-user: ada", "x-user": "forged"}
    got = await shared.ask("/plain/x?q=1", "POST", body=b"text", headers=given)
    assert (got.status, got.backend, got.seen["body"]) == (200, "a", "text")
    assert got.sent("x-user") == ["ada"]
    [asked] = _asked(shared, "/plain/x?q=1")
    seen = dict(asked["headers"])
    assert (asked["method"], asked["host"], seen["authorization"]) == ("POST", "test.example", "Bearer 1")
    assert "x-secret" not in seen, "only what is listed is shown"
    assert seen.get("content-length", "0") == "0"


async def test_path_prefix(shared: World) -> None:
    assert (await shared.ask("/prefixed/x")).backend == "a"
    assert _asked(shared, "/check/prefixed/x")


@pytest.mark.parametrize("status", [401, 403, 302, 500])
async def test_denied(shared: World, status: int) -> None:
    reached = len(shared.backends["a"].requests)
    got = await shared.ask("/plain", headers={"x-echo-status": str(status)})
    assert got.backend != "a"
    assert got.status == (status if status < 500 else 403)
    assert len(shared.backends["a"].requests) == reached


@pytest.mark.parametrize("path", ["/down", "/empty"])
async def test_a_service_that_does_not_answer_lets_nobody_in(shared: World, path: str) -> None:
    reached = len(shared.backends["a"].requests)
    assert (await shared.ask(path)).status == 403
    assert len(shared.backends["a"].requests) == reached


@pytest.mark.parametrize("path", ["/bad", "/bad-redirect"])
async def test_a_service_that_does_not_exist_closes_the_rule(shared: World, path: str) -> None:
    assert (await shared.ask(path)).status == 500
    assert shared.condition("HTTPRoute", "bad", "ResolvedRefs")[:2] == ("False", "BackendNotFound")
    await shared.problem("nowhere does not exist", "spec.rules[0].filters[0].externalAuth.backendRef")


async def test_by_grpc(shared: World) -> None:
    assert (await shared.ask("/grpc")).status == 403
    got = await shared.ask("/grpc", headers={"x-user": "friend", "x-other": "1"})
    assert got.backend == "a"
    assert {"x-user", "x-other"} <= set(got.sent("x-checked")[0].split())


async def test_by_grpc_with_few_headers(shared: World) -> None:
    got = await shared.ask("/few", headers={"x-user": "friend", "x-other": "1"})
    assert got.backend == "a"
    assert "x-other" not in got.sent("x-checked")[0].split()


async def test_the_body_is_shown_up_to_its_limit(shared: World) -> None:
    got = await shared.ask("/body", "POST", body=b"8 bytes.")
    assert (got.backend, got.seen["body"]) == ("a", "8 bytes.")
    assert [one["body"] for one in _asked(shared, "/body")] == ["8 bytes."]
    reached = len(shared.backends["a"].requests)
    assert (await shared.ask("/body", "POST", body=b"9 bytes..")).status == 413
    assert len(shared.backends["a"].requests) == reached


async def test_a_redirect_is_behind_it_too(shared: World) -> None:
    assert (await shared.ask("/redirect")).status == 302
    assert (await shared.ask("/redirect", headers={"x-echo-status": "401"})).status == 401


async def test_one_backend_is_behind_it(shared: World) -> None:
    answers = [await shared.ask("/each", headers={"x-echo-status": "401"}) for _ in range(40)]
    # The backend echoes the status as well; what counts is who was reached.
    assert {one.backend for one in answers} == {"auth", "b"}


async def test_a_grant_that_is_taken_away_closes_the_rule(shared: World) -> None:
    assert (await shared.ask("/granted")).backend == "a"
    (shared.folder / "grant.yaml").unlink()
    await shared.answers(500, "/granted")
    shared.write("grant.yaml", grant("other/grant", "HTTPRoute", "default"))
    await shared.answered_by("a", "/granted")
