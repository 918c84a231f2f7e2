"""The machines of EC2 that run and have some tags (DescribeInstances), asked for again and again.

EC2 has no watch; what EventBridge tells would need a queue of one's own.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from msgspec import Meta

from daemun.api.gloo.scalars import Duration
from daemun.base.durations import nanoseconds
from daemun.ir.instances import Catalogue, Entry, Instance, Instances, Lookup
from daemun.sources.aws.own import Own
from daemun.sources.aws.query import Element
from daemun.sources.registries.ec2.account import Account
from daemun.sources.registries.registry import Config, ConfigError, Registry, RegistryError, Tools
from daemun.sources.signatures import Credentials

_SECONDS = 15.0
_SHORTEST = 1.0
_RUNNING = ("instance-state-name", "running")
Pairs = frozenset[tuple[str, str]]
"""EC2's filters with a value each, all of which a machine must fit."""


class TagFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tag that a machine has; with this value, if there is one."""

    key: Annotated[str, Meta(min_length=1, max_length=128)]
    value: Annotated[str, Meta(max_length=256)] | None = None


class Ec2Config(Config, frozen=True):
    """Which machines. A service is the value of their tag `serviceTag`; if that is empty, all that `filters` leave are
    one service, whatever it is called. With `roleArn` that role asks, which the credentials may take on.
    """

    region: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
    role_arn: Annotated[str, Meta(pattern=r"^(arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512})?$")] = ""
    filters: Annotated[tuple[TagFilter, ...], Meta(max_length=50)] = ()
    service_tag: Annotated[str, Meta(max_length=128)] = "Name"
    public_ip: bool = False
    port: Annotated[int, Meta(ge=1, le=65_535)] = 80
    interval: Duration = "30s"


class Ec2(Registry):
    """Asks with the credentials of its Secret, which is as one of Gloo's for AWS; with Daemun's own only where Settings
    lend them. Those of one account and region ask together.
    """

    Config = Ec2Config

    def __init__(self, config: Ec2Config, tools: Tools) -> None:
        self._config = config
        credentials = Own(os.environ) if tools.lent and not tools.secret else _held(tools)
        self._interval = max(nanoseconds(config.interval) / 1e9, _SHORTEST)
        region, role = config.region, config.role_arn

        def account() -> Account:
            return Account(region, credentials, role, tools.fetcher(seconds=_SECONDS))

        self._account = tools.shared(Account, (region, _key(credentials), role, tools.guard), account)
        self._account.enter()

    async def close(self) -> None:
        """End all connections, if nobody else has them."""
        await self._account.leave()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The machines that run, now and after every interval."""
        wanted = self._wanted()
        if self._config.service_tag:
            wanted |= {(f"tag:{self._config.service_tag}", lookup.service)}
        async with contextlib.aclosing(self._machines(wanted)) as answers:
            async for found in answers:
                yield tuple(sorted({one for one in map(self._instance, found) if one is not None}))

    async def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """All values of the tag that says which service a machine is of.

        Raises RegistryError if no tag is configured.
        """
        key = self._config.service_tag
        if not key:
            raise RegistryError("it has services without names only", "Give it a config.serviceTag.")
        async with contextlib.aclosing(self._machines(self._wanted() | {("tag-key", key)})) as answers:
            async for found in answers:
                tags: dict[str, set[str]] = {}
                for one in found:
                    if service := _tags(one).get(key):
                        tags.setdefault(service, set()).update(_texts(one))
                yield frozenset(Entry(service, "", tuple(sorted(each))) for service, each in tags.items())

    async def _machines(self, wanted: Pairs) -> AsyncGenerator[list[Element], None]:
        """The machines that fit, now and after every interval."""
        filters: dict[str, frozenset[str]] = {}
        for name, value in (*wanted, _RUNNING):
            filters[name] = filters.get(name, frozenset()) | {value}
        with self._account.wanting(filters):
            while True:
                found, age = await self._account.machines(filters, self._interval)
                yield [one for one in found if _fits(one, wanted)]
                await asyncio.sleep(max(self._interval - age, 0.0))

    def _wanted(self) -> Pairs:
        return frozenset(
            ("tag-key", one.key) if one.value is None else (f"tag:{one.key}", one.value) for one in self._config.filters
        )

    def _instance(self, one: Element) -> Instance | None:
        address = one.text("ipAddress" if self._config.public_ip else "privateIpAddress")
        if not address or one.text("instanceState", "name") != "running":
            return None
        return Instance(address, self._config.port, tuple(sorted(_texts(one))))


def _held(tools: Tools) -> Credentials:
    """The credentials in the Secret. Raises ConfigError."""
    found = Credentials(
        tools.text("aws_access_key_id"), tools.text("aws_secret_access_key"), tools.text("aws_session_token", "")
    )
    if not found.access_key or not found.secret_key:
        raise ConfigError("secretRef", "the credentials in the Secret are not whole")
    return found


def _key(credentials: Credentials | Own) -> tuple[str, ...]:
    return () if isinstance(credentials, Own) else tuple(credentials)


def _fits(one: Element, wanted: Pairs) -> bool:
    """Whether a machine has all of these: others have asked for it, too."""
    tags = _tags(one)
    return all(
        value in tags if name == "tag-key" else tags.get(name.removeprefix("tag:")) == value for name, value in wanted
    )


def _tags(one: Element) -> dict[str, str]:
    return {tag.text("key"): tag.text("value") for tag in one.all("tagSet", "item")}


def _texts(one: Element) -> set[str]:
    """The tags of a machine as those of instances are."""
    return {f"{key}={value}" for key, value in _tags(one).items()}
