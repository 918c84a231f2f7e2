"""A real Redis of a test's own, on loopback. Debian's redis-server; without it such tests are skipped, and say so."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.servers.ports import free_port


class RedisServer:
    """One server that can be ended and started again, and forgets everything then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", *options, "--dir", str(self._folder), stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    def pause(self) -> None:
        """Let it stand still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it, by its process."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


@contextlib.asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[RedisServer]:
    """A Redis for one test."""
    need("redis-server", "redis-server")
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def need(program: str, package: str) -> None:
    """A program that Debian has in a package: without it the test is skipped, or fails where all must run."""
    if shutil.which(program) is None:
        text = f"{program} is missing: apt-get install {package}"
        if os.environ.get("DAEMUN_CLUSTER") == "required":
            pytest.fail(text)
        pytest.skip(text)
