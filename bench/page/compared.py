"""The tables of docs/performance.md that set peers side by side."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from bench.page.results import NAMES, OURS, Figures, Rows, both, linked, value

_KINDS = (("propagation", "idle"), ("propagation_under_load", "10 changes a second"))
_PEERS = " | ".join(NAMES.values())


class Figure(NamedTuple):
    """A row: what it is called, and where its number is in the figures of a replay."""

    name: str
    path: tuple[str, ...]
    unit: str = ""
    digits: int = 0

    def cell(self, figures: Figures) -> str:
        """The number with its unit."""
        found = value(figures, self.path)
        return "–" if found is None else f"{found:,.{self.digits}f}{self.unit}"

    def row(self, rows: Rows, replay: str) -> str:
        """It of all peers."""
        return f"| {self.name} | {' | '.join(self.cell(rows.of(replay, peer)) for peer in NAMES)} |"


_P50, _P90 = (Figure("", ("ms", name), " ms") for name in ("p50", "p90"))
_STORED, _AFTER = (Figure("", (name, "p50"), " ms") for name in ("stored_ms", "after_ms"))


def propagation(rows: Rows) -> Iterator[str]:
    """Created to served."""
    yield "| routes | | Daemun p50 | p90 | answers on the way | Envoy Gateway p50 | p90 | answers on the way |"
    yield "|---|---|---|---|---|---|---|---|"
    for size in rows.sizes("propagation"):
        for replay, name in _KINDS:
            cells = [_served(rows.of(replay, peer, size), rows.load(replay, peer, size)) for peer in NAMES]
            yield f"| {size:,} | {name} | {' | '.join(cells)} |"
    yield from ("", rows.source(*(replay for replay, _ in _KINDS)))


def _served(found: Figures, load: float) -> str:
    if not found:
        return "– | – | not measured"
    p50 = _P50.cell(found)
    if found.get("stored_ms"):
        after = f"; {_AFTER.cell(found)} after it" if found.get("after_ms") else ""
        p50 += f" ({_STORED.cell(found)}{after})"
    late = f", {found['not_in_60_s']} never" if found.get("not_in_60_s") else ""
    way = ", ".join(f"{count:,} × {status}" for status, count in found.get("on_the_way", {}).items())
    return f"{p50} | {_P90.cell(found)} | {way or '–'} (n = {found['ms']['n']}{late}; {load:.0f})"


def alone(rows: Rows) -> Iterator[str]:
    """Daemun by itself, with the load of the machine."""
    yield "| routes | | load before | Daemun p50 | p90 | CPU for one change |"
    yield "|---|---|---|---|---|---|"
    for size in rows.sizes("propagation"):
        cpu = _SCALE[0].cell(rows.of("scale", OURS, size))
        for replay, name in _KINDS:
            found = rows.of(replay, OURS, size)
            load = rows.load(replay, OURS, size)
            yield f"| {size:,} | {name} | {load:.0f} | {_P50.cell(found)} | {_P90.cell(found)} | {cpu} |"
    yield from ("", rows.source(*(replay for replay, _ in _KINDS), "scale"))


def scale(rows: Rows) -> Iterator[str]:
    """CPU and memory by the number of routes."""
    sizes = rows.sizes("scale")
    yield f"| | | {' | '.join(f'{size:,} routes' for size in sizes)} |"
    yield f"|---|---|{'---|' * len(sizes)}"
    for figure in _SCALE:
        for peer, name in NAMES.items():
            cells = [figure.cell(rows.of("scale", peer, size)) for size in sizes]
            yield f"| {figure.name if peer == OURS else ''} | {name} | {' | '.join(cells)} |"
    yield from ("", rows.source("scale"))


def one(rows: Rows, replay: str) -> Iterator[str]:
    """A replay that has one figure for each peer."""
    loads = [rows.load(replay, peer) for peer in NAMES if not math.isnan(rows.load(replay, peer))]
    yield f"| | {_PEERS} |"
    yield "|---|---|---|"
    for figure in EVENTS[replay]:
        yield figure.row(rows, replay)
    for text in rows.failures(replay):
        yield f"\nNot measured: {text}."
    yield from ("", f"{rows.newest(replay)} Load before: {', '.join(f'{load:.0f}' for load in loads)}.")


def each(replay: str, at: int | None = None) -> Iterator[str]:
    """The figure of a replay that a goal is about, in every run of both peers."""
    figure = _EACH[replay]
    yield f"| {figure.name} | load before | {_PEERS} |"
    yield "|---|---|---|---|"
    for run in both():
        rows = Rows([run])
        cells = [figure.cell(rows.of(replay, peer, at)) for peer in NAMES]
        if "–" not in cells:
            loads = " and ".join(f"{rows.load(replay, peer, at):.0f}" for peer in NAMES)
            yield f"| {linked(run.path)} | {loads} | {' | '.join(cells)} |"


_SCALE = (
    Figure("control plane's CPU for one change", ("cpu_ms_per_change",), " ms", 1),
    Figure("control plane's CPU idle", ("idle_cpu_percent",), " %", 1),
    Figure("control plane's memory", ("control_plane_mib",), " MiB"),
    Figure("proxy's CPU for one change", ("proxy_cpu_ms_per_change",), " ms", 1),
    Figure("proxy's CPU idle", ("proxy_idle_cpu_percent",), " %", 1),
    Figure("proxy's memory", ("proxy_mib",), " MiB"),
)
EVENTS = {
    "attached": (
        Figure("created at once", ("routes",)),
        Figure("attachedRoutes right, after the first was created", ("right_s",), " s", 2),
        Figure("after the last was created", ("right_after_last_s",), " s", 2),
        Figure("after the last was deleted", ("right_after_last_delete_s",), " s", 2),
        Figure("writes of the Gateway's status", ("gateway_writes",)),
    ),
    "flips": (
        Figure("flips from port to port", ("flips",)),
        Figure("seen after, p50", ("seen_ms", "p50"), " ms"),
        Figure("requests of the tight loop", ("requests",)),
        Figure("of them not 200", ("failed",)),
    ),
    "listener_sets": (
        Figure("sets with HTTPS and 16 routes each", ("sets",)),
        Figure("last one serves, after all are created", ("last_serves_after_created_s",), " s", 2),
        Figure("attachedRoutes right, after all are created", ("attached_right_after_created_s",), " s", 2),
        Figure("control plane's CPU for all", ("cpu_s",), " s", 1),
        Figure("control plane's memory", ("control_plane_mib",), " MiB"),
        Figure("proxy's memory", ("proxy_mib",), " MiB"),
        Figure("one more set, created to 200, p50", ("one_more_ms", "p50"), " ms"),
    ),
    "failover": (
        Figure("requests while one of three answers 503", ("requests", "one_of_three_broken")),
        Figure("of them failed", ("failed", "one_of_three_broken")),
        Figure("requests while a pod is deleted", ("requests", "one_gone")),
        Figure("of them failed", ("failed", "one_gone")),
    ),
    "restart": (
        Figure("all killed, to first 200, p50", ("both_killed_to_200_s", "p50"), " s", 1),
        Figure("control plane killed, to a new route's 200, p50", ("killed_to_new_route_s", "p50"), " s", 1),
        Figure("the same after it is ready again, p50", ("ready_to_new_route_s", "p50"), " s", 2),
    ),
    "traffic": (
        Figure("requests a second through the gateway", ("through_rps",)),
        Figure("straight to the backend", ("straight_rps",)),
        Figure("ratio", ("ratio",), "", 3),
        Figure("p50 through the gateway", ("through_p50_ms",), " ms", 2),
    ),
}


_EACH = {
    "propagation": Figure("created to first 200, 3,000 routes, p50", ("ms", "p50"), " ms"),
    "scale": Figure("control plane's CPU for one change, 3,000 routes", ("cpu_ms_per_change",), " ms", 1),
    "restart": Figure("all killed, to first 200, p50", ("both_killed_to_200_s", "p50"), " s", 1),
    "traffic": Figure("through : straight", ("ratio",), "", 3),
}


def churn(rows: Rows) -> Iterator[str]:
    """Daemun's memory while routes come, change and go."""
    found = rows.of("churn", OURS)
    yield "| until minute | control plane, mean of 10 minutes | proxy |"
    yield "|---|---|---|"
    for until, plane, proxy in means(found["samples"], 10):
        yield f"| {until} | {plane:.1f} MiB | {proxy:.1f} MiB |"
    grows = " | ".join(f"{found[name]} MiB an hour" for name in ("slope", "proxy_slope"))
    yield f"| slope | {grows} |"
    yield from ("", f"{found['changes']:,} changes in {found['minutes']:.0f} min. {rows.newest('churn')}")


def means(samples: list[list[float]], minutes: int) -> Iterator[tuple[int, float, float]]:
    """By so many minutes: when they ended, and the mean memory of control plane and proxy in MiB."""
    for number in range(math.ceil(samples[-1][0] / 60 / minutes)):
        found = [one for one in samples if number < one[0] / 60 / minutes <= number + 1]
        if found:
            plane, proxy = (sum(one[place] for one in found) / len(found) for place in (1, 2))
            yield round(found[-1][0] / 60), plane, proxy
