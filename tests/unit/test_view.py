"""Views of every golden: whatever there is can be shown, and what is shown is in force."""

from pathlib import Path

import pytest

from daemun.view.effective import ROUTES, effective
from daemun.view.refs import NoSuchObject, find, nearest, spelled
from daemun.view.tables import TABLES
from daemun.view.tree import tree
from daemun.view.written import document, field, written
from support.objects.cases import objects, translation

_GOLDEN = Path(__file__).parents[1] / "golden"
_CASES = sorted(case.parent for case in _GOLDEN.rglob("in.yaml"))


@pytest.mark.parametrize("part", range(4))
def test_every_golden_can_be_shown(part: int) -> None:
    shown = 0
    for case in _CASES[part::4]:
        made = translation({**objects(_GOLDEN / "base.yaml"), **objects(case / "in.yaml")})
        for table in TABLES:
            for row in table.rows(made):
                assert len(row.cells) == len(table.header)
                assert len(row.more) == len(table.more)
                assert all(row.cells)
                assert row.state
        for root in tree(made):
            for node in root.every():
                assert node.name
        for ref in {route.ref for route in made.routes.values()}:
            for one in effective(made, ref):
                shown += 1
                used = {
                    (use.by or one.route, use.where)
                    for way in made.resolved(ref)
                    for rule in way.route.rules
                    for use in rule.uses
                }
                for each in one.fields:
                    assert each.level in ("listener", "port") or (each.by, each.where) in used
                    assert written(made, each.by) is not None or each.by.kind in ("Secret", "Settings")
    assert shown


@pytest.fixture(scope="module")
def made():
    return translation(objects(_GOLDEN / "base.yaml"))


def test_objects_are_found_as_people_call_them(made) -> None:
    gate = find(made, "gate", ["Gateway"])
    assert [
        find(made, text, ["Gateway", "HTTPRoute"])
        for text in ("gateway/gate", "default/gate", spelled(gate), "gw/gate")
    ] == [gate] * 4
    with pytest.raises(NoSuchObject) as error:
        find(made, "gateway/gaet", ["Gateway"])
    assert error.value.mend == "Did you mean gateway/default/gate?"
    with pytest.raises(NoSuchObject):
        find(made, "gatway/default/gate", ROUTES)
    assert nearest("x", []) == "There are none."


def test_fields_are_found_by_their_paths(made) -> None:
    gate = written(made, find(made, "gate", ["Gateway"]))
    assert field(gate, "spec.listeners[0].port") == 8080
    assert field(gate, "spec.listeners[99].port") is None
    assert field(gate, "spec.nothing.at[0]") is None
    assert document(made, find(made, "gate", ["Gateway"]))["spec"]["gatewayClassName"] == "daemun"
