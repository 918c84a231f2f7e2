"""The keeper's one socket: who owns the Envoys now, and what becomes of them when nobody does."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from daemun.process.listening import stop_listening
from daemun.provision.keeper import process
from daemun.provision.keeper.child import Child
from daemun.provision.keeper.spec import PROTOCOL, Spec

LINGER = 6.0
DRAIN = 5.0
_LINE = 1 << 20
_ROTATE_EVERY = 1.0

Message = dict[str, object]


class Keeper:
    """Owns the children. One connection at a time owns the keeper: the latest that said `hello`."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._children: dict[str, Child] = {}
        self._owner: asyncio.StreamWriter | None = None
        self._linger = LINGER
        self._drain = DRAIN
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._readers: set[asyncio.Task[None] | None] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until told to end, or until nobody has owned the Envoys for the linger time."""
        process.watch()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._abandoned)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._connected, self._path, limit=_LINE)
        self._path.chmod(0o600)
        self._wait_for_owner()
        ready()
        rotation = asyncio.ensure_future(self._rotate())
        await self._over.wait()
        if self._tasks:  # the answer to `shutdown`
            await asyncio.wait(self._tasks, timeout=1.0)
        rotation.cancel()
        await stop_listening(server)
        for writer in self._writers:
            writer.close()
        if self._readers:
            await asyncio.wait(set(filter(None, self._readers)), timeout=1.0)

    def emit(self, event: str, **fields: object) -> None:
        """Tell the owner; without one, the news is in `status` when the next one comes."""
        if self._owner is not None:
            _send(self._owner, {"event": event, **fields})

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        me = asyncio.current_task()
        self._readers.add(me)
        try:
            while line := await reader.readline():
                # Each on its own, for a stop may last: another request must be able to shorten it.
                task = asyncio.ensure_future(self._answer(writer, json.loads(line)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (OSError, ValueError):
            pass  # it went away, or does not speak our language
        finally:
            self._writers.discard(writer)
            self._readers.discard(me)
            writer.close()
            if self._owner is writer:
                self._owner = None
                self._wait_for_owner()

    async def _answer(self, writer: asyncio.StreamWriter, message: Message) -> None:
        reply: Message = {"id": message.pop("id", None)}
        try:
            reply["ok"] = await self._do(writer, str(message.pop("do", "")), message)
        except Exception as error:  # noqa: BLE001 - the keeper must outlive any request
            reply["error"] = f"{type(error).__name__}: {error}"
        _send(writer, reply)

    async def _do(self, writer: asyncio.StreamWriter, do: str, message: Message) -> object:
        if do == "hello":
            return self._hello(writer, message)
        if do == "status":
            return self._status()
        if writer is not self._owner:
            raise PermissionError("superseded")
        if do == "start":
            return await self._start(Spec(**message))  # type: ignore[arg-type]  # what does not fit is answered with the error
        if do == "stop":
            return await self._stop(str(message["name"]), _seconds(message["drain"]))
        if do == "shutdown":
            await self._end(_seconds(message["drain"]))
            return True
        raise ValueError(f"unknown request {do!r}")

    def _hello(self, writer: asyncio.StreamWriter, message: Message) -> Message:
        if self._ending is not None:
            raise ConnectionError("ending")
        former, self._owner = self._owner, writer
        if former is not None and former is not writer:
            _send(former, {"event": "superseded", "name": ""})
            former.close()
        self._linger = _seconds(message["linger"])
        self._drain = _seconds(message["drain"])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._status()

    def _status(self) -> Message:
        proxies = [child.status() for child in self._children.values() if not child.stopping]
        return {"protocol": PROTOCOL, "pid": os.getpid(), "proxies": proxies}

    async def _start(self, spec: Spec) -> Message:
        child = self._children.get(spec.name)
        if child is not None and child.stopping:
            await child.stop(float("inf"))
            child = self._children.get(spec.name)
        if self._ending is not None:
            raise ConnectionError("ending")
        if child is None:
            child = self._children[spec.name] = Child(spec, self._lock, self.emit)
        elif child.spec.digest != spec.digest:
            child.replace(spec)
        return child.status()

    async def _stop(self, name: str, seconds: float) -> bool:
        child = self._children.get(name)
        if child is None:
            return False
        await child.stop(seconds)
        if self._children.get(name) is child:
            del self._children[name]
        return True

    def _wait_for_owner(self) -> None:
        if self._ending is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self._abandoned)

    def _abandoned(self) -> None:
        self._end(self._drain)

    def _end(self, seconds: float) -> "asyncio.Future[None]":
        """Stop everything. The socket goes first, so that a successor starts its own keeper, which waits for us."""
        self._path.unlink(missing_ok=True)
        stops = asyncio.ensure_future(self._stop_all(seconds))
        if self._ending is None:
            self._ending = stops
            stops.add_done_callback(lambda _: self._over.set())
        self._tasks.add(stops)
        stops.add_done_callback(self._tasks.discard)
        return stops

    async def _stop_all(self, seconds: float) -> None:
        await asyncio.gather(*(self._stop(name, seconds) for name in list(self._children)))

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(_ROTATE_EVERY)
            for child in self._children.values():
                child.rotate()


def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    if writer.is_closing():
        return
    if writer.transport.get_write_buffer_size() > _LINE:
        writer.transport.abort()  # it does not read: it hangs, and must not make the keeper grow
        return
    writer.write(json.dumps(message).encode() + b"\n")


def _seconds(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number of seconds")
    return float(value)
