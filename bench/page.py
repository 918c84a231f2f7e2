"""Put the newest complete results into docs/performance.md: `python -m bench.page`."""

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_START, _END = "<!-- {} -->", "<!-- end -->"


def main() -> None:
    """Replace each marked block by a table of the newest results."""
    newest = max(path for path in (_ROOT / "bench" / "results").glob("*.json"))
    found = json.loads(newest.read_text())
    page = _ROOT / "docs" / "performance.md"
    text = page.read_text()
    for name, block in _blocks(found, newest.name).items():
        start = _START.format(name)
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(_END)
        text = f"{head}{start}\n{block}\n{_END}{tail}"
    page.write_text(text)


def _blocks(found: dict[str, Any], name: str) -> dict[str, str]:
    engine, change, startup = found["engine"], found["change"], found["startup"]
    rows = ["| routes | first build | one route | endpoints of a Service | no difference |", "|---|---|---|---|---|"]
    for size, at in engine.items():
        if isinstance(at, dict):
            rows.append(
                f"| {int(size):,} | {at['build_s']:.2f} s | {at['route_us']['p50']:.0f} µs "
                f"| {at['endpoint_us']['p50']:.0f} µs | {at['same_us']['p50']:.0f} µs |"
            )
    return {
        "source": f"Figures: `bench/results/{name}` ({found['date'][:10]}, Python {found['python']}).",
        "engine": "\n".join(rows),
        "change": "\n".join(
            ["| p50 | file to 200 | bare push to 200 | ratio |", "|---|---|---|---|", *_changes(change)]
        ),
        "startup": (
            "| | |\n|---|---|\n"
            f"| `daemun --help` | {startup['help_s']['p50']:.2f} s |\n"
            f"| start to first 200, 1,000 routes | {startup['start_1000_s']['p50']:.1f} s |\n"
            f"| start to first 200, 10,000 routes | {startup['start_10000_s']:.1f} s |\n"
            f"| memory, 1,000 routes | {startup['rss_1000_mb']:.0f} MiB |\n"
            f"| memory, 10,000 routes | {startup['rss_10000_mb']:.0f} MiB |"
        ),
    }


def _changes(change: dict[str, Any]) -> list[str]:
    return [
        f"| {layout.replace('_', ' ')} | {at['file_ms']['p50']:.1f} ms | {at['bare_push_ms']['p50']:.1f} ms "
        f"| {at['ratio_p50']:.2f} |"
        for layout, at in change.items()
    ]


if __name__ == "__main__":
    main()
