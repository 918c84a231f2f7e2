"""A30: a tenant's policy that is made to take time or memory has its own requests wait, not those of others."""

import asyncio
import os
import threading
import time

import pytest

from daemun.extauth.answers import Allowed
from daemun.extauth.checker import Tools
from daemun.extauth.checks import basic
from daemun.extauth.crypt import holds
from daemun.extauth.rego import modules
from daemun.ir.auth.checks import BasicAuth, Password
from support.auth import APR1, auth_policy
from support.auth import basic as login
from support.checked import asked, checker
from support.documents import gateway, listener, prefix, route, rule
from support.world import World, until

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


async def test_a30_modules_in_rego_are_bounded_when_they_are_looked_at_too() -> None:
    """Neither the server nor anybody else is ended for the memory that they take."""
    said = await modules._run("/bin/sh", dict(os.environ), "-c", "ulimit -v; cat /proc/self/oom_score_adj")
    assert said.split() == [str(modules.MEMORY >> 10), "1000"]
