"""The goals, and how they stand by the raw results: a table of docs/performance.md."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bench.folder.churn import memory
from bench.page.results import NAMES, OURS, Figures, Rows, Run, linked, value
from bench.page.tables import measured
from bench.tools.slope import slope

_UNEQUAL = 2.0
"""From such a ratio of the machine's loads on, times that were not measured in turn say nothing for sure."""
_LONG_ENOUGH = 45
"""Minutes after which a slope is believed."""
_FLAT = 1.3
_SOON_MS = 100
"""So late an event loop may be: who renews a lease, or asks whether it is well, does so each second or two."""


class Verdict(NamedTuple):
    """What was measured of Daemun and the peer, from which run, and whether the goal is met: None if that is open."""

    ours: str
    run: str
    met: bool | None
    theirs: str = "–"


Judge = Callable[[Rows, Mapping[str, Run]], Verdict | None]


class Goal(NamedTuple):
    """A goal, the section that is about it, and what says how it stands: None if it was not measured."""

    text: str
    section: str
    judge: Judge


def goals(rows: Rows, runs: Mapping[str, Run]) -> Iterator[str]:
    """Every goal with what was measured; `runs` are the newest ones of what is not compared, by name."""
    yield f"| goal | {' | '.join(NAMES.values())} | met | run |"
    yield "|---|---|---|---|---|"
    for goal in GOALS:
        found = goal.judge(rows, runs) or Verdict("–", "", None)
        met = "not measured" if not found.run else "open" if found.met is None else "yes" if found.met else "**no**"
        yield f"| [{goal.text}](#{goal.section}) | {found.ours} | {found.theirs} | {met} | {found.run or '–'} |"


