"""Daemun's end of the line to its keeper: find or start one, ask, and hear what happens."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from daemun.provision.environment import without_secrets
from daemun.provision.errors import ProvisionError
from daemun.provision.keeper.launch import SOCKET
from daemun.provision.keeper.spec import PROTOCOL
from daemun.provision.state import socket_path

Message = dict[str, object]

_KEEPER = Path(__file__).with_name("keeper") / "__main__.py"
_LINE = 1 << 22


class KeeperGone(Exception):  # noqa: N818 - not a mistake of the caller's
    """The connection to the keeper ended before it answered."""


class Link:
    """One connection to a keeper. `on_event` hears its events, and at the end one `{"event": "gone"}`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[Message], None]
    ) -> None:
        self._writer = writer
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._ids = itertools.count(1)
        self._reading = asyncio.ensure_future(self._read(reader))

    async def call(self, do: str, **fields: object) -> Message:
        """Ask the keeper something; its answer.

        Raises KeeperGone if the connection has ended, ProvisionError if it is refused.
        """
        number = next(self._ids)
        if self._reading.done():
            raise KeeperGone(do)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._writer.write(json.dumps({"id": number, "do": do, **fields}).encode() + b"\n")
        try:
            answer = await future
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise ProvisionError(f"The keeper of the proxies refused {do!r}: {answer['error']}.")
        result = answer["ok"]
        return result if isinstance(result, dict) else {}

    async def close(self) -> None:
        """Leave. The keeper and its Envoys go on for the linger time."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        await asyncio.wait([self._reading], timeout=1.0)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message: Message = json.loads(line)
                if "event" in message:
                    self._on_event(message)
                elif isinstance(number := message.get("id"), int):
                    asked = self._waiting.get(number)
                    if asked is not None and not asked.done():  # who was cancelled just now no longer waits
                        asked.set_result(message)
        except (OSError, ValueError):
            pass  # as good as an end
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KeeperGone("the keeper ended"))
        self._writer.close()
        self._on_event({"event": "gone", "name": ""})


async def connect(
    directory: Path, on_event: Callable[[Message], None], *, linger: float, drain: float
) -> tuple[Link, Message]:
    """Own the keeper of this state directory, starting one if there is none; what it keeps already.

    `linger` and `drain` are seconds. Raises ProvisionError if none can be had.
    """
    for _ in range(5):
        link = await _open(directory, on_event)
        if link is None:
            await _launch(directory)
            continue
        try:
            status = await link.call("hello", protocol=PROTOCOL, linger=linger, drain=drain)
            if status["protocol"] == PROTOCOL:
                return link, status
            await link.call("shutdown", drain=drain)
        except (KeeperGone, ProvisionError):
            pass  # it was ending just now
        await link.close()
    raise ProvisionError(f"The keeper in {directory} ends as soon as it is asked.", f"See {directory}/keeper.log.")


async def _open(directory: Path, on_event: Callable[[Message], None]) -> Link | None:
    path = socket_path(directory / SOCKET)
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=_LINE)
    except (FileNotFoundError, ConnectionError):
        return None
    return Link(reader, writer, on_event)


async def _launch(directory: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", str(_KEEPER), str(directory)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=without_secrets(os.environ),
    )
    _, error = await process.communicate()
    if process.returncode != 0:
        raise ProvisionError(
            f"The keeper of the proxies did not start: {error.decode(errors='replace').strip()}",
            f"See {directory}/keeper.log.",
        )
