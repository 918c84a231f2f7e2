"""A folder of manifests, backends, and the App that serves them: the world of one story or of one module of them."""

import asyncio
import contextlib
import shutil
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from daemun.gatewayapi.settings import Settings
from daemun.programs.app import App
from daemun.report.journal import Line, ProblemLine, SolvedLine
from daemun.sources.identities.istio import Istiod
from support.clients.client import Answer, ask
from support.objects.certificates import Pair
from support.objects.documents import Doc, service
from support.servers.backend import Echo, GrpcEcho
from support.servers.ports import free_port
from support.servers.streams import TcpEcho, UdpEcho

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which something will not come any more, however busy the machine is."""


async def until(condition: Callable[[], Awaitable[T] | T], seconds: float = PATIENCE) -> T:
    """Wait until the condition holds, and return what it gave. It may be awaitable, and may fail to connect."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            found = condition()
            value = await found if isinstance(found, Awaitable) else found
        except (OSError, AssertionError, asyncio.IncompleteReadError) as error:
            last = error
        else:
            if value:
                return value
            last = value
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {seconds} s; at last: {last!r}")


class World:
    """Write manifests, `start`, then `ask` Envoy. Everything ends with `stop`."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dmn-"))
        self.folder = self.base / "m"
        self.folder.mkdir()
        self.port = free_port()
        self.lines: list[Line] = []
        self.backends: dict[str, Echo] = {}
        self.streams: dict[str, TcpEcho] = {}
        self.app: App | None = None
        self._task: asyncio.Task[None] | None = None
        self._closers: list[Callable[[], Awaitable[None]]] = []

    # What there is

    def write(self, name: str, *documents: Doc | list[Doc] | str) -> Path:
        """Put a file into the folder, in one step, as a careful editor does."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.base / "draft"
        draft.write_text(manifest(*documents))
        draft.replace(path)
        return path

    async def echo(self, *names: str, app_protocol: str = "", tls: ssl.SSLContext | None = None) -> None:
        """Backends with Services of their names."""
        for name in names:
            one = self.backends[name] = await Echo(name.rpartition("/")[2]).start(tls=tls)
            self._closers.append(one.stop)
            self.write(f"backends/{name.replace('/', '-')}.yaml", service(name, one.port, app_protocol=app_protocol))

    async def grpc(self, *names: str, app_protocol: str = "", pair: Pair | None = None) -> None:
        """gRPC backends with Services of their names."""
        for name in names:
            one = await GrpcEcho(name).start(pair)
            self._closers.append(one.stop)
            self.write(f"backends/{name}.yaml", service(name, one.port, app_protocol=app_protocol))

    async def tcp(self, *names: str, tls: ssl.SSLContext | None = None) -> None:
        """Backends of connections with Services of their names."""
        for name in names:
            one = self.streams[name] = await TcpEcho(name, tls).start()
            self._closers.append(one.stop)
            self.write(f"backends/{name}.yaml", service(name, one.port))

    async def udp(self, *names: str) -> None:
        """Backends of datagrams with Services of their names."""
        for name in names:
            one = await UdpEcho(name).start()
            self._closers.append(one.stop)
            self.write(f"backends/{name}.yaml", service(name, one.port, protocol="UDP"))

    def closing(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have this done at the end."""
        self._closers.append(close)

    # Serving

    async def start(
        self, *, clean: bool = True, access_log: str = "", istiod: Istiod | None = None, **settings: Any
    ) -> None:
        """Serve the folder, and return when all proxies have acknowledged all of it. `clean`: without a problem."""
        self.app = App(
            [self.folder],
            self.lines.extend,
            Settings(**settings),
            access_log=access_log,
            run_dir=self.base / "r",
            state_dir=self.base / "s",
            istiod=istiod,
        )
        self._task = asyncio.create_task(self.app.run())
        await self.synced()
        assert not clean or not self.problems(), self.problems()

    async def restart(self, **settings: Any) -> None:
        """Have another Daemun take over from this one, which leaves its proxies serving."""
        assert self.app is not None
        assert self._task is not None
        self.app.leave()
        await self._task
        self.app = None
        await self.start(clean=False, **settings)

    async def synced(self, seconds: float = PATIENCE) -> None:
        """Wait until every proxy has acknowledged what it should have."""
        assert self.app is not None
        assert self._task is not None
        waiting = asyncio.create_task(self.app.synced.wait())
        try:
            await asyncio.wait([waiting, self._task], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task
            assert waiting.done(), f"not synced; {self.problems()}; {self._logs()}"
        finally:
            waiting.cancel()

    async def end(self) -> None:
        """Stop serving, without draining; the folder and what is remembered of it stay."""
        if self.app is not None and self._task is not None:
            app, task, self.app, self._task = self.app, self._task, None, None
            task.cancel()
            hurry = asyncio.create_task(_hurry(app, task))
            await asyncio.wait([task, hurry])
            if not task.cancelled():
                await task

    async def stop(self) -> None:
        """End everything and remove it."""
        await self.end()
        for close in self._closers:
            await close()
        shutil.rmtree(self.base)

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.base.glob("r/*/envoy.log"))

    # Asking

    async def ask(self, path: str = "/", method: str = "GET", *, port: int = 0, **request: Any) -> Answer:
        """One request to the main port."""
        return await ask(port or self.port, path, method, **request)

    async def answers(self, status: int, path: str = "/", *, seconds: float = PATIENCE, **request: Any) -> Answer:
        """Ask until the answer has this status."""
        last: list[Answer] = []

        async def fits() -> Answer | None:
            last[:] = [await self.ask(path, **request)]
            return last[0] if last[0].status == status else None

        try:
            return await until(fits, seconds)
        except AssertionError as error:
            raise AssertionError(f"no {status} for {path} {request}; at last {last}; {self.problems()}") from error

    async def answered_by(self, backend: str, path: str = "/", *, seconds: float = PATIENCE, **request: Any) -> Answer:
        """Ask until this backend answers."""
        return await until(lambda: self._if_by(backend, path, **request), seconds)

    async def _if_by(self, backend: str, path: str, **request: Any) -> Answer:
        got = await self.ask(path, **request)
        assert got.backend == backend, got
        return got

    # What it tells

    def problems(self) -> list[str]:
        """Every problem there is now, as it is told."""
        return [str(one) for one in self.app.journal.problems()] if self.app else []

    async def problem(self, *words: str, seconds: float = PATIENCE) -> ProblemLine:
        """Wait for the one problem that was told with these words in it."""

        def told() -> ProblemLine | None:
            assert self.app is not None
            found = [one for one in self.app.journal.problems() if all(word in str(one) for word in words)]
            assert len(found) == 1, f"{words} in {self.problems()}"
            assert found[0] in self.lines, "it is known, but nobody was told"
            return found[0]

        return await until(told, seconds)

    async def solved(self, problem: ProblemLine, seconds: float = PATIENCE) -> None:
        """Wait until it was told that the problem is no more."""
        await until(lambda: SolvedLine(problem) in self.lines, seconds)

    def condition(self, kind: str, name: str, condition: str, listener: str = "") -> tuple[str, str, str]:
        """Status, reason and message of a condition: of an object, its first parent or ancestor, or a listener."""
        assert self.app is not None
        for ref in self.app.plane.translation.statuses:
            if (ref.kind, ref.name) == (kind, name):
                status: Any = self.app.plane.translation.statuses[ref]
                holders = [one for one in getattr(status, "listeners", ()) if one.name == listener]
                above = getattr(status, "parents", ()) or getattr(status, "ancestors", ()) or (status,)
                holder = holders[0] if listener else above[0]
                for one in holder.conditions:
                    if one.type == condition:
                        return one.status, one.reason, one.message
        return "", "", ""


async def _hurry(app: App, task: asyncio.Task[None]) -> None:
    """Cut the draining short, which begins when the task is cancelled."""
    with contextlib.suppress(Exception):
        await asyncio.sleep(0)
        if not task.done():
            await app.proxies.stop(drain=0)


def manifest(*documents: Doc | list[Doc] | str) -> str:
    """YAML of documents; text is taken as it is."""
    every = [document for one in documents for document in (one if isinstance(one, list) else [one])]
    return "---\n".join(one if isinstance(one, str) else yaml.safe_dump(one, sort_keys=False) for one in every)


@contextlib.asynccontextmanager
async def fresh() -> AsyncIterator[World]:
    """A world that is not yet started, and stopped in the end."""
    one = World()
    try:
        yield one
    finally:
        await one.stop()


class Load:
    """Requests one after another on connections of their own, and what came of them."""

    def __init__(self, send: Callable[[], Awaitable[Answer]], pause: float = 0.002) -> None:
        self.answers: list[Answer | Exception] = []
        self._send = send
        self._pause = pause
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                self.answers.append(await self._send())
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.answers.append(error)
            await asyncio.sleep(self._pause)

    async def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = len(self.answers) + count
        await until(lambda: len(self.answers) >= wanted)

    async def end(self) -> None:
        """Stop asking."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def failed(self) -> list[Answer | Exception]:
        """Everything but 200."""
        return [one for one in self.answers if not (isinstance(one, Answer) and one.status == 200)]


@contextlib.asynccontextmanager
async def load(send: Callable[[], Awaitable[Answer]], pause: float = 0.002) -> AsyncIterator[Load]:
    """A steady load around a block."""
    one = Load(send, pause)
    try:
        await one.more(5)
        yield one
        await one.more(5)
    finally:
        await one.end()


def tally(answers: Iterable[Answer]) -> dict[str, int]:
    """How often which backend, or which status where there was none, answered."""
    found: dict[str, int] = {}
    for one in answers:
        key = one.backend or str(one.status)
        found[key] = found.get(key, 0) + 1
    return found
