"""The plug-in for EC2, its questions and AWS's answers: moto over real HTTP, and botocore's word on signatures."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest
import pytest_asyncio
from aiohttp import web
from botocore import credentials as botocore_credentials

from daemun.base.guard import LOOPBACK, Guard
from daemun.fetch.client import Fetcher
from daemun.ir.instances import Entry, Instances, Lookup
from daemun.sources.aws.query import AwsError, Service
from daemun.sources.registries.ec2.registry import Ec2, Ec2Config, TagFilter
from daemun.sources.registries.registry import ConfigError, RegistryError, Shared, Tools
from daemun.sources.signatures import Credentials
from support.servers.moto import KEYS, REGION, ROLE, Moto
from support.servers.sites import serve
from support.standins.machine import KEY, machine
from support.standins.sts import fault

SECRET = {key: value.encode() for key, value in KEYS.items()}
GUARD = Guard.of(*LOOPBACK)
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest_asyncio.fixture
async def moto(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Moto]:
    one = await Moto().start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", one.address)
    yield one
    await one.stop()


@contextlib.asynccontextmanager
async def aws(answer: Answering, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An AWS that answers everything so; where it is."""
    async with serve(answer) as site:
        monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
        yield f"{site.url}/"


@contextlib.asynccontextmanager
async def plugin(*, shared: Shared | None = None, **config: Any) -> AsyncIterator[Ec2]:
    one = Ec2(Ec2Config(REGION, **config), Tools(SECRET, GUARD, shared))
    yield one
    await one.close()


async def look(one: Ec2, service: str = "") -> Instances:
    """What it says first."""
    async with contextlib.aclosing(one.follow(Lookup("ec2", service))) as answers:
        return await anext(answers)


def addresses(found: Instances) -> list[str]:
    return [one.address for one in found]


async def test_machines_that_run_are_found_by_their_tags(moto: Moto) -> None:
    await moto.run("10.0.0.1", Name="pets", stage="prod")
    await moto.run("10.0.0.2", Name="pets", stage="test")
    await moto.run("10.0.0.3", Name="cats", stage="prod")
    gone = await moto.run("10.0.0.4", Name="pets", stage="prod")
    await moto.halt(gone)
    async with plugin(port=8080) as one:
        found = await look(one, "pets")
        assert [(each.address, each.port) for each in found] == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]
        assert found[0].tags == ("Name=pets", "stage=prod")
        assert await look(one, "nobody") == ()
        async with contextlib.aclosing(one.catalogue()) as answers:
            assert await anext(answers) == {
                Entry("pets", "", ("Name=pets", "stage=prod", "stage=test")),
                Entry("cats", "", ("Name=cats", "stage=prod")),
            }
    async with plugin(service_tag="", filters=(TagFilter("stage", "prod"), TagFilter("Name"))) as one:
        assert addresses(await look(one)) == ["10.0.0.1", "10.0.0.3"]
    async with plugin(service_tag="", filters=(TagFilter("stage", "p*"),)) as one:
        assert await look(one) == ()
    async with plugin(public_ip=True, service_tag="stage") as one:
        (found_one,) = await look(one, "test")
        assert not found_one.address.startswith("10.")


async def test_a_role_is_taken_on_once(moto: Moto) -> None:
    await moto.run("10.0.0.1", Name="pets")
    async with plugin(role_arn=ROLE) as one:
        assert addresses(await look(one, "pets")) == ["10.0.0.1"]
        role = one._account._signer._role
        assert role is not None
        assert role[0].access_key != KEYS["aws_access_key_id"]
        assert role[0].session_token
        await look(one, "nobody")
        assert one._account._signer._role is role


