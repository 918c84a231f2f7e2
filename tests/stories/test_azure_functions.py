"""Azure Functions behind routes, through real Envoys; the app is a stand-in on loopback, which tells what it got."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
import yaml
from test_aws_lambda import calling

from support.objects.certificates import authority, server
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, upstream, use
from support.scenes.world import World, until

HOST = "shop.azurewebsites.net"
KEYS = {"cart": "the-key-of-cart", "_master": "the-key-of-all"}


def keys(**held: str) -> Doc:
    meta = {"name": "azure", "namespace": "default", "annotations": {"resource_kind": "*v1.Secret"}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "stringData": {"azure": yaml.safe_dump({"apiKeys": held})},
    }


def app(port: int, **spec: Any) -> Doc:
    functions = [
        {"functionName": "cart", "authLevel": "Function"},
        {"functionName": "admin", "authLevel": "Admin"},
        {"functionName": "open", "authLevel": "Anonymous"},
    ]
    azure = {"functionAppName": "shop", "secretRef": {"name": "azure"}, "functions": functions, **spec}
    tls = {"secretRef": {"name": "ca"}, "sni": HOST, "verifySubjectAltName": [HOST]}
    found = upstream("fn", azure=azure, sslConfig=tls)
    found["metadata"]["annotations"] = {"daemun.dev/azure-endpoint": f"https://127.0.0.1:{port}"}
    return found


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    one = World()
    try:
        await one.echo("a", tls=server(authority().issue(HOST)))
        ca = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"}}
        one.write("ca.yaml", ca | {"stringData": {"ca.crt": authority().pem}})
        one.write("azure.yaml", keys(**KEYS))
        one.write("upstream.yaml", app(one.backends["a"].port))
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        names = ("cart", "admin", "open")
        one.write("routes.yaml", route("r", *(rule(prefix(f"/{name}"), to=[calling("fn", name)]) for name in names)))
        yield one
    finally:
        await one.stop()


async def test_a_function_is_called_with_its_key_and_nobody_sees_it(world: World) -> None:
    await world.start()
    for name, key in (("cart", [KEYS["cart"]]), ("admin", [KEYS["_master"]]), ("open", [])):
        got = await world.answers(200, f"/{name}/7?x=1", headers={} if name == "open" else {"x-functions-key": "mine"})
        assert got.seen["path"] == f"/api/{name}?x=1"
        assert got.sent("x-functions-key") == key
        assert got.sent("host") == [HOST]
    assert world.app is not None
    dump = (await world.app.proxies.admin_get("default/gw", "/config_dump?include_eds", seconds=30)).decode()
    assert "daemun.azure.cart" in dump
    for key in KEYS.values():
        assert key not in dump
        assert key not in world.app.proxies.log("default/gw").read_text()


async def test_another_key_counts_from_then_on(world: World) -> None:
    await world.start()
    await world.answers(200, "/cart")
    world.write("azure.yaml", keys(cart="another", _master="the-key-of-all"))

    async def other() -> bool:
        return (await world.ask("/cart")).sent("x-functions-key") == ["another"]

    await until(other)


async def test_without_a_key_nothing_is_sent(world: World) -> None:
    world.write("azure.yaml", keys(cart="x"))
    await world.start(clean=False)
    await world.problem("upstream.yaml", "Secret default/azure has no key for 'admin' (_master)")
    await world.answers(500, "/open")
    world.write("azure.yaml", keys(**KEYS))
    await world.answers(200, "/admin")


async def test_a_function_that_is_not_there(world: World) -> None:
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[calling("fn", "nobody")])))
    await world.start(clean=False)
    await world.problem("default/r", "the Upstream has no function 'nobody' (it has cart, admin, open)")
    await world.answers(500)


async def test_shares_and_rewrites(world: World) -> None:
    rewrite = use("URLRewrite", path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}, hostname="other.test")
    both = [calling("fn", "cart") | {"weight": 1}, calling("fn", "admin") | {"weight": 1}]
    world.write("routes.yaml", route("r", rule(prefix("/v1"), to=both, filters=[rewrite])))
    await world.start()
    await world.answers(200, "/v1")
    seen = [(await world.ask("/v1")) for _ in range(30)]
    told = {(one.seen["path"], *one.sent("host"), *one.sent("x-functions-key")) for one in seen}
    assert told == {("/api/cart", HOST, KEYS["cart"]), ("/api/admin", HOST, KEYS["_master"])}
