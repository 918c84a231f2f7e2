"""The keeper by itself, with shell scripts for Envoys: restarts, owners, its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from daemun.provision.errors import ProvisionError
from daemun.provision.keeper.spec import Spec
from daemun.provision.link import Link, Message, connect


class Events:
    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._news = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.heard.append(message)
        self._news.set()

    async def wait(self, what: Callable[[list[Message]], bool]) -> None:
        async with asyncio.timeout(30):
            while not what(self.heard):
                self._news.clear()
                await self._news.wait()

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.heard if message["event"] == kind]


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie whose parent is slow to bury it has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


async def ended(pid: int) -> None:
    async with asyncio.timeout(30):
        while not gone(pid):  # noqa: ASYNC110 - not our child: nobody tells us
            await asyncio.sleep(0.01)


def facts(pid: int) -> tuple[int, int]:
    """The memory of a process in KiB, and its session."""
    status = Path(f"/proc/{pid}/status").read_text()
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(status.split("VmRSS:")[1].split()[0]), int(stat.rsplit(")", 1)[1].split()[3])


def spec(folder: Path, script: str) -> dict[str, object]:
    folder = folder / "proxy"
    folder.mkdir(exist_ok=True)
    argv = ["/bin/sh", "-c", script]
    return {
        "name": "a/b",
        "argv": argv,
        "directory": str(folder),
        "admin": str(folder / "a.sock"),
        "digest": script,
    }


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[tuple[Link, Events, int]]:
    events = Events()
    link, status = await connect(tmp_path, events, linger=0.3, drain=0.1)
    pid = status["pid"]
    assert isinstance(pid, int)
    yield link, events, pid
    with contextlib.suppress(Exception):
        await link.call("shutdown", drain=0)
    await link.close()
    await ended(pid)
    assert not (tmp_path / "keeper.sock").exists()
    assert (tmp_path / "keeper.log").read_text() == ""


async def test_it_is_small_private_and_in_a_session_of_its_own(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    memory, session = facts(kept[2])
    assert memory < 24_000
    assert session == kept[2]
    assert (tmp_path / "keeper.sock").stat().st_mode & 0o777 == 0o600


async def test_a_crash_is_answered_with_growing_delays(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    link, events, _ = kept
    await link.call("start", **spec(tmp_path, "echo oh >&2; exit 3"))
    await events.wait(lambda heard: len(events.of("restarting")) == 3)
    assert [event["code"] for event in events.of("exited")] == [3, 3, 3]
    assert [event["seconds"] for event in events.of("restarting")] == [0.2, 0.4, 0.8]
    assert (tmp_path / "proxy" / "envoy.log").read_text() == "oh\n" * 3


async def test_a_command_that_cannot_start_is_reported_and_tried_again(
    kept: tuple[Link, Events, int], tmp_path: Path
) -> None:
    link, events, _ = kept
    wrong = spec(tmp_path, "") | {"argv": [str(tmp_path / "nothing")]}
    await link.call("start", **wrong)
    await events.wait(lambda heard: len(events.of("failed")) == 2)
    assert "nothing" in str(events.of("failed")[0]["text"])


async def test_starting_twice_starts_once_and_stopping_ends_it(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    link, events, _ = kept
    first = await link.call("start", **spec(tmp_path, "exec sleep 60"))
    assert await link.call("start", **spec(tmp_path, "exec sleep 60")) == first
    await link.call("stop", name="a/b", drain=0)
    assert len(events.of("started")) == len(events.of("stopped")) == 1
    assert isinstance(first["pid"], int)
    await ended(first["pid"])


async def test_the_latest_owner_counts(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    link, events, pid = kept
    started = await link.call("start", **spec(tmp_path, "exec sleep 60"))
    successor, status = await connect(tmp_path, Events(), linger=0.3, drain=0.1)
    assert (status["pid"], status["proxies"]) == (pid, [started])
    await events.wait(lambda heard: [event["event"] for event in heard[-2:]] == ["superseded", "gone"])
    await successor.call("shutdown", drain=0)
    await successor.close()


async def test_a_wrong_request_harms_nobody(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    link = kept[0]
    for do, fields in (("dance", {}), ("start", {"name": "x"}), ("stop", {"name": "x", "drain": "soon"})):
        with pytest.raises(ProvisionError, match="refused"):
            await link.call(do, **fields)
    assert (await link.call("status"))["proxies"] == []


async def test_without_an_owner_it_ends_after_the_linger_time(kept: tuple[Link, Events, int], tmp_path: Path) -> None:
    link, _, pid = kept
    started = await link.call("start", **spec(tmp_path, "exec sleep 60"))
    await link.close()
    assert isinstance(started["pid"], int)
    await ended(started["pid"])
    await ended(pid)


def test_a_spec_bounds_its_logs() -> None:
    assert Spec("a/b", [], "/d", "/d/a.sock", "0").log_bytes == 10 << 20
