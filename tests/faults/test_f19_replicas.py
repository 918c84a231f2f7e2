"""F19: one of two rate limit services dies, is ended, or stands still. No request is decided by the policy for that."""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from daemun.ir.quotas import Descriptor, Limits, Quota
from support.clients.steady_load import load
from support.envoys.counted import DOMAIN, Counted
from support.scenes.world import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY, NONE = Quota(1_000_000, 3600), Quota(0, 3600)
LIMITS = Limits("users", DOMAIN, (Descriptor("user", "good", MANY), Descriptor("user", "bad", NONE)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counted]:
    folder: Path = tmp_path_factory.mktemp("counted")
    # Each counts by itself: what a Redis does that is slow on a busy machine is not what this is about.
    async with Counted(folder, [LIMITS], "", 2, 10_000) as counted:
        yield counted


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
async def test_a_replica_that_is_lost_costs_no_decision(counted: Counted, how: signal.Signals) -> None:
    """Each in its turn, as soon as the other is back."""
    async with load(counted.status, "good", "bad") as asked:
        for port in counted.ports:
            await asked.more(200)
            lost = counted.process[port]
            lost.send_signal(how)
            await asked.more(1000)
            with contextlib.suppress(ProcessLookupError):
                lost.kill()
            await lost.wait()
            await counted.serve()
            await until(counted.healthy)
    assert set(asked.seen) == {("good", 200), ("bad", 429)}, asked.seen
    assert asked.longest < 8, f"somebody waited {asked.longest} s"
