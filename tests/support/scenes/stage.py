"""A world that is served by the real command, in processes of its own."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from support.scenes.world import World, until

DAEMUN = Path(sys.executable).parent / "daemun"


class Command:
    """`daemun up` on the world's folder, as a program sees it: lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    async def told(self, seconds: float = 60, /, **fields: object) -> dict[str, Any]:
        """Wait for a line with these fields."""

        def find() -> dict[str, Any] | None:
            return next((line for line in self.lines if fields.items() <= line.items()), None)

        return await until(find, seconds)

    async def ended(self, seconds: float = 60) -> int:
        """Wait for its end; its exit code."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reading
            return code


class Stage(World):
    """A world that is served by processes."""

    def __init__(self) -> None:
        super().__init__()
        (self.base / "x").mkdir(mode=0o700)
        self.env = os.environ | {"XDG_RUNTIME_DIR": str(self.base / "x"), "XDG_STATE_HOME": str(self.base / "st")}
        self.commands: list[Command] = []

    async def up(self, *options: str, seconds: float = 60) -> Command:
        """Start `daemun up`, and return when its Gateway is served."""
        argv = [str(DAEMUN), "up", str(self.folder), "-o", "json", *options]
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, env=self.env)
        one = Command(process)
        self.commands.append(one)
        await one.told(seconds, event="gateway", state="ready")
        return one

    def processes(self) -> set[int]:
        """Every process that names this world on its command line or in its environment: ours, and no others."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                    zombie = ") Z " in (entry / "stat").read_text()
                except OSError:
                    continue
                if str(self.base).encode() in told and not zombie:
                    found.add(int(entry.name))
        return found

    async def strike(self) -> None:
        """End what is left, by its process id."""
        await self.down()
        await self.stop()

    async def down(self) -> None:
        """End all processes."""
        for one in self.commands:
            if one.process.returncode is None:
                one.process.send_signal(signal.SIGTERM)
                await one.ended()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not self.processes())
