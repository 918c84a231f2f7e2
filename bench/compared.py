"""The tables and plots of docs/performance.md that set peers side by side, from rows of raw results."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bench import plot
from bench.slope import Slope, slope

Figures = Mapping[str, Any]
OURS, THEIRS = "daemun", "envoy-gateway"
NAMES = {OURS: "Daemun", THEIRS: "Envoy Gateway"}


class Rows:
    """The rows of peers: what was measured, by replay, peer and number of routes."""

    def __init__(self, rows: list[Figures]) -> None:
        self._rows = rows

    def sizes(self, replay: str) -> list[int]:
        """At which numbers of routes it was measured."""
        return sorted({row["routes"] for row in self._rows if row["replay"] == replay})

    def of(self, replay: str, peer: str, routes: int | None = None) -> Figures:
        """The figures; empty if there are none, or if the replay failed."""
        found = (
            row
            for row in self._rows
            if row["replay"] == replay and row["peer"] == peer and routes in (None, row["routes"])
        )
        figures: Figures = next((row["figures"] for row in found), {})
        if "samples" in figures:
            plane, proxy = grows(figures["samples"])
            figures = {**figures, "slope": plane.an_hour, "proxy_slope": proxy.an_hour}
        return {} if "error" in figures else figures

    def failures(self) -> Iterator[str]:
        """What could not be measured."""
        for row in self._rows:
            if "error" in row["figures"]:
                yield f"{NAMES[row['peer']]}, {row['replay']} at {row['routes']:,} routes: {row['figures']['error']}"

    def load(self, replay: str, peer: str, routes: int | None = None) -> float:
        """The load of the machine before it; NaN if it was not measured."""
        asked = [row for row in self._rows if row["replay"] == replay and row["peer"] == peer]
        found = (row for row in asked if routes in (None, row["routes"]))
        return next((float(row["load_before"]) for row in found), math.nan)


def grows(samples: list[list[float]]) -> tuple[Slope, Slope]:
    """MiB an hour of control plane and proxy after the first third of the time, when what begins has settled."""
    settled = [one for one in samples if one[0] >= samples[-1][0] / 3]
    plane, proxy = (slope([(one[0], one[place]) for one in settled]) for place in (1, 2))
    return plane, proxy


def means(samples: list[list[float]], minutes: int) -> Iterator[tuple[int, float, float]]:
    """By so many minutes: when they ended, and the mean memory of control plane and proxy in MiB."""
    for number in range(math.ceil(samples[-1][0] / 60 / minutes)):
        found = [one for one in samples if number < one[0] / 60 / minutes <= number + 1]
        if found:
            plane, proxy = (sum(one[place] for one in found) / len(found) for place in (1, 2))
            yield round(found[-1][0] / 60), plane, proxy


def _cell(figures: Figures, *path: str, unit: str = "", digits: int = 0) -> str:
    found = value(figures, path)
    return "–" if found is None else f"{found:,.{digits}f}{unit}"


def _both(rows: Rows, replay: str, routes: int | None, *path: str, unit: str = "", digits: int = 0) -> str:
    cells = [_cell(rows.of(replay, peer, routes), *path, unit=unit, digits=digits) for peer in NAMES]
    return " | ".join(cells)


_KINDS = (("propagation", "idle"), ("propagation_under_load", "10 changes a second"))


def propagation(rows: Rows) -> Iterator[str]:
    """Created to served."""
    yield "| routes | | Daemun p50 | p90 | answers on the way | Envoy Gateway p50 | p90 | answers on the way |"
    yield "|---|---|---|---|---|---|---|---|"
    for size in rows.sizes("propagation"):
        for replay, name in _KINDS:
            cells = []
            for peer in NAMES:
                found = rows.of(replay, peer, size)
                n = found["ms"]["n"] if found.get("ms") else 0
                late = f", {found['not_in_60_s']} never" if found.get("not_in_60_s") else ""
                way = ", ".join(f"{count:,} × {status}" for status, count in found.get("on_the_way", {}).items())
                p50, p90 = (_cell(found, "ms", key, unit=" ms") for key in ("p50", "p90"))
                if found.get("stored_ms"):
                    p50 += f" ({_cell(found, 'stored_ms', 'p50', unit=' ms')}"
                    after = f"; {_cell(found, 'after_ms', 'p50', unit=' ms')} after it" if found.get("after_ms") else ""
                    p50 += f"{after})"
                told = f"{p50} | {p90} | {way or '–'} (n = {n}{late}; {rows.load(replay, peer, size):.0f})"
                cells.append(told if found else "– | – | not measured")
            yield f"| {size:,} | {name} | {' | '.join(cells)} |"


def alone(rows: Rows) -> Iterator[str]:
    """Daemun by itself, with the load of the machine."""
    yield "| routes | | load before | Daemun p50 | p90 | CPU for one change |"
    yield "|---|---|---|---|---|---|"
    for size in rows.sizes("propagation"):
        cpu = _cell(rows.of("scale", OURS, size), "cpu_ms_per_change", unit=" ms", digits=1)
        for replay, name in _KINDS:
            found = rows.of(replay, OURS, size)
            p50, p90 = (_cell(found, "ms", key, unit=" ms") for key in ("p50", "p90"))
            yield f"| {size:,} | {name} | {rows.load(replay, OURS, size):.0f} | {p50} | {p90} | {cpu} |"


def scale(rows: Rows) -> Iterator[str]:
    """CPU and memory by the number of routes."""
    yield "| routes | | Daemun | Envoy Gateway |"
    yield "|---|---|---|---|"
    for size in rows.sizes("scale"):
        for name, key, unit, digits in (
            ("control plane's CPU idle", "idle_cpu_percent", " %", 1),
            ("its CPU for one change", "cpu_ms_per_change", " ms", 1),
            ("its memory", "control_plane_mib", " MiB", 0),
            ("proxy's CPU idle", "proxy_idle_cpu_percent", " %", 1),
            ("its CPU for one change", "proxy_cpu_ms_per_change", " ms", 1),
            ("its memory", "proxy_mib", " MiB", 0),
        ):
            yield f"| {size:,} | {name} | {_both(rows, 'scale', size, key, unit=unit, digits=digits)} |"


def events(rows: Rows) -> Iterator[str]:
    """All that is one figure for each."""
    yield "| | | Daemun | Envoy Gateway |"
    yield "|---|---|---|---|"
    for what, name, replay, path, unit, digits in _EVENTS:
        yield f"| {what} | {name} | {_both(rows, replay, None, *path, unit=unit, digits=digits)} |"
    for text in rows.failures():
        yield f"\nNot measured: {text}."


def churn(rows: Rows) -> Iterator[str]:
    """Daemun's memory while routes come, change and go."""
    figures = rows.of("churn", OURS)
    yield "| until minute | control plane, mean of 10 minutes | proxy |"
    yield "|---|---|---|"
    for until, plane, proxy in means(figures["samples"], 10):
        yield f"| {until} | {plane:.1f} MiB | {proxy:.1f} MiB |"


