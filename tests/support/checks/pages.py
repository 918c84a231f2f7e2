"""Pages as a newcomer runs them: the commands of a section, in one shell, and what the page says that they answer.

A block of `console` has commands after `$ `, each followed by lines of its output, in their order; others may come
between them, and `...` in a line is anything. A command that ends with `&` goes on, and says its lines in any order.
One that only looks is tried again until what is to be seen is there.

A block of `yaml` whose first line is a comment with a path, `# manifests/cart.yaml`, is that file. The commands of a
page that has such run in a folder with just these files; others where the repository is.
"""

import fnmatch
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
ALONE = ("unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child")
"""A network and processes of its own: the ports that pages name are free there, and nothing outlives it."""
_LOOKS = ("curl", "daemun get", "daemun proxy", "kubectl get", "kubectl auth", "kubectl -n", "grep", "tail")
_PATIENCE = 60.0
"""Seconds until what is looked for is there."""
_LONGEST = 120.0
"""Seconds that a command may take."""
_MARK = "page-command-ended"
_NO_FILES: Mapping[str, str] = MappingProxyType({})


class Step(NamedTuple):
    """A command, and lines that it has to answer."""

    command: str
    lines: list[str]


def pages() -> list[str]:
    """All pages, by their place below docs/."""
    return sorted(str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    """What a page below docs/ has in blocks of a language, those in lists too."""
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(one) for _, one in found]


def files(page: str) -> dict[str, str]:
    """The files that a page below docs/ shows, by their paths."""
    found = {}
    for one in blocks(page, "yaml"):
        named = re.match(r"# (\S+\.yaml)\n", one)
        if named:
            assert named[1] not in found, f"{page} has {named[1]} twice"
            found[named[1]] = one
    return found


def steps(page: str, section: str = "") -> Iterator[Step]:
    """The commands of a section (`## …`) of a page below docs/, or of all of it."""
    text = (ROOT / "docs" / page).read_text()
    if section:
        found = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert found, f"{page} has no section {section}"
        text = found[1]
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from commands(block)


def commands(block: str) -> Iterator[Step]:
    """Those of a block."""
    for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        yield _step(one.split("\n"))


def _step(lines: list[str]) -> Step:
    """A command goes on in the next line after a backslash, and within quotes."""
    size = 1
    while not _whole("\n".join(lines[:size])):
        size += 1
    return Step("\n".join(lines[:size]), [line for line in lines[size:] if line.strip(" .")])


def _whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:  # within quotes
        return False
    return not command.endswith("\\")


def run(page: str, section: str = "", *around: str, more: Mapping[str, str] | None = None) -> None:
    """Run a section, or all of a page. `around` is what the shell runs in."""
    found = list(steps(page, section))
    assert found, f"{page}, {section}: no commands"
    with _shell(*around, more=more or {}, files=files(page)) as shell:
        for one in found:
            shell.answers(one)


def alone(page: str, section: str = "") -> None:
    """Run a section, or all of a page, on a network of its own."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a network namespace: root may make one")
    run(page, section, *ALONE)


class _Shell:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip("\n"))

    def answers(self, step: Step) -> None:
        """Run a command until it says what it should."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            code, said = self._run(step)
            good = in_order(step.lines, said) if step.lines else code == 0
            if good or step.command.endswith("&"):
                break
            assert step.command.startswith(_LOOKS), f"{step} ended with {code}: {said}"
            assert time.monotonic() < deadline, f"{step}: at last {said}"
            time.sleep(0.5)

    def _run(self, step: Step) -> tuple[int, list[str]]:
        began, deadline = len(self._lines), time.monotonic() + _LONGEST
        assert self._process.stdin is not None
        self._process.stdin.write(f"{step.command}\nprintf '\\n{_MARK} %d\\n' $?\n")
        self._process.stdin.flush()
        goes_on = step.command.endswith("&")
        while True:
            said = self._lines[began:]
            # What runs in the background may have begun the line.
            ended = next((at for at, line in enumerate(said) if _MARK in line), None)
            if goes_on and all(fnmatch.filter(said, _pattern(line)) for line in step.lines):
                return 0, said
            if ended is not None and not goes_on:
                return int(said[ended].rpartition(_MARK)[2]), said[:ended]
            assert self._process.poll() is None, f"the shell ended at {step}: {said}"
            assert time.monotonic() < deadline, f"{step}: so far {said}"
            time.sleep(0.02)


def in_order(wanted: list[str], said: list[str]) -> bool:
    """Whether these lines were said, others between them."""
    rest = iter(said)
    return all(any(fnmatch.fnmatchcase(line, _pattern(one)) for line in rest) for one in wanted)


def _pattern(line: str) -> str:
    """A line of the page as a pattern: only its `...` stands for something."""
    return "*" + "*".join(re.sub(r"([*?[])", r"[\1]", part) for part in line.strip().split("..."))


@contextmanager
def _shell(*around: str, more: Mapping[str, str], files: Mapping[str, str] = _NO_FILES) -> Iterator[_Shell]:
    with tempfile.TemporaryDirectory(prefix="dmn-page-") as folder, tempfile.TemporaryDirectory() as shown:
        for path, text in files.items():
            file = Path(shown, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "HOME": folder, "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder, "TMPDIR": folder}
        process = subprocess.Popen(
            [*around, "bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=shown if files else ROOT,
            env=os.environ | own | more,
            start_new_session=True,
        )
        shell = _Shell(process)
        try:
            if around:
                shell.answers(Step("ip link set lo up", []))
            yield shell
        finally:
            with process:
                os.killpg(process.pid, signal.SIGKILL)
