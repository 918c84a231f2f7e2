"""Files stay small: no source file above 400 lines, and the median not above 150. Part of `make check`."""

import statistics
import sys
from pathlib import Path

_LARGEST = 400
_MEDIAN = 150
_GOLDEN = 120


def main() -> int:
    """Name what is too long; 1 if anything is."""
    root = Path(__file__).parents[3]
    sizes = {path: len(path.read_text().splitlines()) for path in sorted((root / "src").rglob("*.py"))}
    sizes = {path: lines for path, lines in sizes.items() if lines}
    found = [
        f"{path.relative_to(root)}: {lines} lines (at most {_LARGEST})"
        for path, lines in sizes.items()
        if lines > _LARGEST
    ]
    for path in sorted((root / "tests" / "golden").rglob("*.yaml")):
        lines = len(path.read_text().splitlines())
        if lines > _GOLDEN:
            found.append(f"{path.relative_to(root)}: {lines} lines (a golden has at most {_GOLDEN}: split it)")
    median = statistics.median(sizes.values())
    if median > _MEDIAN:
        found.append(f"the median source file has {median} lines (at most {_MEDIAN})")
    print("\n".join(found) or f"{len(sizes)} source files, median {median:.0f} lines, largest {max(sizes.values())}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
