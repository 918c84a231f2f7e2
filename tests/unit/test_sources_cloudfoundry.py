"""What the plug-in for Cloud Foundry makes of a Cloud Controller's answers (a stand-in over real HTTP)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from daemun.base.guard import LOOPBACK, Guard
from daemun.ir.instances import Entry, Instance, Instances, Lookup
from daemun.sources.registries.cloudfoundry.registry import CloudFoundry as Plugin
from daemun.sources.registries.cloudfoundry.registry import CloudFoundryConfig
from daemun.sources.registries.registry import ConfigError, RegistryError, Tools
from support.standins.cloudfoundry import CLIENT, PASSWORD, SECRET, USER, CloudFoundry

OF_CLIENT = {"clientId": CLIENT.encode(), "clientSecret": SECRET.encode()}
OF_USER = {"username": USER.encode(), "password": PASSWORD.encode()}


@pytest_asyncio.fixture
async def cf() -> AsyncIterator[CloudFoundry]:
    one = await CloudFoundry().start()
    yield one
    await one.stop()


@contextlib.asynccontextmanager
async def plugin(cf: CloudFoundry, secret: dict[str, bytes] = OF_CLIENT, **config: Any) -> AsyncIterator[Plugin]:
    """The plug-in, for the space of the stand-in."""
    config = {"organization": "org", "space": "dev", **config}
    one = Plugin(CloudFoundryConfig(cf.address, **config), Tools(secret, Guard.of(*LOOPBACK)))
    yield one
    await one.close()


async def look(one: Plugin, service: str, place: str = "") -> Instances:
    """What it says first."""
    async with contextlib.aclosing(one.follow(Lookup("cf", service, place))) as answers:
        return await anext(answers)


def ports(found: Instances) -> list[tuple[str, int]]:
    return [(one.address, one.port) for one in found]


async def test_instances_that_run_and_are_ready_count(cf: CloudFoundry) -> None:
    cf.app("other", 1)
    cf.app("pets", 3, 4)
    async with plugin(cf) as one:
        assert await look(one, "pets") == (
            Instance("127.0.0.1", 3, ("index=0",)),
            Instance("127.0.0.1", 4, ("index=1",)),
        )
        cf.app("pets", 3, 4, state="CRASHED")
        assert await look(one, "pets") == ()
        cf.app("pets", 3, 4, routable=False)
        assert await look(one, "pets") == ()
        cf.app("pets", 3, 4, routable=None)
        assert len(await look(one, "pets")) == 2


async def test_where_instances_are_reached_is_configured(cf: CloudFoundry) -> None:
    cf.app("pets", 10)
    cf.app("pets", 20, process="worker")
    for config, expected in (
        ({"tls_ports": True}, ("127.0.0.1", 11)),
        ({"network": "Containers"}, ("127.0.0.2", 8080)),
        ({"process": "worker"}, ("127.0.0.1", 20)),
    ):
        async with plugin(cf, **config) as one:
            assert ports(await look(one, "pets")) == [expected]


async def test_routes_lead_to_what_they_are_mapped_to(cf: CloudFoundry) -> None:
    pets, cats = cf.app("pets", 10), cf.app("cats", 20)
    cf.route("shop", "outside", {"app": {"guid": pets}, "weight": 3}, {"app": {"guid": cats}})
    cf.route("shop", "outside", {"app": {"guid": cats}}, path="/cats")
    cf.route("pets", "inside", {"app": {"guid": pets, "process": {"type": "web"}}, "port": 9000})
    async with plugin(cf) as one:
        found = await look(one, "shop.apps.test")
        assert [(each.port, each.weight) for each in found] == [(10, 3), (20, 1)]
        assert ports(await look(one, "shop.apps.test/cats")) == [("127.0.0.1", 20)]
        assert ports(await look(one, "pets.apps.internal")) == [("127.0.0.2", 9000)]
        assert await look(one, "nobody.apps.test") == ()
        with pytest.raises(RegistryError, match="no domain of this Cloud Foundry fits"):
            await look(one, "shop.elsewhere.test")


async def test_pages_and_spaces(cf: CloudFoundry) -> None:
    cf.per_page = 2
    cf.space("prod")
    for number in range(5):
        cf.app(f"app{number}", number + 1)
    cf.app("app0", 9, space="prod")
    cf.label("app3", tier="front")
    async with plugin(cf) as one:
        assert ports(await look(one, "app0", "prod")) == [("127.0.0.1", 9)]
        async with contextlib.aclosing(one.catalogue()) as answers:
            found = await anext(answers)
    assert found == {Entry(f"app{each}", "org/dev", ("tier=front",) if each == 3 else ()) for each in range(5)}
    async with plugin(cf, organization="", space="") as one, contextlib.aclosing(one.catalogue()) as answers:
        assert Entry("app0", "org/prod") in await anext(answers)


async def test_many_services_cost_a_question_each_and_one_together(cf: CloudFoundry) -> None:
    for number in range(50):
        cf.app(f"app{number}", number + 1)
    async with plugin(cf) as one:
        found = await asyncio.gather(*(look(one, f"app{number}") for number in range(50)))
    assert [each[0].port for each in found] == list(range(1, 51))
    assert len(cf.asked) == 3 + 50, "organization, space and apps once"
    assert len(cf.grants) == 1


async def test_an_app_that_is_gone_has_no_instances_but_a_role_that_is_gone_says_nothing(cf: CloudFoundry) -> None:
    cf.app("pets", 3)
    async with plugin(cf) as one:
        assert len(await look(one, "pets")) == 1
        cf.remove("pets")
        assert await look(one, "pets") == ()
        cf.shown = False
        with pytest.raises(RegistryError, match="no space org/dev, or it is not shown"):
            await look(one, "pets")
        cf.shown = True
        cf.app("pets", 3)
        cf.hidden = True
        with pytest.raises(RegistryError, match="shows an address") as caught:
            await look(one, "pets")
        assert "developer" in caught.value.mend


@pytest.mark.parametrize("secret, kind", [(OF_CLIENT, "client_credentials"), (OF_USER, "password")])
async def test_a_token_that_is_refused_is_another_one(cf: CloudFoundry, secret: dict[str, bytes], kind: str) -> None:
    cf.app("pets", 3)
    async with plugin(cf, secret) as one:
        await look(one, "pets")
        await look(one, "pets")
        assert [form["grant_type"] for form in cf.grants] == [kind]
        cf.expire()
        assert len(await look(one, "pets")) == 1
        assert cf.grants[-1]["grant_type"] == kind


async def test_a_refresh_token_of_somebody_lets_us_in(cf: CloudFoundry) -> None:
    cf.app("pets", 3)
    token = cf.remember()
    async with plugin(cf, {"refreshToken": token.encode()}) as one:
        assert len(await look(one, "pets")) == 1
    assert [(form["grant_type"], form["refresh_token"]) for form in cf.grants] == [("refresh_token", token)]


async def test_a_token_is_renewed_before_it_ends(cf: CloudFoundry) -> None:
    cf.app("pets", 3)
    cf.lifetime = 0
    async with plugin(cf, OF_USER) as one:
        await look(one, "pets")
    kinds = {form["grant_type"] for form in cf.grants[1:]}
    assert (cf.grants[0]["grant_type"], kinds) == ("password", {"refresh_token"})


async def test_an_app_that_is_replaced_by_one_of_its_name_is_the_new_one(cf: CloudFoundry) -> None:
    cf.app("pets", 3)
    async with plugin(cf, interval="1s") as one, contextlib.aclosing(one.follow(Lookup("cf", "pets"))) as answers:
        assert ports(await anext(answers)) == [("127.0.0.1", 3)]
        cf.rename("pets", "pets-old")
        cf.app("pets", 4)
        assert ports(await anext(answers)) == [("127.0.0.1", 4)]


async def test_a_wrong_login_is_told_without_it(cf: CloudFoundry) -> None:
    async with plugin(cf, OF_CLIENT | {"clientSecret": b"of-nobody"}) as one:
        with pytest.raises(RegistryError, match="does not let us in") as caught:
            await look(one, "pets")
        with pytest.raises(RegistryError, match="does not let us in"):
            await look(one, "cats")
    assert len(cf.grants) == 1, "an account is not guessed at"
    assert "of-nobody" not in caught.value.text + caught.value.mend
    with pytest.raises(ConfigError, match="no login for UAA"):
        Plugin(CloudFoundryConfig(cf.address), Tools({}))


@pytest.mark.parametrize("by_reset", [False, True])
async def test_a_limit_is_heard_by_everybody_until_it_is_over(cf: CloudFoundry, *, by_reset: bool) -> None:
    cf.app("pets", 3)
    async with plugin(cf) as one:
        await look(one, "pets")
        cf.left, cf.quiet, cf.by_reset = 0, 60, by_reset
        with pytest.raises(RegistryError, match="too many requests") as caught:
            await look(one, "pets")
        assert 50 < caught.value.after <= 61
        told = len(cf.asked)
        with pytest.raises(RegistryError, match="too many requests"):
            await look(one, "cats")
        assert len(cf.asked) == told


@pytest.mark.parametrize("api", ["", "api.test", "https://api.test/v3", "https://u@api.test", "ftp://api.test"])
def test_an_address_that_is_none_is_told(api: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plugin(CloudFoundryConfig(api), Tools(OF_CLIENT))
    assert (caught.value.where, caught.value.mend) == ("config.api", "Write it as https://api.SYSTEM-DOMAIN.")
