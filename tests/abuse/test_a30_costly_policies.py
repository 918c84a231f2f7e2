"""A30: a tenant's policy that is made to take time or memory has its own requests wait, not those of others."""

import asyncio
import os
import socket
import threading
import time
from typing import Any

import pytest

from daemun.api.decode import decode
from daemun.base.names import Name
from daemun.extauth.answers import Allowed, Failed
from daemun.extauth.checker import Place, Tools
from daemun.extauth.checks import basic
from daemun.extauth.crypt import holds
from daemun.extauth.registry import made
from daemun.extauth.rego import modules
from daemun.extauth.rego.room import Room
from daemun.fetch import Fetcher
from daemun.gloo.auth.configs import ConfigKey
from daemun.ir.auth.checks import BasicAuth, LdapAuth, OpaModules, PassThroughGrpc, Password
from daemun.ir.auth.oauth import Introspection
from support.clients.checked import LOCAL, asked, checker
from support.objects.auth import APR1, auth_config, auth_policy
from support.objects.auth import basic as login
from support.objects.cases import translation
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.standins.provider import CLIENT, SECRET, running

_NOW = 1_800_000_000.0
_DAYS = "$2y$31$" + "a" * 53
"""A hash of bcrypt that takes days to compute."""


@pytest.mark.parametrize("cost", ["31", "15", "99", "xx", "-1"])
def test_a30_a_hash_that_takes_days_is_not_computed(cost: str) -> None:
    began = time.process_time()
    assert not holds(b"secret", Password("bcrypt", _DAYS.replace("31", cost, 1)))
    assert time.process_time() - began < 1.0


@pytest.mark.asyncio
async def test_a30_a_policy_with_such_a_hash_is_told_and_closed(world: World) -> None:
    await world.echo("a")
    lines = {"stringData": {".htpasswd": f"ann:{_DAYS}\n"}}
    world.write("secret.yaml", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}} | lines)
    world.write("gateway.yaml", gateway("gw", listener(world.port)), route("r", rule(prefix("/"), to="a")))
    spec = {"basicAuth": {"secretRef": {"name": "users"}}}
    world.write("policy.yaml", auth_policy("who", {"kind": "HTTPRoute", "name": "r"}, **spec))
    await world.start(clean=False)
    assert any("AuthPolicy default/who" in one and "bcrypt of a cost up to 14" in one for one in world.problems())
    assert (await world.ask(headers=login("ann", "secret"))).status == 500


