"""F12: a Daemun that starts amid a rotation. What was before is on no disk, and only that listener is closed."""

import ssl
from pathlib import Path

import pytest

from support.clients.client import connection
from support.objects.certificates import Pair, authority, shown_to
from support.objects.documents import gateway, listener, route, rule, secret
from support.scenes.world import World, fresh, until

CA = authority()


async def shown(world: World, host: str) -> bytes:
    """The certificate that answers a handshake."""
    async with connection(world.port, tls=CA.client(), sni=host) as (_, writer):
        return shown_to(writer)


async def shows(world: World, host: str, pair: Pair) -> None:
    wanted = ssl.PEM_cert_to_DER_cert(pair[0].decode())

    async def look() -> bool:
        return await shown(world, host) == wanted

    await until(look)


def below(folder: Path) -> bytes:
    """All that is in the files below a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_f12_a_start_with_half_a_rotation_closes_just_its_listener() -> None:
    old, new, other = CA.issue("mine.test"), CA.issue("mine.test"), CA.issue("other.test")
    async with fresh() as world:
        await world.echo("a")
        world.write("mine.yaml", secret("mine", *old))
        world.write("other.yaml", secret("other", *other))
        listeners = [listener(world.port, name, hostname=f"{name}.test", certs=[name]) for name in ("mine", "other")]
        world.write("gateway.yaml", gateway("gw", *listeners), route("all", rule(to="a")))
        await world.start()
        await shows(world, "mine.test", old)
        world.write("mine.yaml", secret("mine", new[0], old[1]))
        await world.problem("tls.key is not the key of tls.crt", "the one before it is served on")
        await shows(world, "mine.test", old)
        await world.end()
        for pair in (old, new, other):
            assert pair[1].splitlines()[1] not in below(world.base / "s"), "a key on disk"

        await world.start(clean=False)
        told = await world.problem("tls.key is not the key of tls.crt")
        assert "is served on" not in str(told)
        await shows(world, "other.test", other)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(world, "mine.test")
        world.write("mine.yaml", secret("mine", *new))
        await world.solved(told)
        await shows(world, "mine.test", new)
