"""What a folder stands for as it changes, breaks and is mended, without waiting for anything."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemun.api.core import Service
from daemun.base.names import Ref
from daemun.sources import yamldoc
from daemun.sources.batch import Batch
from daemun.sources.documents import Spot
from daemun.sources.files import Key
from daemun.sources.reader import Folder, Hints, load

GOOD, OTHER = 80, 81


def service(name: str, port: object = GOOD) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  ports:\n  - port: {port}\n"


HIDDEN = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: tip-top}\n"
BROKEN = "a: [\n"


def ref(name: str) -> Ref:
    return Ref("", "Service", "default", name)


class World:
    """A folder, its reader, and a clock that only moves when told."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        self.root, self.state, self.now = root, state, 0.0
        self.reader = Folder([root], state)
        self.ports: dict[str, int] = {}
        self.last = Batch({}, (), complete=False)

    def start(self) -> "World":
        self.take(self.reader.step(Hints(full=True), self.now).batch)
        return self

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def take(self, batch: Batch | None) -> Batch | None:
        if batch is not None:
            self.last = batch
            for ref, value in batch.objects.items():
                if ref.kind != "Service":
                    continue
                if value is None:
                    del self.ports[ref.name]
                else:
                    assert isinstance(value, Service)
                    self.ports[ref.name] = value.spec.ports[0].port
        self.reader.persist()
        return batch

    def told(self, *names: str, after: float = 0.0) -> Batch | None:
        self.now += after
        return self.take(self.reader.step(Hints(told={Key(0, name) for name in names}), self.now).batch)

    def save(self, name: str, text: str) -> Batch | None:
        self.write(name, text)
        return self.told(name, after=0.001)

    def rest(self) -> None:
        for _ in range(3):
            self.now += 10
            self.take(self.reader.step(Hints(full=True), self.now).batch)

    def restart(self) -> "World":
        return World(self.root, self.state).start()

    def texts(self) -> str:
        return "\n".join(map(str, self.last.problems))


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    root = tmp_path / "root"
    root.mkdir()

    def make(**texts: str) -> World:
        made = World(root, tmp_path / "state")
        for name, text in texts.items():
            made.write(f"{name}.yaml", text)
        return made.start()

    return make


Make = Callable[..., World]


