"""Proxies on this machine: one supervised Envoy per Gateway.

Daemun may end, crash or be replaced while its Envoys serve on. A Daemun that starts finds the keeper of its state
directory, takes over what runs there, and starts only what is missing or has changed.
"""

import asyncio
import contextlib
import functools
import json
import os
import resource
import secrets
import shutil
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from daemun import __version__
from daemun.base.digest import digest, version
from daemun.provision import admin, binary, state
from daemun.provision.bootstrap import bootstrap
from daemun.provision.errors import ProvisionError
from daemun.provision.keeper import logs
from daemun.provision.link import KeeperGone, Link, Message, connect

LINGER = 6.0
"""How long Envoys serve on without any Daemun."""
DRAIN = 10.0
"""How long what is under way may take when a proxy ends."""
_CHANGE_DRAIN = 45
_CONNECTIONS = 50_000


class Event(msgspec.Struct, frozen=True):
    """What happened to a proxy, or with an empty `proxy` to the keeper of them all.

    `kind` is `started`, `adopted`, `ready`, `exited` (`code`; minus the signal for a crash), `restarting` (in
    `seconds`), `failed` (`text`), `stopped`; `superseded` (another Daemun took over: end without `stop`) and
    `keeper-lost` (the keeper was killed and its Envoys with it; both are being started again).
    """

    kind: str
    proxy: str = ""
    pid: int = 0
    code: int = 0
    seconds: float = 0.0
    text: str = ""


class Running(msgspec.Struct):
    """An Envoy the keeper runs. `pid` is 0 while it waits to be started again."""

    proxy: str
    digest: str
    pid: int
    ready: bool


