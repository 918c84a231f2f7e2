"""docs/performance.md says what the raw results say: its tables and plots are those that the bench makes of them."""

import re
import sys

import pytest

from support.checks.pages import ROOT

sys.path.insert(0, str(ROOT))

from bench.page import plot, whole
from bench.page.goals import GOALS


def test_the_page_is_what_the_bench_makes() -> None:
    page = whole.PAGE.read_text()
    assert whole.text(page) == page, "run python -m bench.page"


def test_a_figure_that_was_changed_by_hand_is_noticed() -> None:
    page = whole.PAGE.read_text()
    assert whole.text(re.sub(r"\| \d+ µs ", "| 1 µs ", page)) == page


def test_the_plots_are_what_the_bench_draws_and_the_page_shows() -> None:
    drawn = whole.pictures()
    assert {one.name: one.read_text() for one in whole.FOLDER.glob("*.svg")} == drawn
    shown = re.findall(r"!\[(.+)\]\(performance/(\S+)\)", whole.PAGE.read_text())
    assert sorted(name for _, name in shown) == sorted(drawn)


def test_every_goal_leads_to_a_section() -> None:
    sections = re.findall(r"^##+ (.+)$", whole.PAGE.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in sections}
    assert {goal.section for goal in GOALS} <= anchors


def test_raw_results_that_are_named_are_there() -> None:
    named = {
        one for page in (ROOT / "docs").rglob("*.md") for one in re.findall(r"\d{4}-\d\d-\d\dT\d{6}Z", page.read_text())
    }
    assert named <= {one.stem for one in (ROOT / "bench" / "results").glob("*.json")}


@pytest.mark.parametrize(
    ("axis", "values", "ticks"),
    [
        (plot.Axis("ms", log=True), [12, 2454], [1, 10, 100, 1000, 10_000]),
        (plot.Axis("ms", log=True), [20, 40], [10, 100]),
        (plot.Axis("MiB"), [0, 139.6], [0, 50, 100, 150]),
        (plot.Axis("routes", ticks=[1, 7]), [2, 3], [1, 7]),
    ],
)
def test_an_axis_is_divided_around_its_values(axis: plot.Axis, values: list[float], ticks: list[float]) -> None:
    assert list(axis.divided(values).ticks) == ticks
