"""An Open Policy Agent that runs for one step of a chain: started, asked, started again, ended."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from daemun.extauth.rego.modules import ModulesError, bounded, checked, in_their_words, write
from daemun.fetch import Share

SECONDS = 1.0
"""For one evaluation. OPA gives up when nobody waits for it."""
_HEAP = "GOMEMLIMIT=256MiB"
_START_SECONDS = 20.0
_PAUSES = (0.1, 0.5, 2.0, 10.0)
_MOST_BYTES = 1 << 20


class EvaluatorError(Exception):
    """A policy cannot be asked; why, without anything of a request."""


class Evaluator:
    """Runs OPA over `modules` from when it is made until `close`; it will be asked the `query`.

    `program` is a path, or a name to be looked for.
    """

    def __init__(self, modules: Mapping[str, str], query: str, program: str) -> None:
        self._modules = modules
        self.query = query
        """What is to be asked; once it is ready, in the form that says what comes of it."""
        self._program = shutil.which(program)
        self._folder = Path(tempfile.mkdtemp(prefix="daemun-opa-"))
        self._socket = self._folder / "opa"
        self._http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket)), trust_env=False)
        self._ready = asyncio.Event()
        self._why = "OPA has not started"
        self.fault = ""
        """Why it will never be asked; empty if it will, or that is not known yet."""
        self.process: asyncio.subprocess.Process | None = None
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End it, and leave nothing."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._http.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def ready(self) -> None:
        """Return when it can be asked, or never will."""
        waiting = asyncio.create_task(self._ready.wait())
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def ask(self, path: str, body: bytes, share: Share) -> Any:
        """What the API at a path says: the value of `result`, None if there is none.

        Raises EvaluatorError, and CrowdedError if there is no room in the share to read it.
        """
        try:
            async with asyncio.timeout(SECONDS):
                await self._ready.wait()
                async with self._http.post(f"http://opa{path}", data=body) as response:
                    answer = bytearray()
                    async for piece in response.content.iter_any():
                        share.take(len(piece))
                        answer += piece
                        if len(answer) > _MOST_BYTES:
                            raise EvaluatorError("a policy says too much")
                    if response.status != 200:
                        raise EvaluatorError("a policy cannot be evaluated")
                    return msgspec.json.decode(answer, type=dict[str, Any]).get("result")
        except TimeoutError:
            raise EvaluatorError(self._why if not self._ready.is_set() else "a policy takes too long") from None
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError):
            raise EvaluatorError("OPA cannot be heard") from None

    async def _run(self) -> None:
        """Keep it running. Modules that it does not take are not tried again: others come with another step."""
        if self._program is None:
            self._why = self.fault = "there is no program opa beside the server, which docs/auth/opa.md says how to add"
            return
        called: dict[str, str] = {}
        environment = {"PATH": os.defpath, "HOME": str(self._folder), **dict([_HEAP.split("=")])}
        try:
            folder = self._folder / "modules"
            called = write(self._modules, folder)
            flags, self.query = await checked(self._program, folder, self.query, environment)
        except (ModulesError, OSError) as error:
            self._why = self.fault = f"the modules are refused: {in_their_words(str(error), called)}"
            return
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._once(self._program, [*flags, str(folder)], environment)
            lasted = asyncio.get_running_loop().time() - began
            failures = 0 if lasted > _START_SECONDS else failures + 1
            self._why = "OPA has ended and is started again"
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    async def _once(self, program: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        """One life of it."""
        self._socket.unlink(missing_ok=True)
        self.process = await asyncio.create_subprocess_exec(
            *(*bounded(program), "run", "--server", "--addr", f"unix://{self._socket}", "--unix-socket-perm", "600"),
            *("--skip-version-check", "--log-level", "error", *arguments),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env=dict(environment),
        )
        started = asyncio.create_task(self._started())
        try:
            await self.process.wait()
        finally:
            self._ready.clear()
            started.cancel()
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()

    async def _started(self) -> None:
        """Open for questions when it answers."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with self._http.get("http://opa/health") as response:
                        if response.status == 200:
                            self._ready.set()
                            return
                await asyncio.sleep(0.02)
