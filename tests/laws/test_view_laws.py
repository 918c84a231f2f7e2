"""What views and lints say is what explain says, which is what Envoy does."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from daemun.explain import explain
from daemun.lint.shadows import shadowed
from daemun.trial.sample import samples
from daemun.view.effective import effective
from support.objects.cases import objects, translation
from support.objects.documents import exact, gateway, listener, prefix, regex, route, rule, service, values

_GOLDEN = Path(__file__).parents[1] / "golden"
_CASES = sorted(case.parent for case in _GOLDEN.rglob("in.yaml"))


@pytest.mark.parametrize("part", range(3))
def test_the_fields_in_force_are_those_at_work(part: int) -> None:
    """For every rule of every golden that a made request reaches; and no such rule counts as shadowed."""
    compared = 0
    for case in _CASES[part::3]:
        made = translation({**objects(_GOLDEN / "base.yaml"), **objects(case / "in.yaml")})
        dead = {(one.ref, one.where) for one in shadowed(made)}
        for sample in samples(made):
            found = explain(made, sample.request, sample.gateway)
            winner, entry = found.winner, found.entry
            if winner is None or entry is None or entry.owner is None:
                continue
            assert (winner.route, winner.match) not in dead, case
            name = f"{entry.owner.key}:{entry.listener}"
            views = [
                one
                for one in effective(made, winner.route)
                if (one.rule, one.through) == (winner.rule, winner.through) and name in one.listeners
            ]
            if len(views) != 1 or any(rule.broken for way in made.resolved(winner.route) for rule in way.route.rules):
                continue
            compared += 1
            said = {(field.name, field.by, field.where) for field in views[0].fields}
            assert said == {(effect.kind, effect.route, effect.where) for effect in found.effects}, case
    assert compared > 20


_PATHS = st.sampled_from(
    [prefix("/"), prefix("/a"), exact("/a"), prefix("/a/any"), regex("/.*"), regex("/a.*"), exact("/b")]
)
_METHODS = st.sampled_from(["", "GET", "POST"])
_HEADERS = st.sampled_from([{}, {"x": "1"}, {"x": "1", "y": "1"}])


@st.composite
def _matches(draw: st.DrawFn) -> dict:
    match = dict(draw(_PATHS))
    if method := draw(_METHODS):
        match["method"] = method
    if headers := draw(_HEADERS):
        match["headers"] = values(**headers)
    return match


@given(st.lists(st.tuples(st.lists(_matches(), min_size=1, max_size=3), st.integers(1, 9)), min_size=1, max_size=4))
def test_what_is_shadowed_gets_nothing(written: list[tuple[list[dict], int]]) -> None:
    """No request that is made for any of the matches ends at one that counts as shadowed."""
    world = [gateway("gw", listener(80)), *service("a", 9000)]
    for at, (matches, day) in enumerate(written):
        world.append(route(f"r{at}", rule(*matches, to="a"), created=f"2026-01-0{day}T00:00:00Z", hosts=["a.test"]))
    made = translation(objects(yaml.safe_dump_all(world)))
    dead = {(one.ref, one.where) for one in shadowed(made)}
    alive = set()
    for sample in samples(made):
        winner = explain(made, sample.request, sample.gateway).winner
        if winner is not None:
            alive.add((winner.route, winner.match))
    assert not dead & alive