def test_load(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{service('a')}---\n{service('b')}")
    (tmp_path / "c.json").write_text('{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c"}}')
    batch = load([tmp_path])
    assert sorted(ref.name for ref in batch.objects) == ["a", "b", "c"]
    assert batch.complete
    assert batch.problems == ()


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    batch = load([tmp_path / "none"])
    assert not batch.complete
    assert str(batch.problems[0]).endswith("none: does not exist Create it, or correct the path.")


def test_changes(world: Make) -> None:
    w = world(a=service("a"), b=service("b"))
    batch = w.save("a.yaml", service("a", OTHER))
    assert batch is not None
    assert list(batch.objects) == [ref("a")]
    assert w.save("a.yaml", service("a", OTHER)) is None
    w.save("c.yaml", service("c"))
    assert w.ports == {"a": OTHER, "b": GOOD, "c": GOOD}


def test_problems_have_file_line_field_and_mend(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b', 'x')}")
    (problem,) = w.last.problems
    assert problem.file.endswith("root/a.yaml")
    assert (problem.line, problem.ref, problem.where) == (13, ref("b"), "spec.ports[0].port")


def test_place(world: Make) -> None:
    w = world(a=f"# x\n{service('a')}---\n{service('b')}")
    place = w.reader.place
    assert place(ref("a"))[1] == 2
    assert place(ref("a"), "spec.ports[0].port")[1] == 7
    assert place(ref("b"))[1] == 9
    assert place(ref("b"), "spec.ports[0].port")[1] == 14
    assert place(ref("b"), "spec.ports[0].name")[1] == 14
    assert place(ref("none")) == ("", 0)


def test_a_place_in_a_file_that_has_changed_since(world: Make) -> None:
    w = world(a=service("a"))
    w.write("a.yaml", "")
    assert w.reader.place(ref("a"), "metadata.name")[1] == 1


def test_the_first_of_two_definitions_counts(world: Make) -> None:
    w = world(b=service("x"), a=service("x", OTHER))
    assert w.ports == {"x": OTHER}
    (problem,) = w.last.problems
    assert problem.file.endswith("b.yaml")
    assert "a.yaml:1" in problem.text
    assert "b.yaml:1" in problem.text
    (w.root / "a.yaml").unlink()
    w.told("a.yaml")
    assert w.ports == {"x": GOOD}
    assert w.last.problems == ()


def test_two_definitions_in_one_file(world: Make) -> None:
    w = world(a=f"{service('x')}---\n{service('x', OTHER)}")
    assert w.ports == {"x": GOOD}
    assert "defined already" in w.texts()


def test_unknown_kinds_are_named_once(world: Make) -> None:
    other = "apiVersion: example.com/v1\nkind: Other\nmetadata: {name: x}\n"
    w = world(a=other, b=f"{other}---\n{other}")
    (problem,) = w.last.problems
    assert problem.warning
    assert "example.com/v1 Other; 3 objects" in problem.text
    assert problem.file.endswith("a.yaml")


def test_a_broken_document_keeps_its_last_good_object(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}---\n{service('c')}")
    w.save("a.yaml", f"{service('a', OTHER)}---\n{BROKEN}---\n{service('c')}")
    w.rest()
    assert w.ports == {"a": OTHER, "b": GOOD, "c": GOOD}
    assert "a.yaml:9: is not YAML" in w.texts()
    assert "stays in force" in w.texts()
    w.save("a.yaml", f"{service('a', OTHER)}---\n{service('b', OTHER)}")
    w.rest()
    assert w.ports == {"a": OTHER, "b": OTHER}


def test_a_broken_document_does_not_keep_what_was_removed_elsewhere(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}---\n{service('c')}")
    w.save("a.yaml", f"{service('d')}---\n{BROKEN}---\n{service('c')}")
    w.rest()
    assert set(w.ports) == {"b", "c", "d"}


def test_when_it_cannot_be_told_what_broke_everything_missing_is_kept(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}---\n{service('c')}")
    w.save("a.yaml", f"{service('a')}---\n{BROKEN}")
    w.rest()
    assert set(w.ports) == {"a", "b", "c"}
    w.save("a.yaml", f"{service('a')}---\n{BROKEN}---\n{service('c')}")
    w.save("a.yaml", f"{service('a')}---\n{service('d')}---\n{service('c')}")
    w.rest()
    assert set(w.ports) == {"a", "c", "d"}


def test_an_object_that_cannot_be_used_keeps_its_last_good_value(world: Make) -> None:
    w = world(a=service("a"))
    w.save("a.yaml", service("a", "x"))
    w.rest()
    assert w.ports == {"a": GOOD}
    assert "stays in force" in w.texts()
    w.save("a.yaml", service("a", OTHER))
    assert w.ports == {"a": OTHER}
    assert w.last.problems == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_keeps_its_objects(world: Make) -> None:
    w = world(a=service("a"))
    (w.root / "a.yaml").chmod(0)
    w.rest()
    assert w.ports == {"a": GOOD}
    assert "permission denied" in w.texts()
    (w.root / "a.yaml").chmod(0o600)
    w.rest()
    assert w.last.problems == ()


def test_a_file_turned_into_something_else_keeps_its_objects(world: Make, tmp_path: Path) -> None:
    w = world(a=service("a"), b=service("b"))
    (tmp_path / "outside.yaml").write_text(service("evil"))
    (w.root / "a.yaml").unlink()
    (w.root / "a.yaml").symlink_to("../outside.yaml")
    with (w.root / "b.yaml").open("wb") as file:
        file.truncate(1 << 30)
    w.rest()
    assert w.ports == {"a": GOOD, "b": GOOD}
    assert "out of the folder" in w.texts()
    assert "16 MiB" in w.texts()
    assert w.restart().ports == w.ports


def test_a_deleted_file_removes_its_objects(world: Make) -> None:
    w = world(a=service("a"), b=service("b"))
    (w.root / "a.yaml").unlink()
    w.told("a.yaml")
    w.told(after=0.2)
    assert w.ports == {"b": GOOD}


def test_half_written_files_do_not_remove_objects(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}")
    w.save("a.yaml", service("a"))
    w.write("a.yaml", f"{service('a')}---\n")
    w.told(after=0.2)
    assert set(w.ports) == {"a", "b"}, "the file has changed again"
    w.save("a.yaml", f"{service('a')}---\n{service('b', OTHER)}")
    assert w.ports == {"a": GOOD, "b": OTHER}
    w.save("a.yaml", "")
    w.told(after=0.5)
    assert w.ports == {"a": GOOD, "b": OTHER}, "an empty file is about to be written"
    w.save("a.yaml", f"{service('a')}---\n{BROKEN}")
    w.rest()
    assert w.ports == {"a": GOOD, "b": OTHER}
    w.save("a.yaml", "# nothing\n")
    w.told(after=1.1)
    assert w.ports == {}


def test_moving_files_and_folders_does_not_flap(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}")
    (w.root / "a.yaml").rename(w.root / "z.yaml")
    assert w.told("a.yaml") is None, "moved away"
    assert w.told("z.yaml", after=0.01) is None, "and here it is again"
    (w.root / "sub").mkdir()
    (w.root / "z.yaml").rename(w.root / "sub/y.yaml")
    w.now += 0.01
    assert w.reader.step(Hints(full=True, moved={Key(0, "sub")}), w.now).batch is None
    w.rest()
    assert w.ports == {"a": GOOD, "b": GOOD}
    assert w.reader.place(ref("a"))[0].endswith("sub/y.yaml")


def test_a_renamed_file_is_not_parsed_again_and_may_be_broken(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}")
    w.save("a.yaml", f"{service('a')}---\n{BROKEN}")
    parsed: list[bytes] = []
    real = yamldoc.trees

    def noting(text: bytes, *rest: Any) -> list[yamldoc.Tree]:
        parsed.append(text)
        return real(text, *rest)

    monkeypatch.setattr(yamldoc, "trees", noting)
    (w.root / "a.yaml").rename(w.root / "0.yaml")  # which is looked at first if names decide
    w.told("a.yaml", "0.yaml")
    assert [text for text in parsed if b"Service" in text] == []
    w.rest()
    assert w.ports == {"a": GOOD, "b": GOOD}
    assert w.restart().ports == w.ports


def test_an_editor_that_moves_the_old_file_away(world: Make) -> None:
    w = world(a=service("a"))
    (w.root / "a.yaml").rename(w.root / "a.yaml~")
    w.told("a.yaml")
    w.save("a.yaml", service("a", "x"))
    w.rest()
    assert w.ports == {"a": GOOD}
    assert w.restart().ports == {"a": GOOD}


def test_files_found_by_looking_are_read_when_they_rest(world: Make) -> None:
    w = world()
    w.write("a.yaml", service("a"))
    step = w.reader.step(Hints(full=True, patience=1.0), 1.0)
    assert step.batch is None
    assert step.wake == 2.0
    w.write("a.yaml", f"{service('a')}---\n{service('b')}")
    assert w.reader.step(Hints(), 2.0).batch is None, "it has changed meanwhile"
    batch = w.reader.step(Hints(), 3.1).batch
    assert batch is not None
    assert len(batch.objects) == 2


def test_a_kubernetes_volume_changes_at_once(world: Make) -> None:
    w = world()
    for version, port in (("..1", GOOD), ("..2", OTHER)):
        (w.root / version).mkdir()
        (w.root / version / "a.yaml").write_text(service("a", port))
    (w.root / "..data").symlink_to("..1")
    (w.root / "a.yaml").symlink_to("..data/a.yaml")
    w.take(w.reader.step(Hints(full=True), 1.0).batch)
    assert w.ports == {"a": GOOD}
    (w.root / "..tmp").symlink_to("..2")
    (w.root / "..tmp").rename(w.root / "..data")
    w.take(w.reader.step(Hints(full=True), 2.0).batch)
    assert w.ports == {"a": OTHER}


def test_a_folder_that_vanishes_as_a_whole_is_kept(world: Make, tmp_path: Path) -> None:
    w = world(a=service("a"))
    w.root.rename(tmp_path / "away")
    w.rest()
    assert w.ports == {"a": GOOD}
    assert not w.last.complete
    again = w.restart()
    assert again.ports == {"a": GOOD}
    (tmp_path / "away").rename(w.root)
    again.rest()
    assert again.last.problems == ()
    assert again.last.complete


def test_last_good_survives_a_restart(world: Make) -> None:
    w = world(a=f"{service('a')}---\n{service('b')}", s=HIDDEN)
    w.write("a.yaml", f"{service('a', OTHER)}---\n{BROKEN}")
    w.write("s.yaml", BROKEN)
    again = w.restart()
    assert again.ports == {"a": OTHER, "b": GOOD}
    assert again.restart().ports == again.ports
    again.write("a.yaml", service("a"))
    again.rest()
    again.write("a.yaml", BROKEN)
    assert again.restart().ports == {"a": GOOD}, "what was removed stays removed"


def test_secrets_are_never_written(world: Make) -> None:
    w = world(a=service("a"), s=HIDDEN)
    assert w.state is not None
    stored = list(w.state.iterdir())
    assert len(stored) == 1
    assert stored[0].stat().st_mode & 0o777 == 0o600
    assert all(b"tip-top" not in file.read_bytes() and b"Secret" not in file.read_bytes() for file in stored)


def test_only_what_changed_is_written(world: Make) -> None:
    w = world(a="---\n".join(service(f"s{at}") for at in range(100)))
    assert w.state is not None
    before = {file.name: file.stat().st_ino for file in w.state.iterdir()}
    w.save("a.yaml", "---\n".join(service(f"s{at}", OTHER if at == 7 else GOOD) for at in range(100)))
    after = {file.name: file.stat().st_ino for file in w.state.iterdir()}
    assert len(before.items() ^ after.items()) == 2
    again = w.restart()
    assert {file.name: file.stat().st_ino for file in w.state.iterdir()} == after
    assert again.ports == w.ports


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "root").mkdir()
    w = World(tmp_path / "root", tmp_path / "file")
    w.write("a.yaml", service("a"))
    w.start()
    w.rest()
    assert w.ports == {"a": GOOD}
    assert "cannot be kept" in w.texts()


def test_only_changed_documents_are_decoded_again(world: Make) -> None:
    w = world(a="---\n".join(service(f"s{at}") for at in range(50)))
    key = Key(0, "a.yaml")
    before: tuple[Spot, ...] = w.reader.files[key].spots
    w.save("a.yaml", "---\n".join(service(f"s{at}", OTHER if at == 7 else GOOD) for at in range(50)))
    after = w.reader.files[key].spots
    assert sum(old.chunk is not new.chunk for old, new in zip(before, after, strict=True)) == 1
