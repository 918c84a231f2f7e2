"""Whom registries trust: who is signed by the authority of their Secret, and nobody else if that is not wished."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from daemun.base.guard import LOOPBACK, Guard
from daemun.base.names import DAEMUN, Ref
from daemun.ir.instances import Instances, Lookup
from daemun.ir.registries import Configured
from daemun.sources.registries.kinds import opened
from daemun.sources.registries.registry import ConfigError, RegistryError
from support.objects.certificates import Authority, authority
from support.standins.cloudfoundry import CLIENT, SECRET, CloudFoundry
from support.standins.consul import Consul
from support.standins.nomad import Nomad

FIELDS = {
    "cloud-foundry": ("api", {"organization": "org", "space": "dev"}, CloudFoundry),
    "consul": ("httpAddress", {}, Consul),
    "nomad": ("address", {}, Nomad),
}


class Trusting:
    """A registry behind TLS that knows an instance of `pets`, and whoever asks it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.field, self.config, server = FIELDS[kind]
        self.server: Any = server()
        self.server.tls = authority().server("localhost")

    async def start(self) -> None:
        await self.server.start()
        if self.kind == "cloud-foundry":
            self.server.app("pets", 3)
        else:
            await self.server.put("pets", 3)

    async def ask(self, authorities: bytes = b"", **config: Any) -> Instances:
        secret = {"clientId": CLIENT.encode(), "clientSecret": SECRET.encode()}
        if authorities:
            secret["ca.crt"] = authorities
        written = {self.field: self.server.address, **self.config, **config}
        one = opened(Configured(Ref(DAEMUN, "Registry", "a", "b"), self.kind, written, secret), Guard.of(*LOOPBACK))
        try:
            async with contextlib.aclosing(one.follow(Lookup("a/b", "pets"))) as answers:
                return await anext(answers)
        finally:
            await one.close()


@pytest_asyncio.fixture(params=FIELDS)
async def there(request: pytest.FixtureRequest) -> AsyncIterator[Trusting]:
    one = Trusting(request.param)
    await one.start()
    yield one
    await one.server.stop()


async def test_the_authority_of_the_secret_is_trusted(there: Trusting) -> None:
    assert [one.port for one in await there.ask(authority().pem.encode())] == [3]


@pytest.mark.parametrize("authorities", [b"", Authority().pem.encode()], ids=["the system's", "another"])
async def test_nobody_else_is(there: Trusting, authorities: bytes) -> None:
    with pytest.raises(RegistryError, match=r"(?i)certificate"):
        await there.ask(authorities)
    assert there.server.asked == []


async def test_anybody_is_where_that_is_wished(there: Trusting) -> None:
    assert [one.port for one in await there.ask(insecureSkipVerify=True)] == [3]


async def test_what_is_no_certificate_is_told(there: Trusting) -> None:
    with pytest.raises(ConfigError, match=r"ca\.crt of the Secret has no certificates in PEM"):
        await there.ask(b"nothing")
