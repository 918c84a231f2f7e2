"""Following a real folder."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemun.api.core import Service
from daemun.sources.batch import Batch
from daemun.sources.folder import FolderSource
from daemun.sources.reader import Folder, Hints, Step
from daemun.sources.watch import Notices, Watcher
from support.scenes.world import until


def service(name: str, port: int = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  ports:\n  - port: {port}\n"


class Mirror:
    """What a receiver of batches knows."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.batches: list[Batch] = []
        self._changed = asyncio.Event()

    def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)
        for ref, value in batch.objects.items():
            if value is None:
                del self.ports[ref.name]
            else:
                assert isinstance(value, Service)
                self.ports[ref.name] = value.spec.ports[0].port
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def following(*paths: Path, poll: float = 60.0, state: Path | None = None) -> AsyncIterator[Mirror]:
    mirror = Mirror()
    task = asyncio.create_task(FolderSource(paths, mirror, state, poll=poll).run())
    try:
        await mirror.until(lambda: mirror.batches)
        yield mirror
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


@linux
async def test_files_come_change_and_go(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service("a"))
    async with following(tmp_path) as seen:
        assert seen.ports == {"a": 80}
        (tmp_path / "b.yaml").write_text(service("b"))
        await seen.until(lambda: seen.ports == {"a": 80, "b": 80})
        (tmp_path / ".b.yaml.tmp").write_text(service("b", 81))
        (tmp_path / ".b.yaml.tmp").rename(tmp_path / "b.yaml")
        await seen.until(lambda: seen.ports == {"a": 80, "b": 81})
        (tmp_path / "a.yaml").unlink()
        await seen.until(lambda: seen.ports == {"b": 81})
        assert len(seen.batches) == 4


@linux
async def test_new_folders_are_followed(tmp_path: Path) -> None:
    async with following(tmp_path) as seen:
        (tmp_path / "x/y").mkdir(parents=True)
        (tmp_path / "x/y/a.yaml").write_text(service("a"))
        await seen.until(lambda: seen.ports == {"a": 80})
        (tmp_path / "x/y/a.yaml").write_text(service("a", 81))
        await seen.until(lambda: seen.ports == {"a": 81})
        (tmp_path / "x").rename(tmp_path / "z")
        (tmp_path / "z/y/b.yaml").write_text(service("b"))
        await seen.until(lambda: "b" in seen.ports)
        (tmp_path / "z/y/a.yaml").write_text(service("a", 82))
        await seen.until(lambda: seen.ports == {"a": 82, "b": 80})
        assert all(value is not None for batch in seen.batches for value in batch.objects.values()), "no flapping"


@linux
async def test_a_file_is_not_read_while_it_is_written(tmp_path: Path) -> None:
    async with following(tmp_path) as seen:
        with (tmp_path / "a.yaml").open("w") as file:
            file.write(service("half"))
            file.flush()
            (tmp_path / "other.yaml").write_text(service("other"))
            await seen.until(lambda: "other" in seen.ports)
            file.seek(0)
            file.write(service("a", 81))
            file.truncate()
        await seen.until(lambda: "a" in seen.ports)
        assert seen.ports == {"a": 81, "other": 80}


