"""Further Envoys of a Gateway, beside the one that its control plane provides."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

from daemun.provision import binary
from daemun.provision.admin import AdminError, request
from daemun.provision.bootstrap import bootstrap
from support.scenes.world import World

_turn = itertools.count()


class Sibling:
    """One of them, which has just been started. It listens on the same ports (`shared_host=False`)."""

    def __init__(self, admin: Path) -> None:
        self.admin = admin

    async def answers(self) -> dict[str, int]:
        """How often it has answered, by kind of status (`2xx`); nothing as long as it is not there."""
        try:
            found = await request(str(self.admin), "/stats?format=json&filter=^http\\.[^.]*\\.downstream_rq_.xx$")
        except AdminError:
            return {}
        every = [one for one in json.loads(found)["stats"] if not one["name"].startswith("http.admin.")]
        kinds = {one["name"].rpartition("_")[2] for one in every}
        return {kind: sum(one["value"] for one in every if one["name"].endswith(f"_{kind}")) for kind in kinds}


@contextlib.asynccontextmanager
async def siblings(world: World, proxy: str = "default/gw", count: int = 1) -> AsyncIterator[list[Sibling]]:
    """So many of them, until the end of the block."""
    assert world.app is not None
    (token,) = world.app.proxies.tokens()
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            name = f"e{next(_turn)}"
            config, admin = world.base / f"{name}.json", world.base / f"{name}.sock"
            config.write_bytes(bootstrap(proxy, token, str(world.app._xds_socket), str(admin), 0, 1000))
            process = await asyncio.create_subprocess_exec(
                str(binary.find()),
                *("-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "off"),
            )
            stack.push_async_callback(_end, process)
            made.append(Sibling(admin))
        yield made


async def _end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()
