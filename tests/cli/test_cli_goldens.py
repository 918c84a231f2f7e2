"""What the commands print, word for word: to a pipe, and on a terminal. `DAEMUN_GOLDEN=write` writes it anew."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemun.cli.main import app

HERE = Path(__file__).parent
WORLD = "world"
WRITE = os.environ.get("DAEMUN_GOLDEN") == "write"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(HERE.parents[1] / "src"),
    "HOME": "/nonexistent",
    "KUBECONFIG": "/nonexistent",
    "PYTHONUTF8": "1",
}
CASES: dict[str, tuple[int, str]] = {
    "get-gateways": (0, f"get gateways -f {WORLD}"),
    "get-gateways-wide": (0, f"get gateway -f {WORLD} -o wide"),
    "get-routes-wide": (0, f"get routes -f {WORLD} -o wide"),
    "get-routes-name": (0, f"get routes -f {WORLD} -o name"),
    "get-one-route-json": (0, f"get routes shop/rival -f {WORLD} -o json"),
    "get-upstreams-wide": (0, f"get upstreams -f {WORLD} -o wide"),
    "get-policies-wide": (0, f"get policies -f {WORLD} -o wide"),
    "get-proxies": (0, f"get proxies -f {WORLD}"),
    "get-nothing": (0, f"get routes -n nowhere -f {WORLD}"),
    "get-misspelled": (2, f"get gatways -f {WORLD}"),
    "get-missing": (1, f"get routes shop/cert -f {WORLD}"),
    "get-path": (2, f"get routes {WORLD}"),
    "get-no-cluster": (1, "get routes"),
    "tree": (1, f"tree -f {WORLD}"),
    "tree-of-no-gateway": (1, f"tree {WORLD} --gateway shop/gat"),
    "diff": (1, f"diff changed -f {WORLD}"),
    "diff-json": (1, f"diff changed -f {WORLD} -o json"),
    "diff-nothing": (0, f"diff {WORLD} -f {WORLD}"),
    "diff-log": (1, f"diff changed -f {WORLD} --log access.log"),
    "diff-no-log": (2, f"diff changed -f {WORLD} --log nothing.log"),
    "diff-no-cluster": (1, "diff changed"),
    "test": (0, "test ."),
    "test-failing": (1, "test failing.yaml"),
    "test-failing-json": (1, "test failing.yaml -o json"),
    "test-misspelled": (2, "test misspelled.yaml"),
    "test-nothing": (1, "test world"),
    "check": (1, f"check {WORLD}"),
    "check-json": (1, f"check {WORLD} -o json"),
    "check-sarif": (1, f"check {WORLD} -o sarif"),
    "check-github": (1, f"check {WORLD} -o github"),
    "check-explain": (0, "check --explain d0402"),
    "check-explain-misspelled": (2, "check --explain D4002"),
    "policy": (0, f"policy httproute/shop/cart -f {WORLD}"),
    "policy-delegated": (0, f"get policy team -f {WORLD}"),
    "policy-delegating": (1, f"policy root -f {WORLD}"),
    "policy-misspelled": (1, f"policy htproute/shop/cart -f {WORLD}"),
}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the files, and without a cluster."""
    monkeypatch.chdir(HERE)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def piped(words: str) -> tuple[int, str]:
    """The exit code, and what goes to standard output and then to standard error."""
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_what_goes_to_a_pipe(name: str) -> None:
    code, words = CASES[name]
    found, told = piped(words)
    told = re.sub(r"(\"lastTransitionTime\": )\".*\"", r'\1"..."', told)
    assert "\x1b" not in told
    file = HERE / "expected" / f"{name}.txt"
    if WRITE:
        file.write_text(told)
    assert told == file.read_text()
    assert found == code


def test_nothing_is_left_over() -> None:
    assert {file.stem for file in (HERE / "expected").iterdir()} == CASES.keys()


def on_terminal(words: str, width: int) -> str:
    """What a person sees in the end at a terminal of this width, without its colours."""
    here, there = pty.openpty()
    environment = ENVIRONMENT | {"COLUMNS": str(width), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "daemun", *words.split()],
        cwd=HERE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    told = b""
    try:
        while data := os.read(here, 65536):
            told += data
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(here)
    process.wait()
    # On a busy machine it says that it is reading, and takes that back.
    done = re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h(\r\x1b\[1A\x1b\[2K)?", "", told.decode(), flags=re.DOTALL)
    return re.sub(r"\x1b\[[0-9;]*m", "", done).replace("\r\n", "\n")


@pytest.mark.parametrize("width", [20, 200])
def test_a_terminal_has_columns_that_are_never_cut(width: int) -> None:
    told = on_terminal(f"get routes -f {WORLD} -o wide", width)
    _, plain = piped(f"get routes -f {WORLD} -o wide")
    assert [re.split(r" {2,}", line.rstrip()) for line in told.splitlines()] == [
        line.split("\t") for line in plain.splitlines()
    ]
    assert len({line.find("HTTPRoute") for line in told.splitlines()[1:]}) == 1


@pytest.mark.parametrize("words", [f"tree -f {WORLD}", f"policy httproute/shop/cart -f {WORLD} -o yaml"])
def test_a_narrow_terminal_gets_all_of_it(words: str) -> None:
    assert on_terminal(words, 20) == piped(words)[1]