class LocalProxies:
    """The Envoys of one state directory. `start` first; end with `stop`, or with `release` to leave them serving."""

    def __init__(
        self,
        state_dir: Path,
        xds_socket: Path,
        *,
        linger: float = LINGER,
        drain: float = DRAIN,
        envoy: Path | None = None,
        concurrency: int = 0,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._dir = state_dir
        self._xds = xds_socket
        self._linger = linger
        self._drain = drain
        self._envoy = envoy
        self._concurrency = concurrency or len(os.sched_getaffinity(0))
        self._on_event = on_event
        self._owner = state.OwnerLock(state_dir)
        self._link: Link | None = None
        self._over = False
        self._running: dict[str, Running] = {}
        self._wanted: dict[str, Callable[[], dict[str, object]]] = {}
        self._tokens: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, wait: float = 10.0) -> None:
        """Own the keeper, then the state directory. A Daemun that had them is told, and has `wait` seconds to go."""
        self._envoy = self._envoy or binary.find()
        state.prepare(self._dir)
        state.socket_path(self._xds)
        await self._connect()
        try:
            await self._owner.acquire(wait)
        except ProvisionError:
            await self.release()
            raise
        with contextlib.suppress(FileNotFoundError):
            self._tokens.update(json.loads((self._dir / "tokens.json").read_bytes()))

    async def ensure(self, proxy: str, *, overrides: Mapping[str, object] | None = None) -> None:
        """Let this proxy run with the bootstrap it should have: adopt it, start it, or replace it without a gap.

        Returns when it is on its way; `ready` waits for it. `overrides` replaces fields of the bootstrap.
        """
        await self._ensure(proxy, functools.partial(self._spec, proxy, overrides))

    async def ensure_program(self, name: str, socket: Path, argv: Callable[[Path], list[str]]) -> None:
        """Let a program run beside the proxies, as they do: it listens at `socket`, and is a client of the xDS server
        with a token of its own, which is in a file. `argv` is told which.
        """
        await self._ensure(name, functools.partial(self._program, name, socket, argv))

    async def _ensure(self, proxy: str, wanted: Callable[[], dict[str, object]]) -> None:
        self._wanted[proxy] = wanted
        async with self._locks.setdefault(proxy, asyncio.Lock()):
            if proxy not in self._wanted:
                return  # removed meanwhile
            spec = wanted()
            runs = self._running.get(proxy)
            if runs is not None and runs.digest == spec["digest"]:
                self._on_event(Event("adopted", proxy, runs.pid))
                return
            with contextlib.suppress(KeeperGone):  # then the recovery starts it
                answer = await self._call("start", **spec)
                # Not simply replaced: it may have become ready before this task went on.
                runs = self._running.setdefault(proxy, msgspec.convert(answer | {"proxy": proxy}, Running))
                runs.digest = str(spec["digest"])
                for path in self._folder(proxy).glob("bootstrap-*.json"):
                    if path.name != _file(spec):
                        path.unlink(missing_ok=True)

    async def ready(self, proxy: str, seconds: float = 15.0) -> bool:
        """Whether the proxy serves its first configuration, within so many seconds."""

        def serves() -> bool:
            runs = self._running.get(proxy)
            return runs is not None and runs.ready

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(serves)
        return serves()

    async def remove(self, proxy: str, drain: float | None = None) -> None:
        """Drain and end a proxy and forget its token. Called again meanwhile, it can shorten the drain.

        `drain` is in seconds.
        """
        self._wanted.pop(proxy, None)
        seconds = self._drain if drain is None else drain
        await self._end(proxy, seconds)
        async with self._locks.setdefault(proxy, asyncio.Lock()):
            if proxy not in self._wanted:
                await self._end(proxy, seconds)  # when an `ensure` was just under way
                self._tokens.pop(proxy, None)
                self._save_tokens()
                await asyncio.to_thread(shutil.rmtree, self._folder(proxy), True)

    async def stop(self, drain: float | None = None) -> None:
        """Drain and end all proxies and the keeper. Called again meanwhile, it can shorten the drain.

        `drain` is in seconds.
        """
        self._over = True
        self._cancel()
        if self._link is not None:
            with contextlib.suppress(KeeperGone, ProvisionError):
                await self._link.call("shutdown", drain=self._drain if drain is None else drain)
        self._running.clear()
        await self.release()

    async def release(self) -> None:
        """Let go without stopping anything: a successor has `linger` seconds to take over."""
        self._over = True
        self._cancel()
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        self._owner.release()

    def running(self) -> list[Running]:
        """The proxies that run or wait to be started again, those of a former Daemun included."""
        return [self._running[proxy] for proxy in sorted(self._running)]

    def tokens(self) -> Mapping[str, str]:
        """Which proxy has which token: the identity of an xDS client. A snapshot."""
        return MappingProxyType({token: proxy for proxy, token in self._tokens.items()})

    def admin(self, proxy: str) -> Path:
        """The socket of the proxy's admin interface."""
        return self._folder(proxy) / "admin.sock"

    async def admin_get(self, proxy: str, target: str, seconds: float = 5.0) -> bytes:
        """Ask the proxy's admin interface, for example for `/stats`; `admin.AdminError` if it does not answer."""
        return await admin.request(str(self.admin(proxy)), target, seconds=seconds)

    def log(self, proxy: str) -> Path:
        """Where the proxy's log is; `access.log` lies beside it."""
        return self._folder(proxy) / "envoy.log"

    def tail(self, proxy: str, lines: int = 20) -> list[str]:
        """The last lines of the proxy's log."""
        return logs.tail(self.log(proxy), lines)

    async def _end(self, proxy: str, seconds: float) -> None:
        if proxy in self._running:
            with contextlib.suppress(KeeperGone):
                await self._call("stop", name=proxy, drain=seconds)
            self._running.pop(proxy, None)

    def _folder(self, proxy: str) -> Path:
        return self._dir / state.folder(proxy)

    def _spec(self, proxy: str, overrides: Mapping[str, object] | None) -> dict[str, object]:
        """What the keeper is told; the files it needs are written."""
        assert self._envoy is not None  # noqa: S101 - `start` found it
        folder = self._folder(proxy)
        folder.mkdir(mode=0o700, exist_ok=True)
        socket = str(state.socket_path(self.admin(proxy)))
        config = bootstrap(proxy, self._token(proxy), str(self._xds), socket, _heap(), _connections(), overrides)
        found = self._envoy.stat()
        options = [
            *("--concurrency", str(self._concurrency), "--log-level", "info"),
            # At "info" it lists each extension it has at every start: 33 KB.
            *("--component-log-level", "main:warning"),
            *("--drain-time-s", str(_CHANGE_DRAIN), "--drain-strategy", "immediate"),
            *("--parent-shutdown-time-s", str(_CHANGE_DRAIN + 15)),
        ]
        # An upgraded binary at the same place is another binary.
        identity = f"{self._envoy} {found.st_size} {found.st_mtime_ns} {options}"
        value = version(digest(config, identity.encode()))
        spec: dict[str, object] = {"name": proxy, "directory": str(folder), "admin": socket, "digest": value}
        path = folder / _file(spec)
        state.write(path, config)  # holds the token, so it is no command line argument
        return spec | {"argv": [str(self._envoy), "--config-path", str(path), *options]}

    def _program(self, name: str, socket: Path, argv: Callable[[Path], list[str]]) -> dict[str, object]:
        folder = self._folder(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        token = folder / "token"
        state.write(token, self._token(name).encode())
        command = argv(token)
        value = version(digest(__version__.encode(), *(one.encode() for one in command)))
        spec: dict[str, object] = {"name": name, "directory": str(folder), "digest": value, "argv": command}
        return spec | {"admin": str(state.socket_path(socket)), "plain": True}

    def _token(self, proxy: str) -> str:
        if proxy not in self._tokens:
            self._tokens[proxy] = secrets.token_urlsafe(32)
            self._save_tokens()
        return self._tokens[proxy]

    def _save_tokens(self) -> None:
        state.write(self._dir / "tokens.json", msgspec.json.encode(self._tokens, order="sorted"))

    async def _call(self, do: str, **fields: object) -> Message:
        if self._link is None:
            raise KeeperGone(do)
        return await self._link.call(do, **fields)

    async def _connect(self) -> None:
        self._link, status = await connect(self._dir, self._heard, linger=self._linger, drain=self._drain)
        found = status["proxies"]
        assert isinstance(found, list)  # noqa: S101 - what was asked for
        self._running = {str(one["name"]): msgspec.convert(one | {"proxy": one["name"]}, Running) for one in found}

    def _heard(self, message: Message) -> None:
        kind = message.pop("event")
        if kind == "gone":
            if not self._over and self._link is not None:
                self._link = None
                self._running.clear()
                self._on_event(Event("keeper-lost"))
                self._spawn(self._recover())
            return
        event = msgspec.convert(message | {"kind": kind, "proxy": message["name"]}, Event)
        if kind == "superseded":
            self._over = True
        elif kind == "stopped":
            self._running.pop(event.proxy, None)
        elif runs := self._running.get(event.proxy):
            runs.ready = kind == "ready"
            runs.pid = 0 if kind in {"exited", "failed"} else event.pid or runs.pid
        elif kind == "started":
            self._running[event.proxy] = Running(event.proxy, str(message["digest"]), event.pid, ready=False)
        self._on_event(event)
        self._spawn(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _recover(self) -> None:
        """The keeper was killed, and the system ended its Envoys with it: begin anew."""
        delay = 0.1
        while not self._over:
            try:
                await self._connect()
                for proxy, wanted in list(self._wanted.items()):
                    await self._ensure(proxy, wanted)
            except (ProvisionError, OSError) as error:
                self._on_event(Event("failed", text=str(error)))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
            else:
                return

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


def _file(spec: Mapping[str, object]) -> str:
    return f"bootstrap-{str(spec['digest'])[:12]}.json"


def _heap() -> int:
    """Half of the memory of this machine, the most one proxy may take."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(256 << 20, total // 2)


def _connections() -> int:
    """What the limit on open files allows, with one connection upstream for each downstream."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _CONNECTIONS if hard == resource.RLIM_INFINITY else min(_CONNECTIONS, hard // 2)
