"""The tables of docs/performance.md about Daemun by itself, each from the figures of one benchmark."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.folder.churn import memory
from bench.page.results import Figures
from bench.tools.slope import slope

_FEW = 20
"""Values of which there is no mean worth telling."""


def measured(found: Figures) -> Mapping[str, Any]:
    """What was measured, without what was noted of the machine."""
    return {name: at for name, at in found.items() if isinstance(at, dict)}


def engine(found: Figures) -> Iterator[str]:
    """A change in the engine alone."""
    yield "| routes | first build | one route | endpoints of a Service | no difference |"
    yield "|---|---|---|---|---|"
    for size, at in measured(found).items():
        cells = [f"{at[name]['p50']:.0f} µs" for name in ("route_us", "endpoint_us", "same_us")]
        yield f"| {int(size):,} | {at['build_s']:.2f} s | {' | '.join(cells)} |"


def classic(found: Figures) -> Iterator[str]:
    """A change of Gloo's classic resources."""
    yield "| routes of the VirtualService | a RouteTable of 10 of them | a RouteOption of one of them |"
    yield "|---|---|---|"
    for size, at in found.items():
        yield f"| {int(size):,} | {at['table_us']['p50']:,.0f} µs | {at['option_us']['p50']:,.0f} µs |"


def startup(found: Figures) -> Iterator[str]:
    """The program as a whole."""
    yield "| | |"
    yield "|---|---|"
    yield f"| `daemun --help` | {found['help_s']['p50']:.2f} s |"
    yield f"| start to first 200, 1,000 routes | {found['start_1000_s']['p50']:.1f} s |"
    yield f"| start to first 200, 10,000 routes | {found['start_10000_s']:.1f} s |"
    yield f"| memory, 1,000 routes | {found['rss_1000_mb']:.0f} MiB |"
    yield f"| memory, 10,000 routes | {found['rss_10000_mb']:.0f} MiB |"


def change(found: Figures) -> Iterator[str]:
    """A file until the first 200, beside a bare push."""
    yield "| p50 | file to 200 | bare push to 200 | ratio |"
    yield "|---|---|---|---|"
    for layout, at in found.items():
        times = [f"{at[name]['p50']:.1f} ms" for name in ("file_ms", "bare_push_ms")]
        yield f"| {layout.replace('_', ' ')} | {' | '.join(times)} | {at['ratio_p50']:.2f} |"


def touched(found: Figures) -> Iterator[str]:
    """One of many files."""
    yield "| routes | file to 200, p50 | p90 | bytes sent | CPU of Daemun | memory |"
    yield "|---|---|---|---|---|---|"
    for size, at in found.items():
        yield (
            f"| {int(size):,} | {at['file_to_200_ms']['p50']:.1f} ms | {at['file_to_200_ms']['p90']:.1f} ms "
            f"| {at['bytes_per_change']:,} | {at['cpu_ms_per_change']:.1f} ms | {at['rss_mib']:.0f} MiB |"
        )


def shapes(found: Figures) -> Iterator[str]:
    """A change by what routes are told apart by."""
    sizes = list(next(iter(found.values())))
    yield f"| p50 (p90) | {' | '.join([f'{int(size):,} routes' for size in sizes])} |"
    yield f"|---|{'---|' * len(sizes)}"
    for name, at in found.items():
        cells = [f"{one['p50']:.1f} ms ({one['p90']:.1f})" for one in at.values()]
        yield f"| {name} | {' | '.join(cells)} |"


def lag(found: Figures) -> Iterator[str]:
    """How late the event loop is during a first build."""
    yield "| routes | | build | loop late by, p50 | p99 | at most |"
    yield "|---|---|---|---|---|---|"
    for size, ways in found.items():
        for how, at in ways.items():
            cells = [f"{at['late_ms'][name]:,.0f} ms" for name in ("p50", "p99", "max")]
            yield f"| {int(size):,} | {how} | {at['build_s']:.1f} s | {' | '.join(cells)} |"


def turns(found: Figures) -> Iterator[str]:
    """How long one tenant waits for another."""
    yield "| routes of one tenant | | all of them | another tenant's change, p50 | at most |"
    yield "|---|---|---|---|---|"
    for size, ways in found.items():
        for how, at in ways.items():
            yield f"| {int(size):,} | {how} | {at['all_s']:.1f} s | {at['p50_ms']:,.0f} ms | {at['max_ms']:,.0f} ms |"


def hosts(found: Figures) -> Iterator[str]:
    """Envoy's CPU for a request."""
    yield "| CPU per request | plain | scopes | ratio |"
    yield "|---|---|---|---|"
    for name, at in measured(found).items():
        yield f"| {name} | {at['plain']:.1f} µs | {at['scoped']:.1f} µs | {at['ratio']:.2f} |"


def instructions(found: Figures) -> Iterator[str]:
    """Envoy's instructions for a request."""
    yield "| instructions per request | plain | scopes | ratio |"
    yield "|---|---|---|---|"
    for name, at in found.items():
        yield f"| {name} | {at['plain']:,} | {at['scoped']:,} | {at['ratio']:.2f} |"


def guarded(found: Figures) -> Iterator[str]:
    """What authentication costs a request."""
    behind = [name for name in found if name.startswith("with ")]
    yield f"| | p50 | without | ratio | {' | '.join(behind)} | instructions |"
    yield f"|---|---|---|---|{'---|' * len(behind)}---|"
    for name, at in measured(found).items():
        if name in behind:
            continue
        cells = [f"{at['p50_us']:.1f} µs", f"{at['beside']:.1f} µs", f"{at['ratio']:.2f}"]
        cells += [f"{found[one][name]['ratio']:.2f}" for one in behind]
        counted = at.get("ratio of instructions")
        yield f"| {name} | {' | '.join(cells)} | {'–' if counted is None else f'{counted:.2f}'} |"


def rounds(found: Figures) -> Iterator[str]:
    """Memory of `daemun up` under churn."""
    yield "| until minute | rounds | control plane, mean of 10 minutes | proxy |"
    yield "|---|---|---|---|"
    points = {name: memory(found, name) for name in ("daemun", "envoy")}
    last = points["daemun"][-1][0]
    for begins in range(0, int(last), 600):
        within = {name: [value for at, value in all_ if begins <= at < begins + 600] for name, all_ in points.items()}
        count = len(within["daemun"])
        if count < _FEW:
            break
        cells = [f"{sum(values) / count:.1f} MiB" for values in within.values()]
        yield f"| {min(begins + 600, last) / 60:.0f} | {count} | {' | '.join(cells)} |"
    grows = [f"{slope(at)} MiB an hour" for at in points.values()]
    yield f"| all | {len(points['daemun'])} of {found['routes']:,} routes | {' | '.join(grows)} |"
