"""Each folder: classic manifests, what `daemun migrate gloo` makes of them, and what it tells.

`DAEMUN_GOLDEN=write` writes what is expected anew. What is made is read and translated: nothing in it may be wrong.
"""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemun.cli.main import app
from support.objects.cases import documents, translation
from support.worlds.migrated import typed

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/in.yaml"))
WRITE = os.environ.get("DAEMUN_GOLDEN") == "write"
UNKNOWN = "Other"
LEFT_OPEN = {"flattened", "hybrid", "lost", "tls"}
"""Cases of which something is missing: Secrets, or the Services that were not handed on."""


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_and_told(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / case)
    options = (HERE / case / "options.txt").read_text().split() if (HERE / case / "options.txt").exists() else []
    found = CliRunner().invoke(app, ["migrate", "gloo", "in.yaml", *options])
    assert found.exit_code == 0, found.output
    for name, text in (("out.yaml", found.stdout), ("told.txt", found.stderr)):
        path = HERE / case / name
        if WRITE:
            path.write_text(text)
        assert path.read_text() == text


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_is_good(case: str) -> None:
    known = [one for one in documents((HERE / case / "out.yaml").read_text()) if one["kind"] != UNKNOWN]
    made = translation(typed(known))
    errors = [str(one) for found in made.problems.values() for one in found if not one.warning]
    assert case in LEFT_OPEN or not errors