async def test_a30_one_policys_passwords_do_not_hold_up_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though there are more of them than threads."""
    go_on, begun = threading.Event(), []

    def slow(password: bytes, known: Password) -> bool:
        if known.salt == "slow":
            begun.append(password)
            go_on.wait(60)
        return holds(password, known)

    monkeypatch.setattr(basic, "holds", slow)
    tools = Tools()
    mine = checker(BasicAuth({"eve": Password("apr1", APR1["hashedPassword"], "slow")}), tools)
    others = checker(BasicAuth({"ann": Password("apr1", APR1["hashedPassword"], APR1["salt"])}), tools)
    try:
        many = [asyncio.ensure_future(asked(mine, login("eve", str(number)))) for number in range(20)]
        await until(lambda: bool(begun))
        async with asyncio.timeout(60):
            assert await asked(others, login("ann", "secret")) == Allowed("ann")
        assert not any(one.done() for one in many)
    finally:
        go_on.set()
    await asyncio.gather(*many)
    await tools.close()


ALL = {"m": "package test\nallow := true"}


def test_a30_no_namespace_has_all_opas() -> None:
    room = Room(4)
    assert [room.take(f"eve/{name}", "rego") for name in ("one", "two")] == ["", ""]
    said = room.take("eve/three", "rego")
    assert said == "the namespace eve has 2 OPAs already, half of all (--opas of daemun extauth)"
    assert not room.take("eve/one", "rego"), "a policy may be changed"
    assert [room.take(f"{name}/one", "rego") for name in ("ann", "bob")] == ["", ""]
    assert "there are 4 OPAs already" in room.take("carl/one", "rego")
    room.leave("eve/one", "rego")
    assert room.take("carl/one", "rego"), "the one before the change is gone, and not the other"
    room.leave("eve/one", "rego")
    assert not room.take("carl/one", "rego")


async def test_a30_there_are_only_so_many_opas(opa: str) -> None:
    tools = Tools(opa=opa, opas=1)
    first, second = (made(OpaModules(ALL, "data.test.allow"), Place(f"{name}/who", "rego"), tools) for name in "ab")
    assert "there are 1 OPAs already" in second.fault()
    assert await asked(second) == Failed(second.fault())
    await second.ready()
    await first.close()

    async def allowed() -> bool:
        return await asked(second) == Allowed()

    await until(allowed, 60)  # there is room now
    assert not second.fault()
    await second.close()
    await tools.close()


def test_a30_one_policy_has_only_so_many() -> None:
    rego = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "rego", "namespace": "default"},
        "data": {"policy.rego": "package test"},
    }
    step = {"opaAuth": {"modules": [{"name": "rego"}], "query": "data.test.allow"}}
    errors = {}
    for number in (4, 5, 50):
        items = {}
        for one in (rego, auth_config("who", *[step] * number)):
            decoded = decode(one)
            assert decoded is not None
            assert decoded.value is not None
            items[decoded.ref] = decoded.value
        found = translation(items).auth.configs[ConfigKey(Name("default", "who"), classic=False)]
        errors[number] = [str(error) for error in found.errors]
    assert not errors[4]
    assert len(errors[5]) == len(errors[50]) == 1
    assert "spec.configs[4].opaAuth: is one of more than 4 with modules" in errors[50][0]


async def test_a30_modules_in_rego_are_bounded_when_they_are_looked_at_too() -> None:
    """Neither the server nor anybody else is ended for the memory that they take."""
    said = await modules._run("/bin/sh", dict(os.environ), "-c", "ulimit -v; cat /proc/self/oom_score_adj")
    assert said.split() == [str(modules.MEMORY >> 10), "1000"]


async def test_a30_a_server_that_keeps_quiet_uses_up_nobody_elses_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four policies with a server each that never answers, and more questions than one client has connections."""
    monkeypatch.setitem(Fetcher.__init__.__kwdefaults__, "seconds", 120.0)
    quiet, go_on = 0, asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal quiet
        quiet += 1
        await go_on.wait()
        writer.close()

    servers = [await asyncio.start_server(silent, "127.0.0.1", 0) for _ in range(4)]
    urls = [f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}/" for one in servers]
    tools = Tools(lambda: _NOW, guard=LOCAL)
    mine = [checker(Introspection(url), tools) for url in urls]
    async with running(lambda: _NOW) as provider:
        others = checker(Introspection(f"{provider.issuer}/introspect", CLIENT, SECRET), tools)
        many = [asyncio.ensure_future(asked(one, _bearer(f"t{number}"))) for one in mine for number in range(40)]
        try:
            await until(lambda: quiet >= 100)
            async with asyncio.timeout(60):
                assert isinstance(await asked(others, _bearer(provider.access_token())), Allowed)
        finally:
            go_on.set()
            await asyncio.gather(*many)
            for one in (*mine, others):
                await one.close()
            for server in servers:
                server.close()
    await tools.close()


@pytest.mark.parametrize("kind", ["introspection", "directory", "passed"])
async def test_a30_names_that_nobody_answers_for_hold_up_no_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though there are more of them than an event loop has threads."""
    go_on, waiting, real = threading.Event(), [], socket.getaddrinfo

    def slow(host: str, *args: Any, **kwargs: Any) -> Any:
        if host.endswith(".slow.test"):
            waiting.append(host)
            go_on.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = [f"n{number}.slow.test" for number in range(50)]
    made = {
        "introspection": lambda name: Introspection(f"http://{name}/"),
        "directory": lambda name: LdapAuth(f"ldap://{name}", "uid=%s"),
        "passed": lambda name: PassThroughGrpc(f"{name}:80"),
    }[kind]
    tools = Tools(lambda: _NOW, guard=LOCAL)
    mine = [checker(made(name), tools) for name in names]
    said = login("ann", "secret") if kind == "directory" else _bearer("t")
    async with running(lambda: _NOW) as provider:
        url = f"{provider.issuer}/introspect".replace("127.0.0.1", "localhost")
        others = checker(Introspection(url, CLIENT, SECRET), tools)
        many = [asyncio.ensure_future(asked(one, said)) for one in mine for _ in range(2)]
        try:
            await until(lambda: len(waiting) == len(names))
            assert isinstance(await asked(others, _bearer(provider.access_token())), Allowed)
            assert sorted(waiting) == sorted(names), "each is looked up once for all who ask meanwhile"
        finally:
            go_on.set()
            await asyncio.gather(*many)
            for one in (*mine, others):
                await one.close()
    await tools.close()


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
