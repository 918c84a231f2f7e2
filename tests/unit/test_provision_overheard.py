"""What a program says in its log is told once, in whole lines, however the log is written."""

from pathlib import Path

import pytest

from daemun.provision.overheard import LOST, Overheard

_AT = "2026-11-29 09:58:41,356"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "envoy.log"


def write(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_complaints_alone(log: Path) -> None:
    heard = Overheard(log)
    assert heard.news() == []
    write(log, f"{_AT} INFO daemun.feed: all is well\n{_AT} ERROR daemun.extauth.chain: nobody answers\nTraceback:\n")
    assert heard.news() == ["nobody answers"]
    assert heard.news() == []


def test_what_was_there_before_is_not_told(log: Path) -> None:
    write(log, f"{_AT} ERROR a: before\n")
    heard = Overheard(log)
    write(log, f"{_AT} WARNING a: now\n")
    assert heard.news() == ["now"]


def test_a_line_is_told_when_it_is_whole(log: Path) -> None:
    heard = Overheard(log)
    write(log, f"{_AT} ERROR a: on")
    assert heard.news() == []
    write(log, "e\n")
    assert heard.news() == ["one"]


def test_a_log_that_is_rotated_begins_anew(log: Path) -> None:
    write(log, f"{_AT} ERROR a: a long line that stood there before\n")
    heard = Overheard(log)
    log.write_text(f"{_AT} ERROR a: new\n")
    assert heard.news() == ["new"]


def test_of_very_much_the_end_is_told_and_it_can_be_printed(log: Path) -> None:
    heard = Overheard(log)
    write(log, f"{_AT} ERROR a: first\n{'x' * 70_000}\n{_AT} ERROR a: last \x1b[2J\n")
    assert heard.news() == ["last ?[2J"]


def test_an_envoy_tells_of_the_listeners_that_it_gives_up(log: Path) -> None:
    heard = Overheard(log, LOST)
    write(
        log,
        "[2026-11-30 02:31:38.670][90][info][upstream] [lds_api.cc:110] lds: add/update listener 'port-80'\n"
        "[2026-11-30 02:31:38.976][90][error][config] [listener_manager_impl.cc:873] final pre-worker listener init "
        "for listener 'port-81' failed: cannot listen() errno=98\n",
    )
    assert heard.news() == ["port-81"]
    assert heard.news() == []
