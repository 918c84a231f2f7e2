"""A Vault that is not itself: whatever it does, what it gave stays, somebody is told, and nobody else is slower."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from cluster.vault import ROOT, SECRETS, VaultServer
from support.objects.documents import gateway, listener, prefix, reference, route, rule
from support.scenes.vaulted import CA, READ, plain, settings, shows, stage
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A Gateway whose listener wants the Secret `default/cert`, and one beside it that wants none."""
    async with fresh() as one:
        await stage(one)
        yield one


async def beside(world: World) -> int:
    """A Gateway of somebody else's, who has nothing to do with Vault; its port."""
    port = free_port()
    world.write("beside.yaml", gateway("beside", listener(port)), route("b", rule(to="a"), parents=["beside"]))
    return port


async def changes_meanwhile(world: World, port: int) -> None:
    """What is changed now counts."""
    world.write(
        "beside.yaml",
        gateway("beside", listener(port)),
        route("b", rule(prefix("/new"), to="a"), parents=[reference("beside")]),
    )

    async def counts() -> bool:
        old, new = await world.ask("/", port=port), await world.ask("/new", port=port)
        return (old.status, new.status) == (404, 200)

    await until(counts, 60)


async def test_one_path_that_is_forbidden_is_alone_in_that(world: World, vault_server: VaultServer) -> None:
    vault_server.policy("daemun", *READ)
    token = vault_server.token("daemun")
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    vault_server.put("default/other", plain(CA.issue("other.example")))
    other = listener(free_port(), "https", certs=["other"])
    world.write("other.yaml", gateway("other", other))
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": token}))
    await world.start()
    await shows(world, "other.example", other["port"])
    allowed = "\n".join(f'path "{path}" {{ capabilities = ["read"] }}' for path in READ)
    denied = "\n".join(
        f'path "secret/{kind}/{SECRETS}/default/cert" {{ capabilities = ["deny"] }}' for kind in ("data", "metadata")
    )
    vault_server.ask("PUT", "sys/policies/acl/daemun", {"policy": f"{allowed}\n{denied}"})
    told = await world.problem("Settings", "Secret default/cert Vault permits it not", "the last good is served on")
    vault_server.put("default/other", plain(CA.issue("second.example")))
    await shows(world, "second.example", other["port"])
    await shows(world, "first.example")
    vault_server.policy("daemun", *READ)
    await world.solved(told)


async def test_a_token_that_ends_and_cannot_be_renewed(world: World, vault_server: VaultServer) -> None:
    vault_server.policy("daemun", *READ)
    token = vault_server.token("daemun", ttl="4s", renewable=False)
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    port = await beside(world)
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": token}))
    await world.start()
    await shows(world, "first.example")
    told = await world.problem("Settings", "the token is not good", "the last good is served on", seconds=60)
    await shows(world, "first.example")
    await changes_meanwhile(world, port)
    vault_server.put("default/cert", plain(CA.issue("second.example")))
    again = vault_server.token("daemun")
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": again}))
    await world.solved(told, 60)
    await shows(world, "second.example")


async def test_a_vault_that_has_lost_everything_says_nothing_of_what_it_had(
    world: World, vault_server: VaultServer
) -> None:
    """One in dev mode holds what it has in memory. The token is good in the new one, too."""
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    port = await beside(world)
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": ROOT}))
    await world.start()
    await shows(world, "first.example")
    vault_server.kill()
    await world.problem("Settings", "does not answer", "the last good is served on", seconds=60)
    await asyncio.to_thread(vault_server.start)
    told = await world.problem("Secret default/cert is not in Vault any more", "the last good is served on", seconds=60)
    await shows(world, "first.example")
    await changes_meanwhile(world, port)
    vault_server.put("default/cert", plain(CA.issue("second.example")))
    await world.solved(told, 60)
    await shows(world, "second.example")
    # What is deleted from now on is deleted.
    vault_server.delete("default/cert")
    await world.problem("gw", "Secret default/cert does not exist")


class Slow:
    """Stands before a Vault, and hands on answers one piece at a time when it may."""

    def __init__(self, to: str) -> None:
        self._host, _, self._port = to.removeprefix("http://").partition(":")
        self.free = asyncio.Event()
        self.free.set()
        self.waiting = 0
        self.address = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            back, on = await asyncio.open_connection(self._host, int(self._port))
            up = asyncio.create_task(_copy(reader, on))
            try:
                while piece := await back.read(1 << 16):
                    self.waiting += 1
                    await self.free.wait()
                    self.waiting -= 1
                    writer.write(piece)
                    await writer.drain()
            finally:
                up.cancel()
                on.close()
                writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For the time of the block."""
        server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.address = "http://{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield
        finally:
            self.free.set()
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()


async def test_a_vault_that_is_slow_slows_nobody(world: World, vault_server: VaultServer) -> None:
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    port = await beside(world)
    slow = Slow(vault_server.address)
    async with slow.running():
        world.write("settings.yaml", settings(vaultSecretSource={"address": slow.address, "accessToken": ROOT}))
        await world.start()
        await shows(world, "first.example")
        slow.free.clear()
        await until(lambda: slow.waiting > 0)
        await changes_meanwhile(world, port)
        told = await world.problem("Settings", "does not answer within 5 s", "the last good is served on", seconds=60)
        await shows(world, "first.example")
        vault_server.put("default/cert", plain(CA.issue("second.example")))
        slow.free.set()
        await world.solved(told, 60)
        await shows(world, "second.example")
