"""A28: a name and a password, or a key, in a form that another server might take for something else, let nobody in."""

import base64

import pytest
import pytest_asyncio

from support.clients.client import answer, connection
from support.objects.auth import api_key, auth_config, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "N2YwMDIx"
MAIL = {"headersFromMetadataEntry": {"x-mail": {"name": "mail"}}}
CONFIGS: dict[str, Doc] = {
    "envoy": simple_users(ann="secret"),
    "server": users("ann"),
    "keys": {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}},
    "known": {"apiKeyAuth": {"k8sSecretApikeyStorage": {"labelSelector": {"team": "a"}}, **MAIL}},
}
"""Envoy itself and Daemun's server, each by passwords and by keys."""


def basic(said: str) -> str:
    return "authorization: Basic " + base64.b64encode(said.encode("latin-1")).decode()


GOOD = basic("ann:secret")
PASSWORDS: dict[str, tuple[str, ...]] = {
    "no colon": (basic("annsecret"),),
    "a NUL behind": (basic("ann:secret\0"),),
    "a NUL in the name": (basic("ann\0:secret"),),
    "a line behind": (basic("ann:secret\n"),),
    "a line before": (basic("x\r\nann:secret"),),
    "a colon behind": (basic("ann:secret:"),),
    "nobody": (basic(":secret"),),
    "nothing": (basic("ann:"),),
    "neither": (basic(":"),),
    "another case": (basic("ANN:secret"),),
    "a blank before": (basic(" ann:secret"),),
    "long": (basic("ann:" + "s" * 30_000),),
    "the hash": (basic("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="), basic("ann:/2FbPWdC2VElGv2/RQOCG/")),
    "a bad one first": (basic("x:x"), GOOD),
    "a bad one last": (GOOD, basic("x:x")),
    "two of them": (GOOD, GOOD),
    "more than base64": (f"{GOOD}!!",),
    "a tab": (GOOD.replace("Basic ", "Basic\t"),),
    "for a proxy": (f"proxy-{GOOD}",),
}
KEYS: dict[str, tuple[str, ...]] = {
    "a bad one first": ("api-key: x", f"api-key: {KEY}"),
    "quoted": (f'api-key: "{KEY}"',),
    "another case": (f"api-key: {KEY.lower()}",),
    "a part": (f"api-key: {KEY[:-1]}",),
    "a comma": (f"api-key: {KEY},",),
    "a hard space": (f"api-key: \xa0{KEY}",),
    "elsewhere": (f"authorization: Bearer {KEY}",),
    "empty": ("api-key:",),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)), api_key("key", KEY, {"team": "a"}, mail="m"))
    shared.write("auth.yaml", *(auth_config(name, step) for name, step in CONFIGS.items()))
    for name in CONFIGS:
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
        spec = {"targetRefs": [target], "options": {"extauth": {"configRef": {"name": name}}}}
        option = {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": name}, "spec": spec}
        shared.write(f"{name}.yaml", route(name, rule(prefix("/"), to="a"), hosts=[f"{name}.test"]), option)
    await shared.start()
    await shared.answers(401, host="server.test")


async def _ask(shared: World, host: str, *lines: str) -> tuple[int, str]:
    text = "\r\n".join(("GET / HTTP/1.1", f"Host: {host}.test", *lines, "", ""))
    async with connection(shared.port) as (reader, writer):
        writer.write(text.encode("latin-1"))
        got = await answer(reader)
    return got.status, got.backend


@pytest.mark.parametrize("name", PASSWORDS)
@pytest.mark.parametrize("host", ["envoy", "server"])
async def test_a28_a_password_in_an_odd_form(shared: World, host: str, name: str) -> None:
    assert await _ask(shared, host, *PASSWORDS[name]) == (401, "")


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("host", ["keys", "known"])
async def test_a28_a_key_in_an_odd_form(shared: World, host: str, name: str) -> None:
    assert await _ask(shared, host, *KEYS[name]) == (401, "")


async def test_a28_and_in_their_own(shared: World) -> None:
    for host, line in (("envoy", GOOD), ("server", GOOD), ("keys", f"api-key: {KEY}"), ("known", f"api-key: {KEY} ")):
        assert await _ask(shared, host, line) == (200, "a")
