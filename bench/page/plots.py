"""The plots of docs/performance.md. A gateway has the same colour in all of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.folder.churn import memory
from bench.page.plot import Axis, Line, Point, chart
from bench.page.results import NAMES, OURS, THEIRS, Figures, Rows, value

_COLOURS = {OURS: "#1b6ca8", THEIRS: "#c8553d"}
_PROXY = "#7fb2d9"
_OWN = ("#1b6ca8", "#5b9bd0", "#2a8f82", "#6b5ca5", "#b8860b")
"""Several things of Daemun's."""
_ROUTES = Axis("routes", log=True)


def compared(rows: Rows) -> Iterator[tuple[str, str]]:
    """Peers side by side, by the number of routes."""
    kinds = (("propagation", "idle"), ("propagation_under_load", "10 changes/s"))
    lines = [
        Line(
            f"{name}, {kind}", _COLOURS[peer], _by_size(rows, replay, peer, "ms", "p50"), dashed=replay != "propagation"
        )
        for peer, name in NAMES.items()
        for replay, kind in kinds
    ]
    sizes = Axis("routes", log=True, ticks=rows.sizes("propagation"))
    yield "propagation", chart("Created to first 200, p50", sizes, Axis("ms", log=True), lines)
    for name, title, unit, log in (
        ("cpu", "Control plane's CPU for one change", "ms", True),
        ("memory", "Control plane's memory", "MiB", False),
    ):
        key = "cpu_ms_per_change" if log else "control_plane_mib"
        lines = [Line(called, _COLOURS[peer], _by_size(rows, "scale", peer, key)) for peer, called in NAMES.items()]
        yield name, chart(title, sizes, Axis(unit, log=log), lines)


def churn(rows: Rows, rounds: Figures) -> Iterator[tuple[str, str]]:
    """Memory over time, in a cluster and in a folder."""
    samples = rows.of("churn", OURS)["samples"]
    lines = [
        Line(name, colour, [(one[0] / 60, one[place]) for one in samples])
        for place, name, colour in ((1, "control plane", _COLOURS[OURS]), (2, "proxy", _PROXY))
    ]
    title = "Memory in a cluster while five routes a second come, change or go"
    yield "churn", chart(title, Axis("minutes"), Axis("MiB"), lines, labels=False)
    lines = [
        Line(name, colour, [(at / 60, mib) for at, mib in memory(rounds, process)])
        for process, name, colour in (("daemun", "control plane", _COLOURS[OURS]), ("envoy", "proxy", _PROXY))
    ]
    title = f"Memory of daemun up each time {rounds['routes']:,} routes have come and gone"
    yield "rounds", chart(title, Axis("minutes"), Axis("MiB"), lines, labels=False)


def engine(found: Figures) -> str:
    """What a change costs by the number of routes."""
    sizes = _sizes(found)
    kinds = (("route_us", "one route"), ("endpoint_us", "endpoints of a Service"), ("same_us", "no difference"))
    lines = [
        Line(name, colour, [(int(size), found[size][key]["p50"]) for size in sizes])
        for (key, name), colour in zip(kinds, _OWN, strict=False)
    ]
    return chart("The engine's CPU for one change, p50", _at(sizes), Axis("µs", log=True), lines)


def shapes(found: Mapping[str, Figures]) -> str:
    """Until a change serves, by what routes are told apart by."""
    lines = [
        Line(name, colour, [(int(size), one["p50"]) for size, one in at.items()])
        for (name, at), colour in zip(found.items(), _OWN, strict=True)
    ]
    sizes = [size for at in found.values() for size in at]
    return chart("A changed route until its first 200, p50", _at(sizes), Axis("ms", log=True), lines, labels=False)


def _sizes(found: Figures) -> list[str]:
    return [size for size, at in found.items() if isinstance(at, dict)]


def _at(sizes: list[str]) -> Axis:
    return _ROUTES._replace(ticks=sorted({float(size) for size in sizes}))


def _by_size(rows: Rows, replay: str, peer: str, *path: str) -> list[Point]:
    found: list[tuple[int, Any]] = [(size, value(rows.of(replay, peer, size), path)) for size in rows.sizes(replay)]
    return [(size, one) for size, one in found if one is not None]
