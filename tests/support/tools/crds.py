"""Writes the chart's CRDs anew, one file each: `python tests/support/tools/crds.py`, part of `make golden`."""

from pathlib import Path

from daemun.api.crds import definitions
from daemun.cli.crds import text


def main() -> None:
    """Write them, and remove those that there are no more."""
    folder = Path(__file__).parents[3] / "deploy" / "chart" / "crds"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for one in definitions():
        (folder / f"{one['metadata']['name']}.yaml").write_text(text(one))


if __name__ == "__main__":
    main()
