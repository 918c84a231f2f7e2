"""Logs stay bounded and their last lines are at hand."""

from pathlib import Path

from daemun.provision.keeper import logs


def test_a_log_beyond_its_limit_is_moved_aside_under_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "envoy.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"one\ntwo\n")
        assert not logs.rotate(path, 8)
        writer.write(b"three\n")
        assert logs.rotate(path, 8)
        writer.write(b"four\n")
    assert path.read_bytes() == b"four\n"
    assert logs.former(path).read_bytes() == b"one\ntwo\nthree\n"
    assert logs.tail(path, 3) == ["two", "three", "four"]


def test_the_tail_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "envoy.log"
    path.write_text("".join(f"line {number} {'x' * 90}\n" for number in range(5000)))
    assert [line.split()[1] for line in logs.tail(path, 2000)] == [str(n) for n in range(3000, 5000)]
    assert logs.tail(path, 0) == []


def test_no_log_is_no_lines(tmp_path: Path) -> None:
    assert logs.tail(tmp_path / "envoy.log", 5) == []
    assert not logs.rotate(tmp_path / "envoy.log", 5)