@linux
async def test_symlinks_and_kubernetes_volumes(tmp_path: Path) -> None:
    for version, port in (("..1", 80), ("..2", 81)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(service("a", port))
    (tmp_path / "..data").symlink_to("..1")
    async with following(tmp_path) as seen:
        (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
        await seen.until(lambda: seen.ports == {"a": 80})
        (tmp_path / "..new").symlink_to("..2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        await seen.until(lambda: seen.ports == {"a": 81})


@linux
async def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service("a"))
    (tmp_path / "b.yaml").write_text(service("b"))
    async with following(tmp_path / "a.yaml") as seen:
        (tmp_path / "b.yaml").write_text(service("b", 81))
        (tmp_path / "a.yaml").write_text(service("a", 81))
        await seen.until(lambda: seen.ports == {"a": 81})


@linux
async def test_lost_events_lead_to_a_look_at_everything(tmp_path: Path) -> None:
    mirror = Mirror()
    source = FolderSource([tmp_path], mirror, poll=60.0)
    task = asyncio.create_task(source.run())
    await mirror.until(lambda: mirror.batches)
    watcher = source._watcher
    assert watcher is not None
    assert watcher._inotify is not None
    for watch in watcher._inotify.watches:
        watcher._inotify.rm_watch(watch)
    (tmp_path / "a.yaml").write_text(service("a"))
    watcher._notices.anything()
    await mirror.until(lambda: mirror.ports == {"a": 80})
    (tmp_path / "a.yaml").write_text(service("a", 81))
    await mirror.until(lambda: mirror.ports == {"a": 81})
    task.cancel()


async def test_what_is_good_is_remembered_when_it_is_served(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service("a"))
    mirror, state, served, asked = Mirror(), tmp_path / "state", asyncio.Event(), asyncio.Event()
    looks = 0

    def remembered() -> bool:
        return any(one.is_file() for one in state.rglob("*"))

    def is_served() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            asked.set()
        return served.is_set()

    source = FolderSource([tmp_path / "a.yaml"], mirror, state, poll=60.0, served=is_served)
    task = asyncio.create_task(source.run())
    async with asyncio.timeout(30):
        await asked.wait()
    assert not remembered()
    served.set()
    await until(remembered, 30)
    task.cancel()


async def test_what_is_being_remembered_is_there_when_the_source_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text(service("a"))
    source = FolderSource([tmp_path / "a.yaml"], lambda _: None, tmp_path / "state", poll=60.0)
    begun, go_on = threading.Event(), threading.Event()
    persist, ended = source.folder.persist, []

    def slowly() -> None:
        begun.set()
        go_on.wait(30)
        persist()
        ended.append(True)

    monkeypatch.setattr(source.folder, "persist", slowly)
    task = asyncio.create_task(source.run())
    assert await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_without_inotify_the_poll_finds_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watcher, "__enter__", lambda self: self)
    (tmp_path / "a.yaml").write_text(service("a"))
    async with following(tmp_path, tmp_path / "later", poll=0.02) as seen:
        assert not seen.batches[-1].complete
        (tmp_path / "a.yaml").write_text(service("a", 81))
        await seen.until(lambda: seen.ports == {"a": 81})
        (tmp_path / "later").mkdir()
        (tmp_path / "later/b.yaml").write_text(service("b"))
        await seen.until(lambda: seen.ports == {"a": 81, "b": 80})
        await seen.until(lambda: seen.batches[-1].complete)


async def test_a_machine_that_is_busy_does_not_stop_the_poll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hindered(folder: Folder, hints: Hints, now: float) -> Step:
        time.sleep(0.3)
        return step(folder, hints, now)

    step = Folder.step
    monkeypatch.setattr(Watcher, "__enter__", lambda self: self)
    monkeypatch.setattr(Folder, "step", hindered)
    async with following(tmp_path, poll=0.02) as seen:
        (tmp_path / "a.yaml").write_text(service("a"))
        await seen.until(lambda: seen.ports == {"a": 80})


@linux
async def test_a_file_that_is_kept_open_is_read_when_it_rests(tmp_path: Path) -> None:
    async with following(tmp_path, poll=0.05) as seen:
        with (tmp_path / "a.yaml").open("w") as file:
            file.write(service("a"))
            file.flush()
            await seen.until(lambda: seen.ports == {"a": 80})


async def test_last_good_and_restart(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    (root / "a.yaml").write_text(service("a"))
    async with following(root, state=state):
        while not any(state.glob("*.json")):  # noqa: ASYNC110 - a file cannot be awaited
            await asyncio.sleep(0)
    (root / "a.yaml").write_text("a: [")
    async with following(root, state=state) as seen:
        assert seen.ports == {"a": 80}
        assert "stays in force" in str(seen.batches[0].problems[0])


@linux
async def test_what_is_opened_when_a_watcher_ends_is_not_taken_for_what_it_watched() -> None:
    """The lowest number that is free is given to what is opened next."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    with Watcher(Notices(), lambda _: False):
        await asyncio.sleep(0)
    with contextlib.ExitStack() as stack:
        pairs = [[stack.enter_context(one) for one in socket.socketpair()] for _ in range(4)]
        for left, _ in pairs:
            loop.add_reader(left, heard.set)
            stack.callback(loop.remove_reader, left)
        for _ in range(3):
            await asyncio.sleep(0)
        for left, right in pairs:
            heard.clear()
            right.send(b"x")
            async with asyncio.timeout(60):
                await heard.wait()
            left.recv(1)
