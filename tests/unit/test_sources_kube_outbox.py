"""Batches of changes: what comes together is one, and what comes alone does not wait."""

import asyncio

from daemun.base.names import Ref
from daemun.sources.batch import Batch
from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.outbox import Outbox

_FIRST, _SECOND, _THIRD = (Ref("", "Service", "default", name) for name in ("first", "second", "third"))


async def test_what_comes_alone_goes_at_once() -> None:
    batches: asyncio.Queue[Batch] = asyncio.Queue()
    outbox = Outbox(batches.put_nowait, lambda: True, Pace(soon=3600.0, rest=0.0))
    task = asyncio.create_task(outbox.run())
    for ref in (_FIRST, _SECOND):
        outbox.put(ref, object())
        batch = await asyncio.wait_for(batches.get(), 30)
        assert list(batch.objects) == [ref]
    task.cancel()


async def test_a_small_change_does_not_wait_because_there_was_another() -> None:
    batches: asyncio.Queue[Batch] = asyncio.Queue()
    outbox = Outbox(batches.put_nowait, lambda: True, Pace(soon=0.0, rest=3600.0))
    task = asyncio.create_task(outbox.run())
    for ref in (_FIRST, _SECOND):
        outbox.put(ref, object())
        batch = await asyncio.wait_for(batches.get(), 30)
        assert list(batch.objects) == [ref]
    task.cancel()


async def test_what_follows_on_a_batch_waits_for_what_comes_with_it() -> None:
    batches: asyncio.Queue[Batch] = asyncio.Queue()
    outbox = Outbox(batches.put_nowait, lambda: True, Pace(soon=0.05, rest=3600.0, ease=0.0))
    task = asyncio.create_task(outbox.run())
    outbox.put(_FIRST, object())
    batch = await asyncio.wait_for(batches.get(), 30)
    outbox.put(_SECOND, object())
    for _ in range(5):  # it would have gone by now, if it had not to wait
        await asyncio.sleep(0)
    outbox.put(_THIRD, object())
    batch = await asyncio.wait_for(batches.get(), 30)
    assert list(batch.objects) == [_SECOND, _THIRD]
    task.cancel()
