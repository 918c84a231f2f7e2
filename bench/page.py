"""Put the newest results into docs/performance.md, as tables and plots: `python -m bench.page`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import compared, goals
from bench.churn import memory
from bench.compared import Rows
from bench.hosts import ASKED
from bench.slope import slope

_ROOT = Path(__file__).parents[1]
_FEW = 20
"""Values of which there is no mean worth telling."""
_START, _END = "<!-- {} -->", "<!-- end -->"


def main() -> None:
    """Replace each marked block by a table of the newest results of its benchmark, and draw the plots anew."""
    page = _ROOT / "docs" / "performance.md"
    text = page.read_text()
    for name, lines in _blocks():
        start = _START.format(name)
        head, found, rest = text.partition(start)
        assert found, f"{page} has no place for {name}"
        _, _, tail = rest.partition(_END)
        text = "\n".join([f"{head}{start}", *lines, f"{_END}{tail}"])
    page.write_text(text)
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, svg in compared.plots(_rows()[0]):
        (folder / f"{name}.svg").write_text(svg)


def _blocks() -> Iterator[tuple[str, list[str]]]:
    for name, table in _TABLES.items():
        figures, source = _newest(_CALLED.get(name, name))
        yield name, [*table(figures), "", source] if figures else [source]
    rows, source = _rows()
    for name, compare in _COMPARED.items():
        yield name, [*compare(rows), "", source]
    alone, source = _alone()
    yield "alone", [*compared.alone(alone), "", source]
    others = {name: _newest(name)[0] for name in ("touched", "change", "churn")}
    yield "goals", list(goals.goals(rows, others))


def _results() -> Iterator[tuple[str, Any]]:
    """Names and contents of the raw results, newest first."""
    for path in sorted((_ROOT / "bench" / "results").glob("*.json"), reverse=True):
        yield f"bench/results/{path.name}", json.loads(path.read_text())


def _newest(name: str) -> tuple[Any, str]:
    """The figures of a benchmark, and where they are from; none if it has not run."""
    for path, found in _results():
        if name in found:
            return found[name], f"From `{path}` (Python {found['python']})."
    return {}, f"Not measured yet: `python -m bench {name}`."


def _rows() -> tuple[Rows, str]:
    """The newest rows of each replay and size, all of one run: of peers side by side if there is one, else of one."""
    runs = [(path, found["peers"]) for path, found in _results() if "peers" in found]
    # Churn is not compared, so the newest counts whoever else was in its run.
    churn = next((path for path, peers in runs if _replay(peers, "churn")), "")
    runs = [
        (path, {**peers, "rows": [row for row in peers["rows"] if row["replay"] != "churn" or path == churn]})
        for path, peers in runs
    ]
    return _joined(sorted(runs, key=lambda run: len(run[1]["versions"]) < 2))


def _replay(peers: Any, name: str) -> list[Any]:
    return [row for row in peers["rows"] if row["replay"] == name]


def _alone() -> tuple[Rows, str]:
    """The newest rows of runs of Daemun alone: how much the machine's load matters."""
    return _joined([(path, found["peers"]) for path, found in _results() if len(_versions(found)) == 1])


def _versions(found: Any) -> Any:
    return found.get("peers", {}).get("versions", ())


def _joined(runs: list[tuple[str, Any]]) -> tuple[Rows, str]:
    rows: dict[tuple[str, int], list[Any]] = {}
    sources, versions = [], {}
    for path, peers in runs:
        known = set(rows)
        new = [row for row in peers["rows"] if (row["replay"], row["routes"]) not in known]
        for row in new:
            rows.setdefault((row["replay"], row["routes"]), []).append(row)
        if new:
            sources.append(f"`{path}`")
            versions = peers["versions"] | versions
    told = ", ".join(f"{compared.NAMES[name]} {version}" for name, version in versions.items())
    return Rows([row for found in rows.values() for row in found]), f"From {', '.join(sources)}: {told}."


def _engine(engine: Any) -> Iterator[str]:
    yield "| routes | first build | one route | endpoints of a Service | no difference |"
    yield "|---|---|---|---|---|"
    for size, at in engine.items():
        if isinstance(at, dict):
            yield (
                f"| {int(size):,} | {at['build_s']:.2f} s | {at['route_us']['p50']:.0f} µs "
                f"| {at['endpoint_us']['p50']:.0f} µs | {at['same_us']['p50']:.0f} µs |"
            )


def _classic(classic: Any) -> Iterator[str]:
    yield "| routes of the VirtualService | a RouteTable of 10 of them | a RouteOption of one of them |"
    yield "|---|---|---|"
    for size, at in classic.items():
        yield f"| {int(size):,} | {at['table_us']['p50']:.0f} µs | {at['option_us']['p50']:.0f} µs |"


