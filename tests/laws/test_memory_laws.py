"""Law of what is kept for a start without the API server: whenever it is killed, what is recalled is what was written
last, or of the objects of the writing under way that; and nothing before everything was written once."""

import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.api.core import ConfigMap
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, Ref
from daemun.process.disk import Shelf
from daemun.sources.kube import memory
from daemun.sources.kube.memory import KubeMemory

NAMES = tuple("abcdefgh")
KEY = bytes(32)

batches = st.dictionaries(st.sampled_from(NAMES), st.none() | st.integers(0, 9), max_size=5)
lives = st.lists(batches, min_size=1, max_size=8)


class KilledError(BaseException):
    """As by a signal: nobody handles it."""


class Mortal(Shelf):
    """Which is killed before it does a thing, or in the middle of adding to a file."""

    def __init__(self, folder: Path, left: int) -> None:
        super().__init__(folder, KEY)
        self._folder_ = folder
        self._left = left

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise KilledError

    def put(self, name: str, data: bytes) -> None:
        self._live()
        super().put(name, data)

    def begin(self, name: str) -> None:
        self._live()
        super().begin(name)

    def remove(self, name: str) -> None:
        self._live()
        super().remove(name)

    def add(self, name: str, place: int, data: bytes) -> int:
        file = self._folder_ / name
        before = file.read_bytes()
        added = super().add(name, place, data)
        try:
            self._live()
        except KilledError:
            file.write_bytes(file.read_bytes()[: len(before) + added // 2])
            raise
        return added


def value(number: int) -> ConfigMap:
    return ConfigMap(ObjectMeta("c", "n"), {"x": str(number) * 20})


def ref(name: str) -> Ref:
    return Ref(CORE, "ConfigMap", "n", name)


def recalled(folder: Path) -> dict[str, ConfigMap] | None:
    found = KubeMemory(Shelf(folder, KEY), lambda: True).recall()
    return None if found is None else {one.name: it for one, it in found.items() if isinstance(it, ConfigMap)}


@given(lives, lives, st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 300, 1000, 100_000]))
@settings(max_examples=100)
def test_what_is_recalled_is_what_was_written_last(
    first: list[dict[str, int | None]], second: list[dict[str, int | None]], one: int, other: int, length: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch.object(memory, "JOURNAL_BYTES", length),
        mock.patch.object(memory, "SHARDS", 4),
        mock.patch.object(memory, "_shard", lambda ref: ord(ref.name) % 4),
        mock.patch.object(memory, "_PIECE", 2),
    ):
        folder = Path(place)
        known: dict[str, ConfigMap] | None = None
        for history, left in ((first, one), (second, other)):
            life = KubeMemory(Mortal(folder, left), lambda: True)
            served: dict[str, ConfigMap] = {}
            try:
                for number, batch in enumerate(history):
                    after = dict(served)
                    for name, it in batch.items():
                        after.pop(name, None)
                        if it is not None:
                            after[name] = value(it)
                    changes = {name: after.get(name) for name in (batch if number else {**after, **batch})}
                    life._write({ref(name): it for name, it in changes.items()})
                    known = served = after
                    assert recalled(folder) == known
            except KilledError:
                found = recalled(folder)
                if known is None:
                    assert found is None or found == after
                else:
                    assert found is not None
                    for name in NAMES:
                        assert found.get(name) in (known.get(name), after.get(name)), name
                known = found
