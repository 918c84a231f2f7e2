"""A cluster that is there only for some commands ends with them, also when somebody ends these."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PROGRAM = """
import signal, sys
from cluster.fresh import interruptible
interruptible()
log = open(sys.argv[1], "a", buffering=1)
command = sys.argv[2]
print(command, file=log)
if command == "waits":
    print("waits", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("is interrupted", file=log)
        raise SystemExit(130)
sys.exit(3 if command == "fails" else 0)
"""
_FRESH = "import sys; from cluster.fresh import fresh; sys.exit(fresh(sys.argv[1:4], *([one] for one in sys.argv[4:])))"


def run(tmp_path: Path, *commands: str) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    command = [sys.executable, "-c", _FRESH, sys.executable, str(program), str(tmp_path / "log"), *commands]
    return subprocess.Popen(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_ends_the_cluster(tmp_path: Path, number: signal.Signals) -> None:
    with run(tmp_path, "install", "waits", "never") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waits\n"
        running.send_signal(number)
    assert running.returncode != 0
    assert (tmp_path / "log").read_text().split("\n") == ["up", "install", "waits", "is interrupted", "down", ""]


def test_what_fails_is_the_last_but_the_end(tmp_path: Path) -> None:
    with run(tmp_path, "fails", "never") as running:
        assert running.wait() == 3
    assert (tmp_path / "log").read_text().split() == ["up", "fails", "down"]
