"""Batches of changes: what comes together is one, and what comes alone does not wait."""

import asyncio

from daemun.base.names import Ref
from daemun.sources.batch import Batch
from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.outbox import Outbox

_FIRST, _SECOND = (Ref("", "Service", "default", name) for name in ("first", "second"))


async def test_a_small_change_does_not_wait_because_there_was_another() -> None:
    batches: asyncio.Queue[Batch] = asyncio.Queue()
    outbox = Outbox(batches.put_nowait, lambda: True, Pace(soon=0.0, rest=3600.0))
    task = asyncio.create_task(outbox.run())
    for ref in (_FIRST, _SECOND):
        outbox.put(ref, object())
        batch = await asyncio.wait_for(batches.get(), 10)
        assert list(batch.objects) == [ref]
    task.cancel()


async def test_what_comes_while_a_batch_is_waited_for_is_in_it() -> None:
    batches: asyncio.Queue[Batch] = asyncio.Queue()
    outbox = Outbox(batches.put_nowait, lambda: True, Pace(soon=0.001))
    task = asyncio.create_task(outbox.run())
    outbox.put(_FIRST, object())
    await asyncio.sleep(0)
    outbox.put(_SECOND, object())
    batch = await asyncio.wait_for(batches.get(), 10)
    assert list(batch.objects) == [_FIRST, _SECOND]
    task.cancel()
