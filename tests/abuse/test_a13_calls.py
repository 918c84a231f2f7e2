"""A13: a method of gRPC that is guarded is called by nobody else, however the path of the call is written: there are
servers that take one without a slash before it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from support.clients.http2 import ResetError, http2
from support.objects.auth import api_key, auth_policy
from support.objects.documents import Doc, gateway, listener, route, rule, service
from support.scenes.world import World
from support.servers.backend import GrpcEcho

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATHS = (
    *("/s.S/Admin", "s.S/Admin", "/s.S/Admin/", "//s.S/Admin", "//s.S//Admin", "/s.S/Adm%69n", "/%73.S/Admin"),
    *("/s.S%2FAdmin", "/s.S%5cAdmin", "/s.S\\Admin", "\\s.S\\Admin", "/s.S/./Admin", "/s.S/x/../Admin"),
    *(
        "/s.S/Admin?x=1",
        "/s.S/Admin#x",
        "/s.S/Admin;x",
        "/s.S/Admin%00",
        "/s.S/Admin%20",
        "/s.S/Admin ",
        "/s.S/Admin\t",
    ),
    *("?/s.S/Admin", "a/s.S/Admin", "http://hit.test/s.S/Admin", "*", ""),
)
MATCHES: dict[str, Doc] = {
    "exact": {"service": "s.S", "method": "Admin"},
    "method": {"method": "Admin"},
    "regex": {"service": "s\\.S", "method": "Adm.*", "type": "RegularExpression"},
}


class Heard(GrpcEcho):
    """Notes which methods are called, and has none of them."""

    def __init__(self) -> None:
        super().__init__("heard")
        self.methods: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        self.methods.append(details.method)
        return None


HEARD = Heard()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> AsyncIterator[None]:
    await HEARD.start()
    shared.write("backend.yaml", service("g", HEARD.port, app_protocol="kubernetes.io/h2c"), api_key("key", "b"))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    for name, match in MATCHES.items():
        rules = rule({"method": match}, to="g", name="admin"), rule(to="g", name="all")
        target = {"kind": "GRPCRoute", "name": name, "sectionName": "admin"}
        policy = auth_policy(name, target, apiKey={"secretRefs": [{"name": "key"}]})
        shared.write(f"{name}.yaml", route(name, *rules, hosts=[f"{name}.test"], kind="GRPCRoute"), policy)
    await shared.start()
    yield
    await HEARD.stop()


async def _heard(shared: World, host: str, *paths: str, **headers: str) -> list[str]:
    """The methods that the backend heard of. Envoy takes a second to end connections with paths that are none."""

    async def call(path: str) -> None:
        with contextlib.suppress(ResetError, OSError, EOFError):
            async with http2(shared.port) as client:
                grpc_ = {"content_type": "application/grpc", "te": "trailers"}
                await client.get(host, path, "http", post=True, **grpc_, **headers)

    HEARD.methods.clear()
    await asyncio.gather(*map(call, paths))
    return list(HEARD.methods)


@pytest.mark.parametrize("name", MATCHES)
async def test_a13_no_spelling_gets_around_the_guard_of_a_method(shared: World, name: str) -> None:
    heard = await _heard(shared, f"{name}.test", *PATHS)
    # To servers a path with a slash at its end is the nameless method of another service.
    assert not {one for one in heard if one.strip("/ \t") == "s.S/Admin" and one != "/s.S/Admin/"}, heard
    assert await _heard(shared, f"{name}.test", "/s.S/Other") == ["/s.S/Other"]
    assert await _heard(shared, f"{name}.test", "/s.S/Admin", api_key="b") == ["/s.S/Admin"]
