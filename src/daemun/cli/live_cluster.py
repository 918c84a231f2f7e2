"""A live cluster for the commands that only look, with the objects of files laid over it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.cli.output import fail
from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError
from daemun.plane.keeping import Keeping
from daemun.sources.batch import Batch, FileProblem
from daemun.sources.kube.source import KubeSource
from daemun.translate import Translation


def read(translation: Translation, context: str, above: Batch) -> tuple[FileProblem, ...]:
    """Read everything once, with what is above it, as if that had been applied just now. What is wrong there.

    An empty `context` is the one that kubectl would use.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    live: dict[Ref, object | None] = {}
    problems: tuple[FileProblem, ...] = ()
    keeping = Keeping()

    def take(batch: Batch) -> None:
        nonlocal problems
        problems = batch.problems
        live.update(batch.objects)
        objects = {**batch.objects, **laid_over(above.objects, live, now)}
        translation.apply(keeping.take(objects.items()), batch.unread | above.unread)

    async def load() -> None:
        async with KubeClient.connect(context or None, patient=True) as client:
            source = KubeSource(client, take)
            for key, want in source.wants.items():
                translation.sources[key].on_read(want)
            await source.load()

    try:
        asyncio.run(load())
    except KubeError as error:
        fail(error.text, error.mend, code=1)
    return problems


def laid_over(above: Mapping[Ref, object], live: Mapping[Ref, object | None], now: str) -> dict[Ref, object]:
    """The objects as the API server would have them: one that is there keeps its age and identity, another is new."""
    return {ref: _applied(value, live.get(ref), now) for ref, value in above.items()}


def _applied(value: object, there: object | None, now: str) -> object:
    if not isinstance(value, Resource):
        return value
    meta = value.metadata
    if isinstance(there, Resource):
        kept = there.metadata
        meta = msgspec.structs.replace(
            meta, uid=kept.uid, generation=kept.generation, creation_timestamp=kept.creation_timestamp
        )
    else:
        meta = msgspec.structs.replace(meta, creation_timestamp=now)
    return msgspec.structs.replace(value, metadata=meta)
