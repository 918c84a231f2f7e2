"""GRPCRoute: calls by service, method and header, to real gRPC servers."""

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from support.objects.documents import gateway, listener, route, rule, use, values
from support.scenes.world import World
from support.servers.backend import call

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _method(service: str = "", method: str = "", kind: str = "Exact", **fields: object) -> dict:
    named = {"service": service, "method": method}
    return {"method": {"type": kind} | {key: value for key, value in named.items() if value}} | fields


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.grpc("a", "b", "c", "d", "e")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    add = use("RequestHeaderModifier", set=[{"name": "x-new", "value": "1"}])
    shared.write(
        "route.yaml",
        route(
            "calls",
            rule(_method("shop.Basket", "Add"), to="a"),
            rule(_method("shop.Basket"), to="b", filters=[add]),
            rule(_method(method="Ping"), to="c"),
            rule(_method("shop[.]v[0-9]+[.].*", "Get.*", kind="RegularExpression"), to="d"),
            rule({"headers": values(version="two")}, to="e"),
            rule(_method("none.Such"), to="missing"),
            hosts=["grpc.example"],
            kind="GRPCRoute",
        ),
    )
    await shared.start(clean=False)


CALLS = [
    ("/shop.Basket/Add", (), "a"),
    ("/shop.Basket/Remove", (), "b"),
    ("/shop.Basket/Ping", (), "b"),
    ("/other.Service/Ping", (), "c"),
    ("/shop.v2.Orders/GetAll", (), "d"),
    ("/any.Thing/At", (("version", "two"),), "e"),
    ("/shop.Basket/Add", (("version", "two"),), "a"),
]


@pytest.mark.parametrize(("method", "metadata", "backend"), CALLS)
async def test_calls(shared: World, method: str, metadata: tuple[tuple[str, str], ...], backend: str) -> None:
    got = await call(shared.port, method, "grpc.example", metadata)
    assert (got["name"], got["method"]) == (backend, method)


UNMATCHED = [
    "/shop.basket/Add",
    "/shop.BasketCase/Add",
    "/shop.vX.Orders/GetAll",
    "/shop.v2.Orders/ListAll",
    "/x.Y/Pingo",
]


@pytest.mark.parametrize("method", UNMATCHED)
async def test_calls_that_fit_no_rule_are_unimplemented(shared: World, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(shared.port, method, "grpc.example")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_another_host_is_unimplemented(shared: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(shared.port, "/shop.Basket/Add", "other.example")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_missing_backend_is_unavailable(shared: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(shared.port, "/none.Such/Thing", "grpc.example")
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_filters(shared: World) -> None:
    got = await call(shared.port, "/shop.Basket/Remove", "grpc.example")
    assert ["x-new", "1"] in got["metadata"]
