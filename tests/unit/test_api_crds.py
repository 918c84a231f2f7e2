"""CRDs made from types: structural, complete, the same in the chart as from the command."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from daemun.api.crds import NAMES, definitions
from daemun.api.decode import decode
from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import KINDS
from daemun.api.schema import OPAQUE, schema
from daemun.base.names import DAEMUN
from daemun.cli.crds import text
from daemun.cli.main import app

_ROOT = Path(__file__).parents[2]
_FILES = _ROOT / "deploy" / "chart" / "crds"
_EXAMPLES = list(yaml.safe_load_all((_ROOT / "tests" / "cluster" / "gloo_examples.yaml").read_text()))


class Leaf(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, pattern="^a")]
    many: Annotated[tuple[Literal["x", "y"], ...], msgspec.Meta(max_length=2)] = ()


class Branch(msgspec.Struct):
    within: "Branch | None" = None
    leaves: dict[str, Leaf] | None = None
    number: Annotated[int, msgspec.Meta(ge=0)] | None = None
    free: dict[str, Any] | None = None


def test_a_schema_says_what_its_type_says() -> None:
    assert schema(Leaf) == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "pattern": "^a"},
            "many": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "maxItems": 2},
        },
        "required": ["name"],
    }


def test_a_message_within_itself_is_taken_as_it_is() -> None:
    found = schema(Branch)["properties"]
    assert found["within"] == found["free"] == OPAQUE
    assert found["leaves"] == {"type": "object", "additionalProperties": schema(Leaf)}
    assert found["number"] == {"type": "integer", "minimum": 0, "nullable": True}


def test_every_kind_of_gloo_has_a_definition_and_an_example() -> None:
    kinds = {(kind.group, kind.kind) for kind in KINDS if issubclass(kind.type, GlooResource)}
    ours = {(DAEMUN, kind) for kind in ("AuthPolicy", "RateLimitPolicy", "Egress", "Registry")}
    assert kinds | ours == NAMES.keys()
    assert NAMES.keys() == {(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in _EXAMPLES}


@pytest.mark.parametrize("example", _EXAMPLES, ids=[one["kind"] for one in _EXAMPLES])
def test_an_example_is_understood_and_written_as_it_was(example: dict[str, Any]) -> None:
    found = decode(example)
    assert found is not None
    assert not found.problems
    spec = getattr(found.value, "spec", None)
    assert spec is not None
    assert msgspec.convert(msgspec.to_builtins(spec), type(spec)) == spec


@pytest.mark.parametrize("definition", list(definitions()), ids=lambda one: one["metadata"]["name"])
def test_the_chart_has_what_the_command_prints(definition: dict[str, Any]) -> None:
    file = _FILES / f"{definition['metadata']['name']}.yaml"
    assert file.read_text() == text(definition), "make golden writes it"


def test_the_chart_has_no_others() -> None:
    assert {one.stem for one in _FILES.iterdir()} == {one["metadata"]["name"] for one in definitions()}


def test_they_may_be_asked_for_by_whose_they_are() -> None:
    run = CliRunner()
    every, gloo, ours = (
        json.loads(run.invoke(app, ["crds", *flag, "-o", "json"]).stdout) for flag in ([], ["--gloo"], ["--daemun"])
    )
    assert every == gloo + ours
    assert [one["metadata"]["name"] for one in ours] == [
        "authpolicies.daemun.dev",
        "ratelimitpolicies.daemun.dev",
        "egresses.daemun.dev",
        "registries.daemun.dev",
    ]
    assert len(list(yaml.safe_load_all(run.invoke(app, ["crds"]).stdout))) == len(NAMES)
