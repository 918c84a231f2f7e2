"""Every behaviour of the translation as a case: `in.yaml` to `envoy.yaml` and `status.yaml`.

A case gets `base.yaml` too (a Gateway and some Services), except what it defines itself; one with a Gateway of its own
does not get the base's. Its first lines say what is shown: `# show: routes, clusters` (sections of
support/checks/render.py, routes if nothing is said). Statuses are those of the case's own objects. `make golden` writes
the expected files anew.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemun.translate import Translation
from support.checks import render
from support.checks.asked_filters import unasked
from support.envoys import envoy
from support.objects.cases import objects, translation

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.rglob("in.yaml"))
WRITE = os.environ.get("DAEMUN_GOLDEN") == "write"
MOST_LINES = 120


def name(case: Path) -> str:
    return case.relative_to(HERE).as_posix()


def load(case: Path) -> Translation:
    mine, base = objects(case / "in.yaml"), objects(HERE / "base.yaml")
    if any(ref.kind == "Gateway" for ref in mine):
        base = {ref: value for ref, value in base.items() if ref.kind != "Gateway"}
    return translation({**base, **mine})


def sections(case: Path) -> list[str]:
    found = re.match(r"# show: (.+)", (case / "in.yaml").read_text())
    return found[1].split(", ") if found else ["routes"]


def results(case: Path, made: Translation) -> dict[str, Any]:
    mine = {str(ref) for ref in objects(case / "in.yaml")}
    status = {ref: value for ref, value in render.statuses(made) if ref in mine}
    return {"envoy.yaml": render.envoy(made, sections(case)), "status.yaml": status}


@pytest.mark.parametrize("case", CASES, ids=name)
def test_golden(case: Path) -> None:
    for file, value in results(case, load(case)).items():
        text = yaml.dump(value, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
        if WRITE:
            (case / file).write_text(text)
        assert (case / file).read_text() == text
        assert text.count("\n") <= MOST_LINES, "nobody reviews so much: split the case, or show less"


def test_envoy_takes_every_golden(tmp_path: Path) -> None:
    made = {name(case): load(case) for case in CASES}
    if envoy.faults(made.values(), tmp_path):
        refused = {case: fault for case, one in made.items() if (fault := envoy.faults([one], tmp_path))}
        pytest.fail("\n".join(f"{case}: {fault}" for case, fault in refused.items()) or "only all together are refused")


def test_what_is_said_to_a_filter_asks_for_it() -> None:
    found = {name(case): missing for case in CASES if (missing := unasked(load(case)))}
    assert not found


def test_nothing_is_left_over() -> None:
    expected = {case / file for case in CASES for file in ("in.yaml", "envoy.yaml", "status.yaml")}
    assert {path for path in HERE.rglob("*.yaml") if path.parent != HERE} == expected
