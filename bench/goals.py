"""The goals, and how they stand by the raw results: a table of docs/performance.md."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bench.churn import memory
from bench.compared import NAMES, OURS, Figures, Rows, grows, value
from bench.slope import slope

Verdict = tuple[str, bool | None] | None
"""What was measured, and whether the goal is met: None if that remains open."""
Judge = Callable[[Rows, Figures], Verdict]
_UNEQUAL = 2.0
"""From such a ratio of the machine's loads on, a ratio of times says nothing for sure; from such a load on, nor does a
ratio of requests."""
_LONG_ENOUGH = 45
"""Minutes after which a slope is believed."""


class Goal(NamedTuple):
    """A goal, and what says how it stands: a text, and whether it is met; None if it was not measured."""

    text: str
    judge: Judge


def goals(rows: Rows, others: Figures) -> Iterator[str]:
    """Every goal with what was measured; `others` are the figures of what is not compared, by name."""
    yield "| goal | measured | met |"
    yield "|---|---|---|"
    for goal in GOALS:
        found = goal.judge(rows, others)
        text, met = found or ("not measured", None)
        yield f"| {goal.text} | {text} | {'open' if met is None else 'yes' if met else '**no**'} |"


def _pair(rows: Rows, replay: str, size: int | None, *path: str) -> tuple[float, float] | None:
    ours, theirs = (value(rows.of(replay, peer, size), path) for peer in NAMES)
    return None if ours is None or theirs is None else (ours, theirs)


def _ratio(replay: str, size: int | None, path: tuple[str, ...], least: float, unit: str) -> Judge:
    """Theirs by ours is at least so much."""

    def judge(rows: Rows, _: Figures) -> Verdict:
        found = _pair(rows, replay, size, *path)
        if found is None:
            return None
        ratio = found[1] / max(found[0], 1e-9)
        loads = [rows.load(replay, peer, size) for peer in NAMES]
        busy = f"load {loads[0]:.0f} and {loads[1]:.0f}"
        text = f"{found[0]:,.4g} {unit} against {found[1]:,.4g} {unit}: {ratio:.3g} ×; {busy}"
        fair = unit.startswith("CPU") or max(loads) <= _UNEQUAL * min(loads)
        return text, ratio >= least if fair else None

    return judge


def _flat(replay: str, path: tuple[str, ...], most: float) -> Judge:
    """Ours at the largest by ours at the smallest number of routes is at most so much."""

    def judge(rows: Rows, _: Figures) -> Verdict:
        sizes = rows.sizes(replay)
        ends = [value(rows.of(replay, OURS, size), path) for size in (sizes[0], sizes[-1])] if sizes else [None]
        if None in ends or len(sizes) < 2 or not ends[0]:
            return None
        ratio = (ends[1] or 0.0) / ends[0]
        return f"{sizes[-1]:,} : {sizes[0]:,} routes = {ends[1]:.4g} : {ends[0]:.4g} = {ratio:.2f}", ratio <= most

    return judge


def _on_the_way(rows: Rows, _: Figures) -> Verdict:
    seen: dict[str, dict[str, int]] = {peer: {} for peer in NAMES}
    for peer, counts in seen.items():
        for replay in ("propagation", "propagation_under_load"):
            for size in rows.sizes(replay):
                for status, count in rows.of(replay, peer, size).get("on_the_way", {}).items():
                    counts[status] = counts.get(status, 0) + count
    if not seen[OURS]:
        return None
    told = [", ".join(f"{count:,} × {status}" for status, count in counts.items()) for counts in seen.values()]
    return f"{told[0]}; Envoy Gateway {told[1] or '–'}", set(seen[OURS]) <= {"404", "200"}


def _flips(rows: Rows, _: Figures) -> Verdict:
    ours, theirs = (rows.of("flips", peer) for peer in NAMES)
    if not ours:
        return None
    text = f"{ours['failed']:,} of {ours['requests']:,} in {ours['flips']:,} flips"
    if theirs:
        text += f"; Envoy Gateway {theirs['failed']:,} of {theirs['requests']:,} in {theirs['flips']:,}"
    clean = ours["failed"] == 0 and ours["not_in_20_s"] == 0
    return text, clean if ours["flips"] >= 10_000 or not clean else None


def _at_most(replay: str, path: tuple[str, ...], most: float, unit: str) -> Judge:
    def judge(rows: Rows, _: Figures) -> Verdict:
        ours, theirs = (value(rows.of(replay, peer), path) for peer in NAMES)
        if ours is None:
            return None
        other = "" if theirs is None else f"; Envoy Gateway {theirs:,.4g}{unit}"
        return f"{ours:,.4g}{unit}{other}", ours <= most

    return judge


def _traffic(rows: Rows, _: Figures) -> Verdict:
    found = _pair(rows, "traffic", None, "ratio")
    if found is None:
        return None
    load = rows.load("traffic", OURS)
    text = f"{found[0]:.3f} against {found[1]:.3f}, at a load of {load:.0f}"
    return text, found[0] >= found[1] if load <= _UNEQUAL else None


def _folder(_: Rows, others: Figures) -> Verdict:
    ratios = [at["ratio_p50"] for at in others["change"].values()]
    return (f"{' and '.join(f'{one:.2f}' for one in ratios)} ×", max(ratios) <= 4) if ratios else None


def _touched(_: Rows, others: Figures) -> Verdict:
    ends = list(others["touched"].values())
    if len(ends) < 2:
        return None
    small, large = ends[0], ends[-1]
    sent, cpu = (f"{small[key]:,} → {large[key]:,}" for key in ("bytes_per_change", "cpu_ms_per_change"))
    flat = large["bytes_per_change"] <= 1.3 * small["bytes_per_change"]
    met = flat and large["cpu_ms_per_change"] <= 1.3 * small["cpu_ms_per_change"] + 1
    first, last = (f"{int(size):,}" for size in (min(others["touched"], key=int), max(others["touched"], key=int)))
    return f"{first} → {last} routes: {sent} bytes, {cpu} ms of CPU", met


def _slope(rows: Rows, _: Figures) -> Verdict:
    found = rows.of("churn", OURS)
    if not found:
        return None
    plane, _ = grows(found["samples"])
    minutes = found["minutes"]
    text = f"{plane} MiB an hour, fitted to the last two thirds of {minutes:.0f} min"
    return text, abs(plane.an_hour) <= plane.error if minutes >= _LONG_ENOUGH else None


def _folder_slope(_: Rows, others: Figures) -> Verdict:
    found = others["churn"]
    if not found:
        return None
    points = memory(found, "daemun")
    plane, minutes = slope(points), points[-1][0] / 60
    text = f"{plane} MiB an hour, fitted to {minutes:.0f} min"
    return text, abs(plane.an_hour) <= plane.error if minutes >= _LONG_ENOUGH else None


_P50 = ("ms", "p50")
GOALS = (
    Goal("created to 200 at 3,000 routes: 50 × ahead at p50", _ratio("propagation", 3000, _P50, 50, "ms")),
    Goal("the same after the API server has answered", _ratio("propagation", 3000, ("after_ms", "p50"), 50, "ms")),
    Goal("and flat: 10,000 : 100 routes ≤ 1.3", _flat("propagation", _P50, 1.3)),
    Goal("no answer but 404 and 200 on the way", _on_the_way),
    Goal("10,000 flips under a tight loop, every answer 200", _flips),
    Goal(
        "control plane's CPU for a change at 1/50 (3,000 routes)",
        _ratio("scale", 3000, ("cpu_ms_per_change",), 50, "CPU ms"),
    ),
    Goal("and flat: 10,000 : 100 routes ≤ 1.3", _flat("scale", ("cpu_ms_per_change",), 1.3)),
    Goal(
        "1,000 routes at once: attachedRoutes right, after the last, in 1/8",
        _ratio("attached", None, ("right_after_last_s",), 8, "s"),
    ),
    Goal("with at most 20 writes of the Gateway's status", _at_most("attached", ("gateway_writes",), 20, "")),
    Goal(
        "all killed at 3,000 routes: first 200 in half the time",
        _ratio("restart", None, ("both_killed_to_200_s", "p50"), 2, "s"),
    ),
    Goal(
        "control plane killed: a new route ≤ 1 s after it is back",
        _at_most("restart", ("ready_to_new_route_s", "p50"), 1, " s"),
    ),
    Goal("requests through : straight no worse, 16 connections, log on", _traffic),
    Goal("folder: file write to 200 ≤ 4 × the bare push", _folder),
    Goal("1 of 40,000 routes touched: bytes and CPU constant", _touched),
    Goal("memory's slope under churn 0", _slope),
    Goal("the same in a folder", _folder_slope),
)
