"""Parts of the harness that need no cluster: who gets which address, who may be killed, how a run ended."""

import subprocess
from pathlib import Path

from .balancer import ON_REQUEST, POOL, wanted
from .client import Document
from .conformance import Results
from .processes import Processes


def _service(name: str, asks: str = "", has: str = "", made: str = "2026-01-01T00:00:00Z") -> Document:
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": made},
        "spec": {"type": "LoadBalancer", **({"loadBalancerIP": asks} if asks else {})},
        "status": {"loadBalancer": {"ingress": [{"ip": has}]} if has else {}},
    }


def _given(*services: Document) -> dict[str, str | None]:
    return {one["metadata"]["name"]: address for one, address in wanted(list(services))}


def test_who_has_an_address_keeps_it_and_the_next_is_free() -> None:
    assert _given(_service("a"), _service("b", has=POOL[0])) == {"a": POOL[1]}


def test_what_is_not_in_the_pool_or_taken_is_not_given() -> None:
    asked = ON_REQUEST[0]
    assert (
        _given(_service("a", asks="192.0.2.1"), _service("b", asks=asked, has=asked), _service("c", asks=asked)) == {}
    )


def test_of_two_that_ask_for_the_same_the_older_gets_it() -> None:
    asked = ON_REQUEST[0]
    younger = _service("a", asks=asked, made="2026-01-02T00:00:00Z")
    assert _given(younger, _service("b", asks=asked)) == {"b": asked}


def test_who_changes_its_mind_gets_what_it_asks_for_or_loses_what_it_has() -> None:
    assert _given(_service("a", asks=ON_REQUEST[3], has=POOL[0])) == {"a": ON_REQUEST[3]}
    assert _given(_service("a", asks="192.0.2.1", has=POOL[0])) == {"a": None}


def test_a_process_that_got_the_pid_of_ours_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("ours", ["sleep", "100"])
    started = (tmp_path / "pids" / "ours").read_text().split()[1]
    processes.stop("ours")
    with subprocess.Popen(["sleep", "100"]) as stranger:
        (tmp_path / "pids" / "ours").write_text(f"{stranger.pid} {int(started) - 1}")
        assert processes.pid("ours") is None
        processes.stop("ours")
        assert stranger.poll() is None
        stranger.kill()


def test_the_log_of_a_run_tells_how_its_tests_ended() -> None:
    results = Results()
    for line in ("--- FAIL: TestConformance (9.00s)", "    --- PASS: TestConformance/A (0.10s)", "        --- FAIL: x"):
        results.read(line)
    results.read("    --- FAIL: TestConformance/B (2.00s)")
    assert (results.passed, results.failed, results.skipped) == (["A"], ["B"], [])
