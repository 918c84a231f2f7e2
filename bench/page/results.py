"""The raw results: what each benchmark measured last, and the rows of peers, each with the run that it is from."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.tools.slope import Slope, slope

ROOT = Path(__file__).parents[2]
Figures = Mapping[str, Any]
OURS, THEIRS = "daemun", "envoy-gateway"
NAMES = {OURS: "Daemun", THEIRS: "Envoy Gateway"}


class Run(NamedTuple):
    """A file of raw results."""

    path: str
    found: Figures

    @property
    def peers(self) -> Figures:
        """What it measured of peers; empty if nothing."""
        peers: Figures = self.found.get("peers", {})
        return peers

    def link(self) -> str:
        """The day and minute of the run, as a link from docs/."""
        return linked(self.path)


class Rows:
    """The rows of peers: what was measured, by replay, peer and number of routes."""

    def __init__(self, runs: list[Run]) -> None:
        """The first run that has a replay at a number of routes is the one that counts."""
        self._rows: dict[tuple[str, int], list[Figures]] = {}
        self._runs = {run.path: run for run in runs}
        for run in runs:
            known = set(self._rows)
            for row in run.peers["rows"]:
                if (row["replay"], row["routes"]) not in known:
                    self._rows.setdefault((row["replay"], row["routes"]), []).append({**row, "run": run.path})

    def _of(self, replay: str, peer: str | None, routes: int | None) -> Iterator[Figures]:
        for (name, size), rows in self._rows.items():
            if name == replay and routes in (None, size):
                yield from (row for row in rows if peer in (None, row["peer"]))

    def sizes(self, replay: str) -> list[int]:
        """At which numbers of routes it was measured."""
        return sorted({routes for name, routes in self._rows if name == replay})

    def of(self, replay: str, peer: str, routes: int | None = None) -> Figures:
        """The figures; empty if there are none, or if the replay failed."""
        figures: Figures = next((row["figures"] for row in self._of(replay, peer, routes)), {})
        if "samples" in figures:
            plane, proxy = grows(figures["samples"])
            figures = {**figures, "slope": plane, "proxy_slope": proxy}
        return {} if "error" in figures else figures

    def failures(self, replay: str) -> Iterator[str]:
        """What could not be measured."""
        for row in self._of(replay, None, None):
            if "error" in row["figures"]:
                yield f"{NAMES[row['peer']]} at {row['routes']:,} routes: {row['figures']['error']}"

    def load(self, replay: str, peer: str, routes: int | None = None) -> float:
        """The load of the machine before it; NaN if it was not measured."""
        return next((float(row["load_before"]) for row in self._of(replay, peer, routes)), math.nan)

    def run(self, replay: str, routes: int | None = None) -> str:
        """The file that the figures are from."""
        return next((str(row["run"]) for row in self._of(replay, None, routes)), "")

    def source(self, *replays: str) -> str:
        """The files that the figures of these replays are from, and the versions of who was measured."""
        paths = sorted({self.run(replay, routes) for replay in replays for routes in self.sizes(replay)})
        return self._told(paths)

    def newest(self, replay: str) -> str:
        """The same of a replay that has one figure for each peer, whatever the size."""
        return self._told([self.run(replay)])

    def _told(self, paths: list[str]) -> str:
        versions: dict[str, str] = {}
        for path in paths:
            versions |= self._runs[path].peers["versions"]
        told = ", ".join(f"{NAMES[name]} {version}" for name, version in sorted(versions.items()))
        return f"From {', '.join(f'`{path}`' for path in paths)}: {told}."


def runs() -> list[Run]:
    """All there are, newest first."""
    paths = sorted((ROOT / "bench" / "results").glob("*.json"), reverse=True)
    return [Run(f"bench/results/{path.name}", json.loads(path.read_text())) for path in paths]


def newest(name: str) -> Run | None:
    """The run that measured a benchmark last."""
    return next((run for run in runs() if name in run.found), None)


def side_by_side() -> Rows:
    """Of each replay and size the newest run that measured both peers; of churn, which is not compared, the newest."""
    churned = [run for run in map(_churn, runs()) if run.peers["rows"]]
    return Rows([*churned[:1], *both()])


def both() -> list[Run]:
    """The runs that measured both peers, newest first."""
    return [run for run in runs() if len(run.peers.get("versions", ())) > 1]


def alone() -> Rows:
    """Of each replay and size the newest run of Daemun by itself: how much the machine's load matters."""
    return Rows([run for run in runs() if len(run.peers.get("versions", ())) == 1])


def _churn(run: Run) -> Run:
    rows = [row for row in run.peers.get("rows", ()) if row["replay"] == "churn"]
    return Run(run.path, {"peers": {**run.peers, "rows": rows}})


def grows(samples: list[list[float]]) -> tuple[Slope, Slope]:
    """MiB an hour of control plane and proxy after the first third of the time, when what begins has settled."""
    settled = [one for one in samples if one[0] >= samples[-1][0] / 3]
    plane, proxy = (slope([(one[0], one[place]) for one in settled]) for place in (1, 2))
    return plane, proxy


def value(figures: Figures, path: tuple[str, ...]) -> float | None:
    """A number in the figures, or None."""
    found: Any = figures
    for step in path:
        found = found.get(step) if found else None
    return None if found is None else float(found)


def linked(path: str) -> str:
    """A run by its day and minute, as a link from docs/."""
    day, time = Path(path).stem.split("T")
    return f"[{day} {time[:2]}:{time[2:4]}](../{path})"
