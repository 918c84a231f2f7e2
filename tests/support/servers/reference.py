"""The rate limit service of Envoy's project (github.com/envoyproxy/ratelimit), to be run in place of ours."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from support.servers.ports import free_port


class Reference:
    """It, with configurations of its own (YAML, one for each domain) and a Redis."""

    def __init__(self, program: str, folder: Path, configs: Sequence[str], redis: str) -> None:
        self._program = program
        self._redis = redis
        self._folder = folder / "runtime"
        (self._folder / "limits" / "config").mkdir(parents=True)
        for number, config in enumerate(configs):
            (self._folder / "limits" / "config" / f"{number}.yaml").write_text(config)
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        env = {
            "PATH": os.environ.get("PATH", ""),
            "USE_STATSD": "false",
            "USE_PROMETHEUS": "false",
            "BACKEND_TYPE": "redis",
            "REDIS_SOCKET_TYPE": "tcp",
            "REDIS_URL": self._redis,
            "RUNTIME_ROOT": str(self._folder),
            "RUNTIME_SUBDIRECTORY": "limits",
            "RUNTIME_WATCH_ROOT": "false",
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "GRPC_HOST": "127.0.0.1",
            "GRPC_PORT": str(self.port),
            "DEBUG_HOST": "127.0.0.1",
            "DEBUG_PORT": str(free_port()),
            "LOG_LEVEL": "error",
        }
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(self._program, env=env, stdout=quiet, stderr=quiet)
        async with asyncio.timeout(60):
            while True:
                assert self._process.returncode is None, "it has ended"
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it, by its process."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
