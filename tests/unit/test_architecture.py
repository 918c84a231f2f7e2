"""ARCHITECTURE.md names every part of the program, and nothing that is not there."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PROGRAM = _ROOT / "src" / "daemun"
_TEXT = (_ROOT / "ARCHITECTURE.md").read_text()
_NAMED = re.compile(r"`(?:daemun/)?((?:[a-z0-9_]+/)*[a-z0-9_]+(?:\.py|/))`")


def _parts() -> set[str]:
    files = {one.name for one in _PROGRAM.glob("*.py") if not one.name.startswith("__")}
    return files | {f"{one.parent.name}/" for one in _PROGRAM.glob("*/__init__.py")}


def test_every_part_is_named() -> None:
    assert sorted(one for one in _parts() if f"`{one}" not in _TEXT) == []


def test_what_is_named_is_there() -> None:
    folders = {one.name for one in _PROGRAM.rglob("*") if one.is_dir()}
    files = {one.name for one in _PROGRAM.rglob("*.py")}
    missing = []
    for name in _NAMED.findall(_TEXT):
        whole = "/" in name.rstrip("/")
        there = any((root / name).exists() for root in (_PROGRAM, _ROOT))
        known = there if whole else there or name.rstrip("/") in (folders if name.endswith("/") else files)
        if not known:
            missing.append(name)
    assert missing == []
