"""THREAT_MODEL.md: every threat has its row, and every test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "THREAT_MODEL.md").read_text()
NAMED = re.findall(r"`([a-z]+/test_\w+\.py)::(test_\w+)`", TEXT)


def test_every_threat_has_a_row() -> None:
    rows = re.findall(r"^\| (A\d+) \|", TEXT, re.MULTILINE)
    assert rows == [f"A{number}" for number in range(1, 31)]


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 40
    for file, name in NAMED:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), (file, name)


def test_every_abuse_test_is_named() -> None:
    files = {f"abuse/{one.name}" for one in (ROOT / "tests" / "abuse").glob("test_*.py")}
    assert files <= {file for file, _ in NAMED}