_EVENTS: tuple[tuple[str, str, str, tuple[str, ...], str, int], ...] = (
    ("attached routes", "created at once", "attached", ("routes",), "", 0),
    ("", "attachedRoutes right, after the first was created", "attached", ("right_s",), " s", 2),
    ("", "after the last was created", "attached", ("right_after_last_s",), " s", 2),
    ("", "after the last was deleted", "attached", ("right_after_last_delete_s",), " s", 2),
    ("", "writes of the Gateway's status", "attached", ("gateway_writes",), "", 0),
    ("route changes", "flips from port to port", "flips", ("flips",), "", 0),
    ("", "seen after, p50", "flips", ("seen_ms", "p50"), " ms", 0),
    ("", "requests of the tight loop", "flips", ("requests",), "", 0),
    ("", "of them not 200", "flips", ("failed",), "", 0),
    ("listener sets", "sets with HTTPS and 16 routes each", "listener_sets", ("sets",), "", 0),
    ("", "last one serves, after all are created", "listener_sets", ("last_serves_after_created_s",), " s", 2),
    ("", "control plane's CPU for all", "listener_sets", ("cpu_s",), " s", 1),
    ("", "proxy's memory", "listener_sets", ("proxy_mib",), " MiB", 0),
    ("", "one more set, created to 200, p50", "listener_sets", ("one_more_ms", "p50"), " ms", 0),
    ("failover", "requests while one of three answers 503", "failover", ("requests", "one_of_three_broken"), "", 0),
    ("", "of them failed", "failover", ("failed", "one_of_three_broken"), "", 0),
    ("", "failed when a pod is deleted", "failover", ("failed", "one_gone"), "", 0),
    ("restart", "all killed, to first 200, p50", "restart", ("both_killed_to_200_s", "p50"), " s", 1),
    ("", "control plane killed, to a new route's 200, p50", "restart", ("killed_to_new_route_s", "p50"), " s", 1),
    ("", "the same after it is ready again, p50", "restart", ("ready_to_new_route_s", "p50"), " s", 2),
    ("data plane", "requests a second through the gateway", "traffic", ("through_rps",), "", 0),
    ("", "straight to the backend", "traffic", ("straight_rps",), "", 0),
    ("", "ratio", "traffic", ("ratio",), "", 3),
    ("", "p50 through the gateway", "traffic", ("through_p50_ms",), " ms", 2),
    ("churn", "minutes", "churn", ("minutes",), "", 0),
    ("", "changes", "churn", ("changes",), "", 0),
    ("", "control plane's memory grows by, an hour", "churn", ("slope",), " MiB", 1),
    ("", "proxy's memory grows by, an hour", "churn", ("proxy_slope",), " MiB", 1),
)


def plots(rows: Rows) -> Iterator[tuple[str, str]]:
    """Names of files and their SVG."""
    for name, title, replays, path in (
        ("propagation", "Created to first 200, p50, ms", _IDLE_AND_LOAD, ("ms", "p50")),
        ("cpu", "Control plane's CPU for one change, ms", (("scale", ""),), ("cpu_ms_per_change",)),
        ("memory", "Control plane's memory, MiB", (("scale", ""),), ("control_plane_mib",)),
    ):
        sizes = rows.sizes(replays[0][0])
        series = {}
        for peer, called in NAMES.items():
            for replay, suffix in replays:
                found = [value(rows.of(replay, peer, size), path) for size in sizes]
                series[f"{called}{suffix}"] = found
        if sizes:
            yield name, plot.bars(title, [f"{size:,} routes" for size in sizes], series)
    churned = {
        NAMES[peer]: [(at / 60, plane) for at, plane, _ in rows.of("churn", peer).get("samples", [])] for peer in NAMES
    }
    churned = {name: points for name, points in churned.items() if points}
    if churned:
        yield "churn", plot.lines("Control plane's memory under churn, MiB", "min", churned)


_IDLE_AND_LOAD = (("propagation", ", idle"), ("propagation_under_load", ", under load"))


def value(figures: Figures, path: tuple[str, ...]) -> float | None:
    """A number in the figures, or None."""
    found: Any = figures
    for step in path:
        found = found.get(step) if found else None
    return None if found is None else float(found)
