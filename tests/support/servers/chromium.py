"""A real browser: Debian's Chromium without a window, told what to do by its DevTools protocol."""

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from support.servers.redises import need

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)
PATIENCE = 30.0


class Chromium:
    """One browser with one page. Every host below `localhost` is this machine."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: str | None = None

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        async with asyncio.timeout(PATIENCE):
            while True:
                said = await self._socket.receive_json()
                if said.get("id") == number:
                    assert "error" not in said, said["error"]
                    result: dict[str, Any] = said["result"]
                    return result

    async def open(self) -> None:
        """A page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.call("Network.enable")
        await self.call("Network.setBlockedURLs", urls=["*/favicon.ico"])  # nobody asked for it

    async def tab(self) -> "Chromium":
        """One more page of this browser, with the same cookies. Only one of them is told something at a time."""
        other = Chromium(self._socket)
        other._numbers = self._numbers
        await other.open()
        return other

    async def go(self, url: str) -> None:
        """Go to a URL, and over what it redirects to, until a page is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    async def js(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        done = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true in the page that is there then."""
        last: object = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        if last := await self.js(expression):
                            return last
                    except AssertionError as error:  # the page went away meanwhile
                        last = error
                    await asyncio.sleep(0.05)
        raise AssertionError(f"{expression}: {last!r} at {await self.text()}")

    async def text(self) -> str:
        """Where the page is, and what is to be read on it."""
        return str(await self.js("location.href + ' ' + document.title + ' ' + (document.body || {}).innerText"))

    async def cookies(self) -> dict[str, str]:
        """Those of the page's host, also those that no script sees."""
        found = await self.call("Network.getCookies")
        return {one["name"]: one["value"] for one in found["cookies"]}

    async def forget(self) -> None:
        """Forget all cookies."""
        await self.call("Network.clearBrowserCookies")


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Chromium]:
    """A browser with nothing in it."""
    need("chromium", "chromium")
    profile = folder / "chromium"
    profile.mkdir()
    log = (folder / "chromium.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "chromium",
        *_OPTIONS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    try:
        address = await _address(profile / "DevToolsActivePort", process)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(address, max_msg_size=0, autoping=True) as socket,
        ):
            browser = Chromium(socket)
            await browser.open()
            yield browser
            browser._session = None
            await browser.call("Browser.close")
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, "Chromium has ended"
            if address := _written(file):
                return address
            await asyncio.sleep(0.05)


def _written(file: Path) -> str:
    try:
        port, path = file.read_text().split("\n")
    except (FileNotFoundError, ValueError):
        return ""
    return f"ws://127.0.0.1:{port}{path}"