def _startup(startup: Any) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    yield f"| `daemun --help` | {startup['help_s']['p50']:.2f} s |"
    yield f"| start to first 200, 1,000 routes | {startup['start_1000_s']['p50']:.1f} s |"
    yield f"| start to first 200, 10,000 routes | {startup['start_10000_s']:.1f} s |"
    yield f"| memory, 1,000 routes | {startup['rss_1000_mb']:.0f} MiB |"
    yield f"| memory, 10,000 routes | {startup['rss_10000_mb']:.0f} MiB |"


def _change(change: Any) -> Iterator[str]:
    yield "| p50 | file to 200 | bare push to 200 | ratio |"
    yield "|---|---|---|---|"
    for layout, at in change.items():
        yield (
            f"| {layout.replace('_', ' ')} | {at['file_ms']['p50']:.1f} ms | {at['bare_push_ms']['p50']:.1f} ms "
            f"| {at['ratio_p50']:.2f} |"
        )


def _touched(touched: Any) -> Iterator[str]:
    yield "| routes | file to 200, p50 | p90 | bytes sent | CPU of Daemun | memory |"
    yield "|---|---|---|---|---|---|"
    for size, at in touched.items():
        yield (
            f"| {int(size):,} | {at['file_to_200_ms']['p50']:.1f} ms | {at['file_to_200_ms']['p90']:.1f} ms "
            f"| {at['bytes_per_change']:,} | {at['cpu_ms_per_change']:.1f} ms | {at['rss_mib']:.0f} MiB |"
        )


def _shapes(shapes: Any) -> Iterator[str]:
    sizes = list(next(iter(shapes.values())))
    yield f"| p50 (p90) | {' | '.join([f'{int(size):,} routes' for size in sizes])} |"
    yield f"|---|{'---|' * len(sizes)}"
    for name, found in shapes.items():
        cells = [f"{at['p50']:.1f} ms ({at['p90']:.1f})" for at in found.values()]
        yield f"| {name} | {' | '.join(cells)} |"


def _lag(lag: Any) -> Iterator[str]:
    yield "| routes | | build | loop late by, p50 | p99 | at most |"
    yield "|---|---|---|---|---|---|"
    for size, found in lag.items():
        for how, at in found.items():
            late = at["late_ms"]
            cells = [f"{late[name]:,.0f} ms" for name in ("p50", "p99", "max")]
            yield f"| {int(size):,} | {how} | {at['build_s']:.1f} s | {' | '.join(cells)} |"


def _turns(turns: Any) -> Iterator[str]:
    yield "| routes of one tenant | | all of them | another tenant's change, p50 | at most |"
    yield "|---|---|---|---|---|"
    for size, found in turns.items():
        for how, at in found.items():
            yield f"| {int(size):,} | {how} | {at['all_s']:.1f} s | {at['p50_ms']:,.0f} ms | {at['max_ms']:,.0f} ms |"


def _hosts(hosts: Any) -> Iterator[str]:
    yield "| CPU per request | plain | scopes | ratio |"
    yield "|---|---|---|---|"
    for name, at in ((name, hosts[name]) for name in ASKED if name in hosts):
        yield f"| {name} | {at['plain']:.1f} µs | {at['scoped']:.1f} µs | {at['ratio']:.2f} |"


def _instructions(instructions: Any) -> Iterator[str]:
    yield "| instructions per request | plain | scopes | ratio |"
    yield "|---|---|---|---|"
    for name, at in instructions.items():
        yield f"| {name} | {at['plain']:,} | {at['scoped']:,} | {at['ratio']:.2f} |"


def _rounds(churn: Any) -> Iterator[str]:
    yield "| until minute | rounds | control plane, mean of 10 minutes | proxy |"
    yield "|---|---|---|---|"
    points = {name: memory(churn, name) for name in ("daemun", "envoy")}
    last = points["daemun"][-1][0]
    for begins in range(0, int(last), 600):
        within = {name: [value for at, value in found if begins <= at < begins + 600] for name, found in points.items()}
        count = len(within["daemun"])
        if count < _FEW:
            break
        cells = [f"{sum(values) / count:.1f} MiB" for values in within.values()]
        yield f"| {min(begins + 600, last) / 60:.0f} | {count} | {' | '.join(cells)} |"
    grows = [f"{slope(found)} MiB an hour" for found in points.values()]
    yield f"| all | {len(points['daemun'])} of {churn['routes']:,} routes | {' | '.join(grows)} |"


_TABLES = {
    "engine": _engine,
    "classic": _classic,
    "lag": _lag,
    "turns": _turns,
    "change": _change,
    "startup": _startup,
    "touched": _touched,
    "shapes": _shapes,
    "hosts": _hosts,
    "instructions": _instructions,
    "rounds": _rounds,
}
_CALLED = {"rounds": "churn"}
"""The benchmark of a table, where it has another name."""
_COMPARED = {
    "propagation": compared.propagation,
    "scale": compared.scale,
    "events": compared.events,
    "churn": compared.churn,
}


if __name__ == "__main__":
    main()
