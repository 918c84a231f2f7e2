"""A9: a Registry that a tenant writes is no way to what only the gateway's machine reaches, whatever its type."""

import asyncio
import contextlib
from typing import Any, Self

import pytest

from daemun.base.guard import LOOPBACK, Guard
from daemun.base.names import DAEMUN, Ref
from daemun.ir.instances import Lookup
from daemun.ir.registries import Configured
from daemun.process.listening import stop_listening
from daemun.sources.registries.kinds import OWN, opened
from daemun.sources.registries.registry import ConfigError, RegistryError

SECRET = {
    "token": b"t",
    "clientId": b"c",
    "clientSecret": b"s",
    "aws_access_key_id": b"AKIAEXAMPLE",
    "aws_secret_access_key": b"s",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "cloud-foundry": {"api": "http://HERE", "organization": "o", "space": "s"},
    "consul": {"httpAddress": "http://HERE"},
    "dns": {"nameservers": ["HERE"]},
    "ec2": {"region": "eu-central-1"},
    "nomad": {"address": "http://HERE"},
}
"""Each asks the place that HERE stands for; EC2 does because the test says that AWS is there."""


def written(value: Any, here: str) -> Any:
    """The configuration with the place put in."""
    if isinstance(value, dict):
        return {key: written(each, here) for key, each in value.items()}
    if isinstance(value, list):
        return [written(each, here) for each in value]
    return value.replace("HERE", here)


class Ear(asyncio.DatagramProtocol):
    """Hears everybody who comes to a port of this machine, over TCP and UDP, and answers nobody."""

    def __init__(self) -> None:
        self.heard = 0
        self.port = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard += 1

    async def __aenter__(self) -> Self:
        def heard(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heard += 1
            writer.close()

        self._tcp = await asyncio.start_server(heard, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        await stop_listening(self._tcp)
        await self._tcp.wait_closed()


async def asked(kind: str, guard: Guard, here: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a Registry of this type says of a service when it asks there; empty if it says nothing in a while."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{here}")
    config = written(CONFIGS[kind], here)
    try:
        registry = opened(Configured(Ref(DAEMUN, "Registry", "tenant", "r"), kind, config, SECRET), guard)
    except ConfigError as error:
        return error.text
    try:
        async with contextlib.aclosing(registry.follow(Lookup("tenant/r", "pets.test:80"))) as answers:
            await anext(answers)
    except RegistryError as error:
        return error.text
    finally:
        await registry.close()
    return ""


def test_every_type_is_tried() -> None:
    assert CONFIGS.keys() == OWN.keys()


@pytest.mark.parametrize("kind", CONFIGS)
async def test_a9_a_registry_asks_nobody_on_the_gateways_own_machine(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Ear() as ear:
        here = f"127.0.0.1:{ear.port}"
        assert "which is not allowed" in await asked(kind, Guard(), here, monkeypatch)
        assert ear.heard == 0
        # The same, where it is allowed: so it would have been heard.
        assert await asked(kind, Guard.of(*LOOPBACK), here, monkeypatch)
        assert ear.heard > 0
