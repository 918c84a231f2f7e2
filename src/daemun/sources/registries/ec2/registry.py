"""The machines of EC2 that run and have some tags (DescribeInstances), asked for again and again.

EC2 has no watch; what EventBridge tells would need a queue of one's own.
"""

import asyncio
import datetime
from collections.abc import AsyncGenerator, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from daemun.api.gloo.scalars import Duration
from daemun.base.durations import nanoseconds
from daemun.ir.instances import Catalogue, Entry, Instance, Instances, Lookup
from daemun.sources.registries.ec2.query import AwsError, Element, Service
from daemun.sources.registries.registry import Config, ConfigError, Registry, RegistryError, Tools
from daemun.sources.signatures import Credentials

_EC2, _STS = "2016-11-15", "2011-06-15"
_PAGE, _MOST_PAGES = 1000, 100
_SECONDS = 15.0
_SHORTEST = 1.0
_EARLY = datetime.timedelta(minutes=5)
"""A role is taken on again that long before its time is over."""
_ENDED = frozenset(("ExpiredToken", "RequestExpired", "ExpiredTokenException", "InvalidClientTokenId", "AuthFailure"))


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
    """Asks with the credentials of its Secret, which is as one of Gloo's for AWS, and with no others."""

    Config = Ec2Config

    def __init__(self, config: Ec2Config, tools: Tools) -> None:
        self._config = config
        self._credentials = Credentials(
            tools.text("aws_access_key_id"), tools.text("aws_secret_access_key"), tools.text("aws_session_token", "")
        )
        if not self._credentials.access_key or not self._credentials.secret_key:
            raise ConfigError("secretRef", "the credentials in the Secret are not whole")
        self._interval = max(nanoseconds(config.interval) / 1e9, _SHORTEST)
        self._fetcher = tools.fetcher(seconds=_SECONDS)
        self._machines = Service("ec2", config.region, _EC2, self._fetcher)
        self._tokens = Service("sts", config.region, _STS, self._fetcher)
        self._role: tuple[Credentials, datetime.datetime] | None = None
        self._taking_on = asyncio.Lock()

    async def close(self) -> None:
        """End all connections."""
        await self._fetcher.close()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The machines that run, now and after every interval."""
        filters = list(self._filters())
        if self._config.service_tag:
            filters.append((f"tag:{self._config.service_tag}", _literal(lookup.service)))
        while True:
            found = await self._describe(filters)
            yield tuple(sorted({one for one in map(self._instance, found) if one is not None}))
            await asyncio.sleep(self._interval)

    async def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """All values of the tag that says which service a machine is of."""
        key = self._config.service_tag
        if not key:
            raise RegistryError("it has services without names only", "Give it a config.serviceTag.")
        filters = [*self._filters(), ("tag-key", _literal(key))]
        while True:
            tags: dict[str, set[str]] = {}
            for one in await self._describe(filters):
                if service := _tags(one).get(key):
                    tags.setdefault(service, set()).update(_texts(one))
            yield frozenset(Entry(service, "", tuple(sorted(each))) for service, each in tags.items())
            await asyncio.sleep(self._interval)

    def _filters(self) -> Iterator[tuple[str, str]]:
        yield "instance-state-name", "running"
        for one in self._config.filters:
            if one.value is None:
                yield "tag-key", _literal(one.key)
            else:
                yield f"tag:{one.key}", _literal(one.value)

    async def _describe(self, filters: list[tuple[str, str]]) -> list[Element]:
        params = {"MaxResults": str(_PAGE)}
        for index, (name, value) in enumerate(filters, 1):
            params |= {f"Filter.{index}.Name": name, f"Filter.{index}.Value.1": value}
        found: list[Element] = []
        for _ in range(_MOST_PAGES):
            answer = await self._ask("DescribeInstances", params)
            found += answer.all("reservationSet", "item", "instancesSet", "item")
            if not (token := answer.text("nextToken")):
                return found
            params["NextToken"] = token
        raise RegistryError(f"more than {_PAGE * _MOST_PAGES} machines are meant", "Give filters that leave fewer.")

    async def _ask(self, action: str, params: dict[str, str]) -> Element:
        try:
            return await self._machines.ask(await self._signer(), action, params)
        except AwsError as error:
            if self._role is None or error.code not in _ENDED:
                raise
            self._role = None
            return await self._machines.ask(await self._signer(), action, params)

    async def _signer(self) -> Credentials:
        """Who signs: the role, if there is one, which is taken on once for all."""
        if not self._config.role_arn:
            return self._credentials
        async with self._taking_on:
            now = datetime.datetime.now(datetime.UTC)
            if self._role is None or now >= self._role[1] - _EARLY:
                params = {"RoleArn": self._config.role_arn, "RoleSessionName": "daemun"}
                answer = await self._tokens.ask(self._credentials, "AssumeRole", params)
                self._role = _granted(answer)
            return self._role[0]

    def _instance(self, one: Element) -> Instance | None:
        address = one.text("ipAddress" if self._config.public_ip else "privateIpAddress")
        if not address or one.text("instanceState", "name") != "running":
            return None
        return Instance(address, self._config.port, tuple(sorted(_texts(one))))


def _tags(one: Element) -> dict[str, str]:
    return {tag.text("key"): tag.text("value") for tag in one.all("tagSet", "item")}


def _texts(one: Element) -> set[str]:
    """The tags of a machine as those of instances are."""
    return {f"{key}={value}" for key, value in _tags(one).items()}


def _literal(text: str) -> str:
    """A value of a filter that means itself: EC2 has wildcards in them."""
    return "".join(f"\\{char}" if char in "*?\\" else char for char in text)


def _granted(answer: Element) -> tuple[Credentials, datetime.datetime]:
    for found in answer.all("AssumeRoleResult", "Credentials"):
        try:
            until = datetime.datetime.fromisoformat(found.text("Expiration"))
        except ValueError:
            break
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return Credentials(*(found.text(name) for name in names)), until
    raise RegistryError("what AWS's sts says of the role cannot be read")
