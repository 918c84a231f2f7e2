"""Laws of the folder source.

Whatever happens to a folder, once it rests the source says what a fresh one says that starts with the same memory of
last good objects; and no bytes in a file make it raise.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.base.names import Ref
from daemun.sources import documents, yamldoc
from daemun.sources.batch import FileProblem
from daemun.sources.files import Key
from daemun.sources.reader import Folder, Hints, load

NAMES = ("a.yaml", "b.yaml", "sub/c.yaml")


def service(name: str, port: object) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"


pieces = st.one_of(
    st.builds(service, st.sampled_from("xyz"), st.sampled_from([1, 2])),
    st.builds(service, st.sampled_from("xyz"), st.just("bad")),
    st.sampled_from(
        ["a: [\n", "kind: Service\n", "# nothing\n", "apiVersion: o/v1\nkind: Other\nmetadata: {name: x}\n"]
    ),
)
texts = st.lists(pieces, max_size=3).map("---\n".join)
steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), texts),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("link"), st.sampled_from(NAMES), st.just("")),
)
pauses = st.sampled_from([0.0, 0.05, 0.3, 5.0])


def act(root: Path, what: str, name: str, argument: str) -> set[Key]:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    if what == "move":
        if path.exists():
            (root / argument).parent.mkdir(exist_ok=True)
            path.rename(root / argument)
        return {Key(0, name), Key(0, argument)}
    if what == "write" and not path.is_symlink():
        path.write_text(argument)
    else:
        path.unlink(missing_ok=True)
    if what == "link":
        path.symlink_to("/etc/hostname")
    return {Key(0, name)}


class Receiver:
    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.objects: dict[Ref, object] = {}
        self.problems: tuple[FileProblem, ...] = ()

    def step(self, hints: Hints, now: float) -> None:
        batch = self.folder.step(hints, now).batch
        self.folder.persist()
        if batch is None:
            return
        self.problems = batch.problems
        for ref, value in batch.objects.items():
            if value is None:
                del self.objects[ref]  # nothing goes that was not there
            else:
                assert self.objects.get(ref) != value, "nothing is said twice"
                self.objects[ref] = value


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(steps, pauses, st.booleans()), max_size=8))
def test_any_history_then_rest_equals_a_fresh_start(
    history: list[tuple[tuple[str, str, str], float, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root, state, copy = Path(scratch, "root"), Path(scratch, "state"), Path(scratch, "copy")
        root.mkdir()
        running = Receiver(Folder([root], state))
        running.step(Hints(full=True), 0.0)
        now = 0.0
        told: set[Key] = set()
        for (what, name, argument), pause, noticed in history:
            told |= act(root, what, name, argument)
            now += pause
            if noticed:
                running.step(Hints(told=told), now)
                told = set()
        running.step(Hints(told=told), now)
        for _ in range(4):
            now += 10
            running.step(Hints(full=True), now)
        if state.exists():
            shutil.copytree(state, copy)
        fresh = Receiver(Folder([root], copy))
        fresh.step(Hints(full=True), 0.0)
        assert running.objects == fresh.objects
        assert {(p.file, p.ref, p.where) for p in running.problems} == {
            (p.file, p.ref, p.where) for p in fresh.problems
        }


damage = st.sampled_from(["a: [\n", "kind: Service\n", "\t", "\x00", service("NAME", "bad")])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from("pqr"), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), damage), pauses), max_size=6),
)
def test_damage_and_moves_lose_nothing(files: list[str], history: list[tuple[int, str | None, float]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root, state, now = Path(scratch, "root"), Path(scratch, "state"), 0.0
        root.mkdir()
        names = [f"{at}{name}.yaml" for at, name in enumerate(files)]
        for at, name in enumerate(names):
            (root / name).write_text(service(f"first{at}", 1) + "---\n" + service(f"second{at}", 2))
        running = Receiver(Folder([root], state))
        running.step(Hints(full=True), now)
        before = dict(running.objects)
        for turn, (number, text, pause) in enumerate(history):
            at = number % len(names)
            told = {Key(0, names[at])}
            if text is None:
                new = f"{9 - turn}{names[at]}"
                (root / names[at]).rename(root / new)
                names[at] = new
                told.add(Key(0, new))
            else:
                (root / names[at]).write_text(service(f"first{at}", 1) + "---\n" + text.replace("NAME", f"second{at}"))
            now += pause
            running.step(Hints(told=told), now)
        running.step(Hints(full=True), now + 10)
        running.step(Hints(full=True), now + 20)
        assert {ref: running.objects.get(ref) for ref in before} == before
        again = Receiver(Folder([root], state))
        again.step(Hints(full=True), 0.0)
        assert again.objects == running.objects


sound = service("x", 1) + "  a: &a [1, {b: *a}]\n---\n" + service("y", "2") + "---\n- <<: !!str {x: |\n   y}\n"
mutations = st.lists(
    st.tuples(st.integers(0, len(sound)), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=6
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), mutations), st.sampled_from(["x.yaml", "x.json"]))
def test_no_bytes_raise(mutation: bytes | list[tuple[int, int, bytes]], name: str) -> None:
    data = mutation if isinstance(mutation, bytes) else sound.encode()
    if not isinstance(mutation, bytes):
        for at, size, replacement in mutation:
            data = data[:at] + replacement + data[at + size :]
    spots = documents.read(name, data)
    assert documents.read(name, data, spots) == spots
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, name).write_bytes(data)
        load([scratch])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>%#'\" \n\t<\x00\r,?", max_size=60))
def test_yaml_is_a_value_or_refused(text: str) -> None:
    line = 0
    try:
        yamldoc.trees(text.encode())
    except yamldoc.Refused as error:
        line = error.line
    assert line <= text.count("\n") + text.count("\r") + 1
