"""Put the newest complete results into docs/performance.md: `python -m bench.page`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_START, _END = "<!-- {} -->", "<!-- end -->"


def main() -> None:
    """Replace each marked block by a table of the newest results of its benchmark."""
    page = _ROOT / "docs" / "performance.md"
    text = page.read_text()
    for name, table in _TABLES.items():
        start = _START.format(name)
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(_END)
        text = f"{head}{start}\n{_block(name, table)}\n{_END}{tail}"
    page.write_text(text)


def _block(name: str, table: Callable[[Any], Iterator[str]]) -> str:
    """The table of a benchmark, and where its figures are from."""
    for path in sorted((_ROOT / "bench" / "results").glob("*.json"), reverse=True):
        found = json.loads(path.read_text())
        if name in found:
            source = f"From `bench/results/{path.name}` (Python {found['python']})."
            return "\n".join([*table(found[name]), "", source])
    raise SystemExit(f"there are no results of {name}")


def _engine(engine: Any) -> Iterator[str]:
    yield "| routes | first build | one route | endpoints of a Service | no difference |"
    yield "|---|---|---|---|---|"
    for size, at in engine.items():
        if isinstance(at, dict):
            yield (
                f"| {int(size):,} | {at['build_s']:.2f} s | {at['route_us']['p50']:.0f} µs "
                f"| {at['endpoint_us']['p50']:.0f} µs | {at['same_us']['p50']:.0f} µs |"
            )


def _startup(startup: Any) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    yield f"| `daemun --help` | {startup['help_s']['p50']:.2f} s |"
    yield f"| start to first 200, 1,000 routes | {startup['start_1000_s']['p50']:.1f} s |"
    yield f"| start to first 200, 10,000 routes | {startup['start_10000_s']:.1f} s |"
    yield f"| memory, 1,000 routes | {startup['rss_1000_mb']:.0f} MiB |"
    yield f"| memory, 10,000 routes | {startup['rss_10000_mb']:.0f} MiB |"


def _cluster(cluster: Any) -> Iterator[str]:
    yield "| routes | created to 200, p50 | p90 | CPU idle | CPU, one change a second | memory |"
    yield "|---|---|---|---|---|---|"
    for size, at in cluster.items():
        if size.isdigit():
            yield (
                f"| {int(size):,} | {at['applied_to_200_ms']['p50']:.0f} ms | {at['applied_to_200_ms']['p90']:.0f} ms "
                f"| {at['idle']['cpu_percent']:.1f} % | {at['one_change_a_second']['cpu_percent']:.1f} % "
                f"| {at['one_change_a_second']['rss_mib']:.0f} MiB |"
            )
    storm = cluster["at_once"]
    yield ""
    yield (
        f"{storm['routes']:,} routes at once: created in {storm['created_s']:.1f} s, attachedRoutes right "
        f"{storm['right_after_s']:.1f} s after the last one, {storm['gateway_writes']} writes of the Gateway's status."
    )


def _change(change: Any) -> Iterator[str]:
    yield "| p50 | file to 200 | bare push to 200 | ratio |"
    yield "|---|---|---|---|"
    for layout, at in change.items():
        yield (
            f"| {layout.replace('_', ' ')} | {at['file_ms']['p50']:.1f} ms | {at['bare_push_ms']['p50']:.1f} ms "
            f"| {at['ratio_p50']:.2f} |"
        )


_TABLES = {"engine": _engine, "change": _change, "startup": _startup, "cluster": _cluster}


if __name__ == "__main__":
    main()
