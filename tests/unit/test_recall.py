"""What is kept on disk for a start without the API server."""

import asyncio
import errno
import itertools
import json
import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from daemun.api.core import ConfigMap, Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, GATEWAY, Ref
from daemun.kube.client import KubeClient
from daemun.plane.recall import Recall
from daemun.process import disk
from daemun.process.disk import DamagedError, Shelf
from daemun.programs import cluster
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from daemun.provision.kube.issuer import Known
from daemun.provision.kube.issuer import encode as encode_issuer
from daemun.provision.kube.keyring import Certificates
from daemun.sources.kube import memory as memory_module
from daemun.sources.kube.memory import KubeMemory
from support.api.fake_api import FakeApi
from support.objects.cases import objects
from support.scenes.world import until

SECRET = Ref(CORE, "Secret", "default", "s")
OTHER = Ref(CORE, "ConfigMap", "default", "c")


def secret(text: str) -> Secret:
    return Secret(ObjectMeta("s", "default"), data={"tls.key": text.encode()})


def numbered(number: int) -> Ref:
    return Ref(CORE, "ConfigMap", "", f"c{number}")


def size(folder: Path) -> int:
    return sum(one.stat().st_size for one in (folder / "state").iterdir())


class CountingShelf(Shelf):
    """Which notes what is done with files."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        super().__init__(folder, secret)
        self.done: list[str] = []

    def get(self, name: str) -> bytes | None:
        self.done.append("get")
        return super().get(name)

    def put(self, name: str, data: bytes) -> None:
        self.done.append("put")
        super().put(name, data)

    def begin(self, name: str) -> None:
        self.done.append("begin")
        super().begin(name)

    def add(self, name: str, place: int, data: bytes) -> int:
        self.done.append("add")
        return super().add(name, place, data)


@pytest.fixture
def counting(tmp_path: Path) -> CountingShelf:
    return CountingShelf(tmp_path / "state", disk.key(tmp_path / "key"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state", disk.key(tmp_path / "key"))


def test_what_is_on_the_shelf_is_of_use_only_with_its_key_and_in_its_place(tmp_path: Path, shelf: Shelf) -> None:
    shelf.put("a", b"secret")
    shelf.put("b", b"secret")
    files = [tmp_path / "state" / name for name in ("a", "b")]
    assert shelf.get("a") == b"secret"
    assert shelf.get("c") is None
    assert files[0].read_bytes() != files[1].read_bytes()
    assert not any(b"secret" in file.read_bytes() for file in files)
    assert {file.stat().st_mode & 0o777 for file in [*files, tmp_path / "key"]} == {0o600}
    with pytest.raises(DamagedError):
        Shelf(tmp_path / "state", bytes(32)).get("a")
    files[1].rename(files[0])
    with pytest.raises(DamagedError):
        shelf.get("a")
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(ValueError, match="has no key"):
        disk.key(tmp_path / "short")


def test_every_object_is_recalled_as_it_was(shelf: Shelf) -> None:
    files = sorted((Path(__file__).parents[1] / "golden" / "tls").glob("*/in.yaml"))
    kept = dict(itertools.chain.from_iterable(objects(file.read_text()).items() for file in files))
    assert {ref.kind for ref in kept} > {"Gateway", "HTTPRoute", "Secret", "Service"}
    memory = KubeMemory(shelf, lambda: True)
    memory._write(dict(kept))
    assert memory.recall() == kept


def test_changes_are_written_over_what_was_and_a_new_start_forgets_what_is_gone(shelf: Shelf) -> None:
    other = OTHER
    memory = KubeMemory(shelf, lambda: True)
    assert memory.recall() is None
    memory._write({SECRET: secret("old"), other: ConfigMap(ObjectMeta("c", "default"))})
    memory._write({SECRET: secret("new")})
    assert memory.recall() == {SECRET: secret("new"), other: ConfigMap(ObjectMeta("c", "default"))}
    memory._write({other: None})
    assert memory.recall() == {SECRET: secret("new")}
    again = KubeMemory(shelf, lambda: True)
    again._write({other: ConfigMap(ObjectMeta("c", "default"))})
    assert again.recall() == {other: ConfigMap(ObjectMeta("c", "default"))}


def test_half_of_it_is_nothing(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("old")})
    (tmp_path / "state" / "whole").rename(tmp_path / "aside")
    assert memory.recall() is None, "the first writing did not come to its end"
    (tmp_path / "aside").rename(tmp_path / "state" / "whole")
    assert memory.recall()
    next((tmp_path / "state").glob("0*")).write_bytes(b"damaged")
    assert memory.recall() is None


def test_a_change_is_added_and_nothing_is_written_anew(tmp_path: Path, counting: CountingShelf) -> None:
    memory = KubeMemory(counting, lambda: True)
    many = {numbered(number): ConfigMap(ObjectMeta(f"c{number}")) for number in range(3000)}
    memory._write({**many, SECRET: secret("a")})
    counting.done.clear()
    before = size(tmp_path)
    memory._write({SECRET: secret("b")})
    memory._write({numbered(7): None})
    assert counting.done == ["add", "add"], "no file is read, and none is replaced"
    assert size(tmp_path) - before < 400
    assert memory.recall() == KubeMemory(counting, lambda: True).recall()
    recalled = memory.recall() or {}
    assert len(recalled) == 3000
    assert recalled[SECRET] == secret("b")


def test_a_journal_that_has_grown_goes_into_the_files_that_it_concerns(
    tmp_path: Path, counting: CountingShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "JOURNAL_BYTES", 2000)
    memory = KubeMemory(counting, lambda: True)
    memory._write({SECRET: secret("")})
    journals = set()
    for number in range(100):
        counting.done.clear()
        memory._write({SECRET: secret(str(number))})
        assert counting.done.count("put") in {0, 2}, "one file, and which journal goes on from there"
        [journal] = (tmp_path / "state").glob("journal-*")
        journals.add(journal.name)
        assert journal.stat().st_size <= 2000
        assert memory.recall() == {SECRET: secret(str(number))}
    assert 3 < len(journals) < 30


def test_of_many_changes_at_once_a_journal_takes_what_it_may_grow_to(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "JOURNAL_BYTES", 2000)
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("")})
    many = {numbered(number): ConfigMap(ObjectMeta(f"c{number}")) for number in range(3000)}
    memory._write(dict(many))
    assert memory.recall() == {**many, SECRET: secret("")}
    assert [one.stat().st_size for one in (tmp_path / "state").glob("journal-*")] == [0]


def test_of_a_journal_that_was_cut_off_counts_what_is_whole(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("0")})
    ends = [0]
    [journal] = (tmp_path / "state").glob("journal-*")
    for number in (1, 2, 3):
        memory._write({SECRET: secret(str(number))})
        ends.append(journal.stat().st_size)
    text = journal.read_bytes()
    for length in range(len(text)):
        journal.write_bytes(text[:length])
        whole = max(number for number, end in enumerate(ends) if end <= length)
        assert memory.recall() == {SECRET: secret(str(whole))}, length
    for place in range(len(text)):
        journal.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        assert memory.recall() in [None, *({SECRET: secret(str(number))} for number in range(3))], place
    first, second = text[: ends[1]], text[ends[1] : ends[2]]
    for other in (second, first + first, first + text[ends[2] :]):
        journal.write_bytes(other)
        assert memory.recall() is None, "pieces have their places"


def test_pieces_that_a_power_cut_left_empty_are_none(tmp_path: Path, shelf: Shelf) -> None:
    shelf.begin("a")
    first = shelf.add("a", 0, b"0")
    end = first + shelf.add("a", 1, b"1")
    text = (tmp_path / "state" / "a").read_bytes()
    for length in range(end):
        for zeros in (end - length, end, 4096):
            (tmp_path / "state" / "a").write_bytes(text[:length] + bytes(zeros))
            if (first if length < first else end) - length >= disk.EMPTY:
                assert list(shelf.pieces("a")) == [b"0"][: length >= first], (length, zeros)
    (tmp_path / "state" / "a").write_bytes(text + bytes(4096))
    assert list(shelf.pieces("a")) == [b"0", b"1"]
    (tmp_path / "state" / "a").write_bytes(bytes(end) + text)
    with pytest.raises(DamagedError):
        list(shelf.pieces("a"))


def test_what_a_killed_program_was_writing_is_removed_by_the_next(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("0")})
    files = sorted((tmp_path / "state").iterdir())
    (tmp_path / "state" / ".new-abcdefgh").write_bytes(b"half of it")
    Recall(Mock(KubeClient), tmp_path / "state", tmp_path / "key", lambda: True)
    assert sorted((tmp_path / "state").iterdir()) == files
    assert memory.recall() == {SECRET: secret("0")}


async def test_that_nothing_can_be_written_is_said_once(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory_module, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(memory_module, "_RETRY_SECONDS", 0.0)
    tries = 0

    def refuse(path: Path, data: bytes) -> None:
        nonlocal tries
        tries += 1
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), f".new-{tries}")

    monkeypatch.setattr(disk, "replace", refuse)
    memory = KubeMemory(shelf, lambda: True)
    running = asyncio.create_task(memory.run())
    memory.note({SECRET: secret("0")})
    await until(lambda: tries > 5)
    running.cancel()
    [said] = caplog.messages
    assert said.endswith("for a start without it: Read-only file system")


def test_pieces_are_of_use_only_where_they_were_added(tmp_path: Path, shelf: Shelf) -> None:
    shelf.begin("a")
    shelf.add("a", 0, b"secret")
    assert list(shelf.pieces("a")) == [b"secret"]
    assert b"secret" not in (tmp_path / "state" / "a").read_bytes()
    assert (tmp_path / "state" / "a").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state" / "a").rename(tmp_path / "state" / "b")
    with pytest.raises(DamagedError):
        list(shelf.pieces("b"))
    with pytest.raises(FileNotFoundError):
        shelf.add("a", 1, b"secret")


def test_a_journal_that_takes_nothing_more_is_replaced(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("0")})
    memory._write({SECRET: secret("1")})
    [journal] = (tmp_path / "state").glob("journal-*")
    journal.unlink()
    assert memory.recall() is None
    memory._write({OTHER: ConfigMap(ObjectMeta("c", "default"))})
    assert memory.recall() == {SECRET: secret("1"), OTHER: ConfigMap(ObjectMeta("c", "default"))}


def test_what_lacks_a_file_is_nothing(tmp_path: Path, shelf: Shelf) -> None:
    KubeMemory(shelf, lambda: True)._write({numbered(number): ConfigMap(ObjectMeta("c")) for number in range(9)})
    assert len(KubeMemory(shelf, lambda: True).recall() or ()) == 9
    (tmp_path / "state" / "05").unlink()
    assert KubeMemory(shelf, lambda: True).recall() is None, "what is missing would be taken from the proxies"


def test_what_somebody_has_removed_is_not_half_there_again(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("0"), OTHER: ConfigMap(ObjectMeta("c", "default"))})
    shutil.rmtree(tmp_path / "state")
    for _ in range(2):
        with pytest.raises(OSError, match="removed"):
            memory._write({SECRET: secret("1")})
        assert memory.recall() is None


async def test_what_was_deleted_meanwhile_goes_when_the_api_server_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "RECALL_SECONDS", 0.01)
    installation = Installation(
        "default", "daemun", "one", "none", xds_port=0, health_port=0,
        state_dir=str(tmp_path / "state"), state_key=str(tmp_path / "key"),
    )  # fmt: skip
    client = KubeClient.at("http://127.0.0.1:1")
    recall = Recall(client, tmp_path / "state", tmp_path / "key", lambda: True)
    kept = {
        name: {
            "apiVersion": f"{GATEWAY}/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": "default"},
            "spec": {"parentRefs": [{"name": "gate"}]},
        }
        for name in ("stays", "goes")
    }  # fmt: skip
    recall._memory._write(dict(objects("\n---\n".join(map(json.dumps, kept.values())))))
    recall._shelf.put("issuer", encode_issuer(Known("", ())))
    recall.keep(Certificates(b"", b"", ""))
    async with FakeApi() as api:
        api.put("httproutes", "default/stays", kept["stays"])
        await api.stop()
        api_client = KubeClient.at(api.url)
        app = ClusterApp(api_client, installation)
        monkeypatch.setattr(app, "_certified", lambda _: None)
        work = [asyncio.create_task(one) for one in (app.plane.run(), app.source.run(), app._start_alone(recall))]
        try:
            routes = app.plane.translation.sources[GATEWAY, "HTTPRoute"]
            await until(lambda: set(map(str, routes)) == {"default/stays", "default/goes"})
            assert app._alone()
            assert not app._current()
            assert not app._live.is_set()
            await api.start()
            await until(lambda: set(map(str, routes)) == {"default/stays"})
            await until(app._live.is_set)
            assert not app._alone()
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await api_client.close()
