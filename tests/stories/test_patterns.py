"""Deployment patterns without a cluster, as their pages say. In a cluster: tests/cluster/test_patterns.py."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from support.checks import pages
from support.servers.redises import need

WITHOUT = "Without a cluster"
EXAMPLES = pages.ROOT / "examples"
FOLDERS = sorted(one.parent for one in EXAMPLES.rglob("folder"))


@pytest.mark.parametrize("page", ["simple-ingress", "sharded", "central-ingress", "aws", "haproxy", "mesh"])
def test_a_page(page: str) -> None:
    if page == "haproxy":
        need("haproxy", "haproxy")
    pages.alone(f"patterns/{page}.md", WITHOUT)


@pytest.mark.parametrize("example", FOLDERS, ids=lambda one: str(one.relative_to(EXAMPLES)))
def test_nothing_is_wrong_with_an_example(example: Path, tmp_path: Path) -> None:
    paths = [*example.glob("*.yaml"), example / "folder"]
    if (example / "certificates.sh").exists():
        made = tmp_path / "certificates.yaml"
        made.write_bytes(subprocess.run([example / "certificates.sh"], check=True, capture_output=True).stdout)
        paths.append(made)
    command = [sys.executable, "-m", "daemun", "check", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors, 0 warnings" in done.stdout, done.stdout


def test_every_example_has_a_page_that_runs_it() -> None:
    every = {one.relative_to(pages.ROOT) for one in EXAMPLES.rglob("*") if one.suffix in (".yaml", ".cfg", ".sh")}
    text = "".join(one.read_text() for one in (pages.ROOT / "docs" / "patterns").glob("*.md"))
    named = {Path(one.removesuffix("/*.yaml")) for one in re.findall(r"(?<=\s)examples/[^\s`]+", text)}
    assert [one for one in every if one not in named and one.parent not in named] == []


def test_pictures_are_as_they_are_drawn() -> None:
    folder = pages.ROOT / "docs" / "patterns"
    drawn = runpy.run_path(str(folder / "draw.py"))
    for name, picture in drawn["PICTURES"].items():
        assert (folder / f"{name}.svg").read_text() == drawn["svg"](picture), "python docs/patterns/draw.py"
        assert f"]({name}.svg)" in (folder / f"{name}.md").read_text()
