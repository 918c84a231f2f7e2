"""What is deployed says the same everywhere, and may read every kind that is served."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import containerfile
from daemun import __version__
from daemun.api.crds import NAMES
from daemun.api.kinds import KINDS, Kind
from support.checks.pages import blocks

_DEPLOY = Path(__file__).parents[2] / "deploy"


def test_one_version_everywhere() -> None:
    chart = yaml.safe_load((_DEPLOY / "chart" / "Chart.yaml").read_text())
    pods = [one for one in _documents(_DEPLOY / "lab" / "httpbin.yaml") if one["kind"] == "Deployment"]
    image = pods[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    values = yaml.safe_load((_DEPLOY / "chart" / "values.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == __version__
    assert image == f"{values['image']['repository']}:{__version__}"


@pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])
def test_every_kind_that_is_read_may_be_read(kind: Kind) -> None:
    own = NAMES.get((kind.group, kind.kind))
    plural = own.plural if own else _plural(kind.kind)
    assert {"get", "list", "watch"} <= _verbs(kind.group, plural)


def test_the_containerfile_is_one_that_can_be_built_here() -> None:
    recipe = containerfile.read(_DEPLOY / "Containerfile")
    assert recipe.user == "65532:65532"
    assert recipe.entrypoint == ("daemun",)
    assert recipe.environment["PATH"].startswith("/opt/daemun/bin:")
    assert [step.target for step in recipe.steps if step.sources] == ["/opt/requirements.txt", "/opt/wheel/"]


def test_the_page_of_plug_ins_makes_its_image_from_this_version(tmp_path: Path) -> None:
    """And ends as the user that pods run it as. A cluster's test runs what it makes."""
    (block,) = blocks("auth/plugins.md", "dockerfile")
    path = tmp_path / "Containerfile"
    path.write_text(block)
    recipe = containerfile.read(path)
    assert (recipe.base, recipe.user) == (f"daemun:{__version__}", "65532:65532")


def test_an_instruction_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Containerfile"
    path.write_text("ARG BASE=debian\nFROM ${BASE}\nADD thing /\n")
    with pytest.raises(ValueError, match="ADD is not understood"):
        containerfile.read(path)


def _documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest; of a template, without what the template puts in."""
    text = "\n".join(line for line in path.read_text().splitlines() if "{{" not in line)
    return [one for one in yaml.safe_load_all(text) if one]


def _verbs(group: str, resource: str) -> set[str]:
    """What the cluster roles allow with a resource."""
    documents = _documents(_DEPLOY / "chart" / "templates" / "rbac.yaml")
    rules = [rule for one in documents if one.get("kind") == "ClusterRole" for rule in one["rules"]]
    allowing = [rule for rule in rules if group in rule.get("apiGroups", ()) and resource in rule["resources"]]
    return {verb for rule in allowing for verb in rule["verbs"]}


def _plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith("cy"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"
