"""F18: one of two servers of authorization dies, is ended, or stands still. No request gets a wrong answer."""

import contextlib
import functools
import signal
from collections.abc import AsyncIterator
from hashlib import sha256

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth
from daemun.provision.kube.certificates import PROXY, PROXY_KEY, SERVER, SERVER_KEY, TRUST
from support.clients.steady_load import load
from support.envoys.doors import HOST, Doors
from support.objects.certificates import Authority
from support.scenes.world import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEYS = Chain("keys", (Step("keys", ApiKeyAuth((ApiKey(sha256(b"gold").hexdigest(), "ann"),))),))
GOOD, BAD = {"api-key": "gold"}, {"api-key": "tin"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors() -> AsyncIterator[Doors]:
    async with Doors(KEYS, replicas=2) as doors:
        yield doors


async def _ask(doors: Doors, said: str) -> int:
    return (await doors.ask("keys", headers=GOOD if said == "good" else BAD)).status


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
async def test_a_replica_that_is_lost_costs_no_request(doors: Doors, how: signal.Signals) -> None:
    """Each in its turn, as soon as the other is back."""
    async with load(functools.partial(_ask, doors), "good", "bad") as asked:
        for port in doors.ports:
            await asked.more(200)
            lost = doors.process[port]
            lost.send_signal(how)
            await asked.more(1000)
            with contextlib.suppress(ProcessLookupError):
                lost.kill()
            await lost.wait()
            await doors.serve()
            await until(doors.healthy)
    assert set(asked.seen) == {("good", 200), ("bad", 401)}, asked.seen
    assert asked.longest < 8, f"somebody waited {asked.longest} s"


async def test_replicas_that_are_restarted_in_turn_cost_no_request() -> None:
    """Three, each ended as a roll-out ends it when the one before answers again; twice round."""
    async with Doors(KEYS, replicas=3) as doors, load(functools.partial(_ask, doors), "good", "bad") as asked:
        for port in doors.ports * 2:
            ended = doors.process[port]
            ended.terminate()
            await ended.wait()
            await doors.serve()
            await until(doors.healthy)
    assert set(asked.seen) == {("good", 200), ("bad", 401)}, asked.seen
    assert asked.longest < 8, f"somebody waited {asked.longest} s"


async def test_only_proxies_are_answered(doors: Doors) -> None:
    """Who has no certificate, one of another authority, or that of a server, learns nothing."""
    port = doors.ports[1]
    chain, key = Authority().issue(HOST)
    pems = doors.pems
    shown = {
        "a proxy": (pems[PROXY_KEY], pems[PROXY]),
        "nobody": (None, None),
        "a stranger": (key, chain),
        "a server": (pems[SERVER_KEY], pems[SERVER]),
    }
    answered = {}
    for who, (own, certificate) in shown.items():
        credentials = grpc.ssl_channel_credentials(pems[TRUST], own, certificate)
        options = [("grpc.ssl_target_name_override", HOST)]
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
            try:
                await channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30)
                answered[who] = True
            except grpc.aio.AioRpcError:
                answered[who] = False
    assert answered == {"a proxy": True, "nobody": False, "a stranger": False, "a server": False}
