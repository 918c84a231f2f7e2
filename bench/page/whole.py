"""The page as a whole: what stands between its marks, and its plots."""

from collections.abc import Callable, Iterator

from bench.page import compared, plots, tables
from bench.page.goals import goals
from bench.page.results import ROOT, Figures, alone, newest, side_by_side

PAGE = ROOT / "docs" / "performance.md"
FOLDER = PAGE.with_suffix("")
_START, _END = "<!-- {} -->", "<!-- end -->"


def text(page: str) -> str:
    """The page with each marked block replaced by a table of the newest results."""
    for name, lines in _blocks():
        start = _START.format(name)
        head, found, rest = page.partition(start)
        assert found, f"{PAGE} has no place for {name}"
        _, _, tail = rest.partition(_END)
        page = "\n".join([f"{head}{start}", *lines, f"{_END}{tail}"])
    return page


def pictures() -> dict[str, str]:
    """The SVG of each plot, by its name."""
    rows = side_by_side()
    found = {
        "engine": plots.engine(_found("engine")),
        "shapes": plots.shapes(_found("shapes")),
        **dict(plots.compared(rows)),
        **dict(plots.churn(rows, _found("churn"))),
    }
    return {f"{name}.svg": svg for name, svg in found.items()}


def _blocks() -> Iterator[tuple[str, list[str]]]:
    rows = side_by_side()
    yield "goals", list(goals(rows, {name: run for name in _JUDGED if (run := newest(name))}))
    for name, table in _TABLES.items():
        yield name, _table(_CALLED.get(name, name), table)
    yield "propagation", list(compared.propagation(rows))
    yield "scale", list(compared.scale(rows))
    for replay in compared.EVENTS:
        yield replay, list(compared.one(rows, replay))
    for replay, at in _EACH.items():
        yield f"{replay} in each run", list(compared.each(replay, at))
    yield "churn", list(compared.churn(rows))
    yield "alone", list(compared.alone(alone()))


def _table(name: str, table: Callable[[Figures], Iterator[str]]) -> list[str]:
    run = newest(name)
    if run is None:
        return [f"Not measured yet: `python -m bench {name}`."]
    found = run.found[name]
    load = f" Load: {found['load']:.0f}." if "load" in found else ""
    return [*table(found), "", f"From `{run.path}` (Python {run.found['python']}).{load}"]


def _found(name: str) -> Figures:
    run = newest(name)
    assert run, f"{name} was not measured yet"
    found: Figures = run.found[name]
    return found


_TABLES: dict[str, Callable[[Figures], Iterator[str]]] = {
    "engine": tables.engine,
    "classic": tables.classic,
    "lag": tables.lag,
    "turns": tables.turns,
    "change": tables.change,
    "startup": tables.startup,
    "touched": tables.touched,
    "shapes": tables.shapes,
    "hosts": tables.hosts,
    "instructions": tables.instructions,
    "guarded": tables.guarded,
    "rounds": tables.rounds,
}
_CALLED = {"rounds": "churn"}
"""The benchmark of a table, where it has another name."""
_EACH = {"propagation": 3000, "scale": 3000, "restart": None, "traffic": None}
"""What is shown of every run, and at how many routes."""
_JUDGED = ("hosts", "change", "touched", "engine", "shapes", "lag", "churn")
