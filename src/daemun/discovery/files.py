"""Upstreams in a folder of files, one each, which is read as the manifests are.

An Upstream of the same name that stands in a manifest counts, and its file here is removed.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from daemun.base.names import Name
from daemun.ir.discovery import Order
from daemun.process import disk


class FileUpstreams:
    """Below this folder, which is made when it is needed."""

    workers = 1

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def carry_out(self, name: Name, order: Order) -> None:
        """Write the file of an Upstream, or remove it."""
        await asyncio.to_thread(self._do, self._folder / f"{name.namespace}.{name.name}.json", order)

    def _do(self, file: Path, order: Order) -> None:
        if order.make is not None:
            _write(file, order.make)
        elif order.change is None:
            file.unlink(missing_ok=True)
        elif file.exists():
            try:
                there = msgspec.json.decode(file.read_bytes())
            except msgspec.MsgspecError as error:
                raise OSError(f"{file} is no JSON: {error}") from None
            _write(file, merged(there, order.change))


def merged(there: Any, change: Any) -> Any:
    """A document with a change (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    found = dict(there) if isinstance(there, dict) else {}
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def _write(file: Path, document: Any) -> None:
    disk.replace(file, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