class Home:
    """A control plane's environment, without anything of AWS's in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = monkeypatch.setenv
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE", raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(monkeypatch)


@contextlib.asynccontextmanager
async def lent(**config: Any) -> AsyncIterator[Ec2]:
    """The plug-in without a Secret, by what Settings lend."""
    one = Ec2(Ec2Config(REGION, **config), Tools({}, GUARD, lent=True))
    yield one
    await one.close()


async def test_credentials_of_its_own_come_from_the_environment_before_all_else(moto: Moto, home: Home) -> None:
    home.set("AWS_ACCESS_KEY_ID", "AKIAOWN")
    home.set("AWS_SECRET_ACCESS_KEY", "secret")
    home.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
    home.set("AWS_ROLE_ARN", ROLE)
    await moto.run("10.0.0.1", Name="pets")
    async with lent() as one:
        assert addresses(await look(one, "pets")) == ["10.0.0.1"]
    assert moto.asked() == [("DescribeInstances", "AKIAOWN")]


async def test_a_service_account_takes_on_its_role_by_its_token(moto: Moto, home: Home, tmp_path: Path) -> None:
    token = tmp_path / "token"
    home.set("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    home.set("AWS_ROLE_ARN", ROLE)
    await moto.run("10.0.0.1", Name="pets")
    async with lent() as one:
        with pytest.raises(RegistryError, match="cannot be read"):
            await look(one, "pets")
    token.write_text("eyJhbGciOiJub25lIn0.e30.")
    async with lent() as one:
        assert addresses(await look(one, "pets")) == ["10.0.0.1"]
    (first, nobody), (second, role) = moto.asked()
    assert (first, nobody, second) == ("AssumeRoleWithWebIdentity", "", "DescribeInstances")
    assert role


async def test_a_machine_has_a_role_which_may_take_on_another(moto: Moto, home: Home) -> None:
    await moto.run("10.0.0.1", Name="pets")
    async with machine() as at:
        home.set("AWS_EC2_METADATA_DISABLED", "false")
        home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", at)
        async with lent(role_arn=ROLE) as one:
            assert addresses(await look(one, "pets")) == ["10.0.0.1"]
    (first, by), (second, role) = moto.asked()
    assert (first, by, second) == ("AssumeRole", KEY, "DescribeInstances")
    assert role not in ("", KEY)
    async with machine({"Code": "Failed"}) as at:
        home.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", at)
        async with lent() as one:
            with pytest.raises(RegistryError, match="what the machine says of its role cannot be read"):
                await look(one, "pets")


async def test_who_has_no_credentials_of_his_own_is_told(home: Home) -> None:
    async with lent() as one:
        with pytest.raises(RegistryError, match="nobody says who Daemun is to AWS"):
            await look(one, "pets")


@pytest.mark.parametrize("token", ["", "of-a-session"])
async def test_requests_are_signed_as_botocore_signs_them(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    pair = KEYS.values()
    told: list[str] = []

    async def judged(request: web.Request) -> web.Response:
        body = await request.read()
        ours = botocore_credentials.Credentials(*pair, token or None)
        told.append(fault(ours, "POST", str(request.url), request.headers, body, "ec2", REGION))
        return web.Response(text="<DescribeInstancesResponse/>")

    async with aws(judged, monkeypatch), Fetcher(GUARD) as fetcher:
        service = Service("ec2", REGION, "2016-11-15", fetcher)
        params = {"Filter.1.Value.1": "a b&c=ü*~"}
        await service.ask(Credentials(*pair, token), "DescribeInstances", params)
    assert told == [""]


async def test_pages_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    async def paged(request: web.Request) -> web.Response:
        form = await request.post()
        number = int(str(form.get("NextToken", "1")))
        item = (
            f"<privateIpAddress>10.0.0.{number}</privateIpAddress><instanceState><name>running</name></instanceState>"
        )
        rest = f"<nextToken>{number + 1}</nextToken>" if number < 3 else "<nextToken/>"
        sets = f"<reservationSet><item><instancesSet><item>{item}</item></instancesSet></item></reservationSet>"
        return web.Response(text=f'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{sets}{rest}</R>')

    async with aws(paged, monkeypatch), plugin(service_tag="") as one:
        assert addresses(await look(one)) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def described(address: str, **tags: str) -> str:
    """A machine, as EC2 tells of it."""
    each = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
    state = "<instanceState><name>running</name></instanceState>"
    item = f"<item><privateIpAddress>{address}</privateIpAddress>{state}<tagSet>{each}</tagSet></item>"
    return f"<item><instancesSet>{item}</instancesSet></item>"


class Asked:
    """An AWS with two machines, which notes the filters that it is asked with, and may have too much to do."""

    def __init__(self) -> None:
        self.filters: list[dict[str, set[str]]] = []
        self.busy = False

    async def answer(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        found: dict[str, set[str]] = {}
        for key, value in form.items():
            if re.fullmatch(r"Filter\.\d+\.Value\.\d+", key):
                found.setdefault(form[f"Filter.{key.split('.')[1]}.Name"], set()).add(value)
        self.filters.append(found)
        if self.busy:
            return web.Response(status=503, text="<R><Errors><Error><Code>Throttling</Code></Error></Errors></R>")
        two = described("10.0.0.1", Name="a", team="x") + described("10.0.0.2", Name="b")
        return web.Response(text=f"<R><reservationSet>{two}</reservationSet></R>")


async def test_all_of_an_account_are_asked_for_at_once_by_what_they_have_in_common(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, shared = Asked(), WeakValueDictionary[tuple[object, ...], Any]()
    running = {"instance-state-name": {"running"}}
    async with aws(asked.answer, monkeypatch), contextlib.AsyncExitStack() as stack:
        by_name = [
            await stack.enter_async_context(
                plugin(shared=shared, service_tag="", filters=(TagFilter("Name", name),), port=port)
            )
            for name, port in (("a", 1), ("b", 2), ("c", 3))
        ]
        found = await asyncio.gather(*map(look, by_name))
        assert [[(each.address, each.port) for each in one] for one in found] == [
            [("10.0.0.1", 1)],
            [("10.0.0.2", 2)],
            [],
        ]
        assert asked.filters == [{**running, "tag:Name": {"a", "b", "c"}}]
        # One that has another tag is not among what is known, and the others go on with what it is asked for with.
        team = await stack.enter_async_context(plugin(shared=shared, service_tag="", filters=(TagFilter("team"),)))
        assert addresses((await asyncio.gather(look(team), look(by_name[0])))[0]) == ["10.0.0.1"]
        assert asked.filters[1:] == [running]
        other = await stack.enter_async_context(plugin(shared=shared, role_arn="", service_tag="Name"))
        assert addresses(await look(other, "b")) == ["10.0.0.2"]


async def test_when_one_fails_nobody_asks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, shared = Asked(), WeakValueDictionary[tuple[object, ...], Any]()
    asked.busy = True
    async with aws(asked.answer, monkeypatch), contextlib.AsyncExitStack() as stack:
        every = [await stack.enter_async_context(plugin(shared=shared)) for _ in range(20)]
        found = await asyncio.gather(*(look(one, "a") for one in every), return_exceptions=True)
        assert all(isinstance(one, RegistryError) and "Throttling" in one.text for one in found)
        assert len(asked.filters) == 1


@pytest.mark.parametrize(
    "status, body, text",
    [
        (
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>you</Message></Error></Errors></Response>",
            "AWS's ec2 refuses DescribeInstances: UnauthorizedOperation",
        ),
        (400, "<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>", "refuses DescribeInstances: Odd"),
        (503, "busy", "is not AWS's ec2"),
        (200, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "is not AWS's ec2"),
    ],
)
async def test_what_aws_refuses_is_told(monkeypatch: pytest.MonkeyPatch, status: int, body: str, text: str) -> None:
    async def refused(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with aws(refused, monkeypatch), plugin() as one:
        with pytest.raises(RegistryError) as caught:
            await look(one)
    assert text in caught.value.text
    assert KEYS["aws_secret_access_key"] not in caught.value.text


async def test_an_aws_that_has_too_much_to_do_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(_: web.Request) -> web.Response:
        code = "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"
        return web.Response(status=503, text=code)

    async with aws(busy, monkeypatch), plugin() as one:
        with pytest.raises(AwsError) as caught:
            await look(one)
    assert caught.value.after == 5.0


def test_without_credentials_nobody_is_asked() -> None:
    with pytest.raises(ConfigError, match="the Secret has no aws_access_key_id"):
        Ec2(Ec2Config(REGION), Tools({}))
    with pytest.raises(ConfigError, match="are not whole"):
        Ec2(Ec2Config(REGION), Tools({**SECRET, "aws_secret_access_key": b""}, lent=True))