def _ratio(replay: str, size: int | None, path: tuple[str, ...], least: float, unit: str) -> Judge:
    """Theirs by ours is at least so much."""

    def judge(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
        ours, theirs = (value(rows.of(replay, peer, size), path) for peer in NAMES)
        if ours is None or theirs is None:
            return None
        ratio = theirs / max(ours, 1e-9)
        loads = [rows.load(replay, peer, size) for peer in NAMES]
        run = f"{linked(rows.run(replay, size))}, load {loads[0]:.0f} and {loads[1]:.0f}"
        fair = unit.endswith("CPU") or max(loads) <= _UNEQUAL * min(loads)
        told = f"{ours:,.3g} {unit} ({ratio:.3g} ×)"
        return Verdict(told, run, ratio >= least if fair else None, f"{theirs:,.{3 if theirs < 100 else 4}g} {unit}")

    return judge


def _flat(replay: str, path: tuple[str, ...]) -> Judge:
    """At the largest number of routes it is what it is at the smallest; the peer's too."""

    def ends(rows: Rows, peer: str) -> tuple[list[int], list[float]]:
        found = {size: value(rows.of(replay, peer, size), path) for size in rows.sizes(replay)}
        known = {size: one for size, one in found.items() if one is not None}
        sizes = [*known][:1] + [*known][-1:]
        return sizes, [known[size] for size in sizes]

    def judge(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
        told = {}
        for peer in NAMES:
            sizes, values = ends(rows, peer)
            told[peer] = (sizes, values[-1] / values[0]) if values else ([], 0.0)
        sizes, ratio = told[OURS]
        if len(set(sizes)) < 2:
            return None
        texts = [f"{ratio:.2f} ({sizes[-1]:,} : {sizes[0]:,})" if sizes else "–" for sizes, ratio in told.values()]
        runs = dict.fromkeys(linked(rows.run(replay, size)) for size in sizes)
        return Verdict(texts[0], ", ".join(runs), ratio <= _FLAT, texts[1])

    return judge


def _on_the_way(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
    seen: dict[str, dict[str, int]] = {peer: {} for peer in NAMES}
    runs = []
    for replay in ("propagation", "propagation_under_load"):
        for size in rows.sizes(replay):
            runs.append(rows.run(replay, size))
            for peer, counts in seen.items():
                for status, count in rows.of(replay, peer, size).get("on_the_way", {}).items():
                    counts[status] = counts.get(status, 0) + count
    if not seen[OURS]:
        return None
    ours, theirs = (", ".join(f"{count:,} × {status}" for status, count in counts.items()) for counts in seen.values())
    run = ", ".join(linked(path) for path in sorted(set(runs)))
    return Verdict(ours, run, set(seen[OURS]) <= {"404", "200"}, theirs or "–")


def _flips(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
    ours, theirs = (rows.of("flips", peer) for peer in NAMES)
    if not ours:
        return None
    told = [f"{at['failed']:,} of {at['requests']:,} in {at['flips']:,} flips" if at else "–" for at in (ours, theirs)]
    clean = ours["failed"] == 0 and ours["not_in_20_s"] == 0
    met = clean if ours["flips"] >= 10_000 or not clean else None
    return Verdict(told[0], linked(rows.run("flips")), met, told[1])


def _at_most(replay: str, path: tuple[str, ...], most: float, unit: str) -> Judge:
    def judge(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
        ours, theirs = (value(rows.of(replay, peer), path) for peer in NAMES)
        if ours is None:
            return None
        other = "–" if theirs is None else f"{theirs:,.3g}{unit}"
        return Verdict(f"{ours:,.3g}{unit}", linked(rows.run(replay)), ours <= most, other)

    return judge


def _traffic(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
    ours, theirs = (value(rows.of("traffic", peer), ("ratio",)) for peer in NAMES)
    if ours is None or theirs is None:
        return None
    run = f"{linked(rows.run('traffic'))}, in turn at a load of {rows.load('traffic', OURS):.0f}"
    return Verdict(f"{ours:.3f}", run, ours >= theirs, f"{theirs:.3f}")


def _of(name: str, judge: Callable[[Figures], tuple[str, bool | None]]) -> Judge:
    """What is judged by the figures of one benchmark alone."""

    def judged(_: Rows, runs: Mapping[str, Run]) -> Verdict | None:
        if name not in runs:
            return None
        found = runs[name].found[name]
        text, met = judge(found)
        load = f", load {found['load']:.0f}" if "load" in found else ""
        return Verdict(text, linked(runs[name].path) + load, met)

    return judged


def _engine(found: Figures) -> tuple[str, bool]:
    at = measured(found)
    first, last = min(at, key=int), max(at, key=int)
    ends = [at[size]["route_us"]["p50"] for size in (first, last)]
    told = f"{ends[1]:.0f} : {ends[0]:.0f} µs ({int(last):,} : {int(first):,} routes)"
    return told, ends[1] <= _FLAT * ends[0]


def _shapes(found: Figures) -> tuple[str, bool]:
    told, ratios = [], []
    for name, at in found.items():
        sizes = sorted(at, key=int)
        ratios.append(at[sizes[-1]]["p50"] / at[sizes[0]]["p50"])
        told.append(f"{name} {ratios[-1]:.2f}")
    return ", ".join(told), max(ratios) <= _FLAT


def _hosts(found: Figures) -> tuple[str, bool]:
    ratios = {name: at["ratio"] for name, at in measured(found).items()}
    return ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()), max(ratios.values()) <= 1.05


def _folder(found: Figures) -> tuple[str, bool]:
    ratios = [at["ratio_p50"] for at in found.values()]
    return f"{' and '.join(f'{one:.2f}' for one in ratios)} ×", max(ratios) <= 4


def _touched(found: Figures) -> tuple[str, bool]:
    first, last = min(found, key=int), max(found, key=int)
    small, large = found[first], found[last]
    sent, cpu = (f"{small[key]:,} → {large[key]:,}" for key in ("bytes_per_change", "cpu_ms_per_change"))
    flat = large["bytes_per_change"] <= _FLAT * small["bytes_per_change"]
    met = flat and large["cpu_ms_per_change"] <= _FLAT * small["cpu_ms_per_change"] + 1
    return f"{sent} bytes, {cpu} ms of CPU ({int(first):,} → {int(last):,} routes)", met


def _lag(found: Figures) -> tuple[str, bool | None]:
    largest = max(found, key=int)
    late = found[largest]["in slices"]["late_ms"]["max"]
    return f"at most {late:.0f} ms late ({int(largest):,} routes)", late <= _SOON_MS if int(largest) >= 50_000 else None


def _slope(rows: Rows, _: Mapping[str, Run]) -> Verdict | None:
    found = rows.of("churn", OURS)
    if not found:
        return None
    grows, minutes = found["slope"], found["minutes"]
    met = abs(grows.an_hour) <= grows.error if minutes >= _LONG_ENOUGH else None
    return Verdict(f"{grows} MiB an hour, in {minutes:.0f} min", linked(rows.run("churn")), met)


def _folder_slope(found: Figures) -> tuple[str, bool | None]:
    points = memory(found, "daemun")
    grows, minutes = slope(points), points[-1][0] / 60
    met = abs(grows.an_hour) <= grows.error if minutes >= _LONG_ENOUGH else None
    return f"{grows} MiB an hour, in {minutes:.0f} min", met


_P50 = ("ms", "p50")
_CREATED, _CPU, _RESTART = "created-to-first-200", "what-a-change-costs-in-a-cluster", "restart"
_FILE = "from-a-changed-file-to-the-first-200"
GOALS = (
    Goal("created to 200 at 3,000 routes: 50 × ahead", _CREATED, _ratio("propagation", 3000, _P50, 50, "ms")),
    Goal("from the API server's answer on", _CREATED, _ratio("propagation", 3000, ("after_ms", "p50"), 50, "ms")),
    Goal("and flat: 10,000 : 100 routes ≤ 1.3", _CREATED, _flat("propagation", _P50)),
    Goal("no answer but 404 and 200 on the way", _CREATED, _on_the_way),
    Goal("10,000 flips under a tight loop: every answer 200", "a-route-that-changes-under-traffic", _flips),
    Goal(
        "control plane's CPU for a change ≤ 1/50, at 3,000 routes",
        _CPU,
        _ratio("scale", 3000, ("cpu_ms_per_change",), 50, "ms of CPU"),
    ),
    Goal("and flat: 10,000 : 100 routes ≤ 1.3", _CPU, _flat("scale", ("cpu_ms_per_change",))),
    Goal(
        "1,000 routes at once: attachedRoutes right, after the last, in ≤ 1/8",
        "a-thousand-routes-at-once",
        _ratio("attached", None, ("right_after_last_s",), 8, "s"),
    ),
    Goal(
        "with ≤ 20 writes of the Gateway's status",
        "a-thousand-routes-at-once",
        _at_most("attached", ("gateway_writes",), 20, ""),
    ),
    Goal(
        "all killed at 3,000 routes: first 200 in ≤ half the time",
        _RESTART,
        _ratio("restart", None, ("both_killed_to_200_s", "p50"), 2, "s"),
    ),
    Goal(
        "control plane killed: a new route serves ≤ 1 s after it is back",
        _RESTART,
        _at_most("restart", ("ready_to_new_route_s", "p50"), 1, " s"),
    ),
    Goal("requests through : straight no worse (16 connections, log on)", "through-and-straight", _traffic),
    Goal("a request costs Envoy ≤ 5 % more than plain RDS, any host", "what-a-request-costs", _of("hosts", _hosts)),
    Goal(
        "folder: file write to 200 ≤ 4 × the bare push", "from-a-changed-file-to-the-first-200", _of("change", _folder)
    ),
    Goal("1 of 40,000 routes touched: bytes and CPU constant", "one-of-many-files", _of("touched", _touched)),
    Goal("a changed route costs the engine the same at any size", "the-engine", _of("engine", _engine)),
    Goal(
        "and serves as soon, whatever routes are told apart by (10,000 : 100 routes ≤ 1.3)",
        "by-what-routes-are-told-apart",
        _of("shapes", _shapes),
    ),
    Goal("a first build of 50,000 routes blocks nothing", "a-first-build", _of("lag", _lag)),
    Goal("memory's slope 0 over an hour of churn", "memory-under-churn", _slope),
    Goal("the same in a folder", "memory-under-churn", _of("churn", _folder_slope)),
)
