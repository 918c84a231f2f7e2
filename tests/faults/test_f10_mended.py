"""F10: what was bad when it came serves as soon as it is mended, without a restart and without waiting for a retry."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.clients.client import ask
from support.objects.documents import exact, route, rule
from support.scenes.rejected import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, SECRETS, Bad
from support.scenes.tenants import CULPRIT, Tenants, tenants_at_peace
from support.scenes.world import until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants() -> AsyncIterator[Tenants]:
    async with tenants_at_peace() as made:
        yield made


async def _remove(tenants: Tenants, *files: str) -> None:
    for file in files:
        (tenants.world.folder / file).unlink()
    await until(lambda: tenants.answers_with(404, "/culprit"))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(ROUTES[name], id=name)
        for name in ("weights that are all zero", "a changed Host header", "an unknown filter", "a negative timeout")
    ],
)
async def test_f10_a_route_that_came_bad_answers_500_until_it_is_mended(tenants: Tenants, bad: Bad) -> None:
    await _remove(tenants, "culprit.yaml")
    tenants.spoil(bad)
    tenants.route("culprit", "a")
    problem = await tenants.told(bad)
    await until(lambda: tenants.answers_with(500, "/culprit"))
    await until(lambda: tenants.by("a", "/culprit/too"))
    await tenants.others_go_on()
    await tenants.mended(problem, lambda: tenants.by("a", "/culprit"))


async def test_f10_a_regex_that_came_bad_is_not_there_until_it_is_mended(tenants: Tenants) -> None:
    """Its match cannot be kept, so its requests go wherever they would without it."""
    bad = ROUTES["a regex that is none"]
    await _remove(tenants, "culprit.yaml")
    tenants.spoil(bad)
    tenants.world.write("culprit.yaml", route("culprit", rule(_regex("/c.*t"), to="a"), rule(exact("/x"), to="a")))
    problem = await tenants.told(bad)
    await until(lambda: tenants.by("a", "/x"))
    assert (await tenants.answers("/culprit"))[0] == 404
    await tenants.mended(problem, lambda: tenants.by("a", "/culprit"))


def _regex(path: str) -> dict[str, object]:
    return {"path": {"type": "RegularExpression", "value": path}}


@pytest.mark.parametrize(
    ("bad", "closed"),
    [
        pytest.param(CLUSTERS["more ejections than all"], 500, id="a cluster"),
        pytest.param(
            CLUSTERS["ciphers that do not exist"], 503, id="its TLS, which Envoy takes until it has the Secret"
        ),
        pytest.param(ENDPOINTS["an address that is none"], 500, id="its endpoints"),
    ],
)
async def test_f10_a_backend_that_came_bad(tenants: Tenants, bad: Bad, closed: int) -> None:
    await _remove(tenants, "culprit.yaml")
    tenants.spoil(bad)
    tenants.point("culprit", "secure-a")
    tenants.route("culprit", "culprit")
    problem = await tenants.told(bad)
    await until(lambda: tenants.answers_with(closed, "/culprit"))
    await tenants.others_go_on()
    assert (await tenants.answers("/culprit"))[0] == closed
    await tenants.mended(problem, lambda: tenants.by("secure-a", "/culprit"))


async def test_f10_a_listener_that_came_bad(tenants: Tenants) -> None:
    bad = LISTENERS["no certificates"]
    tenants.ports[CULPRIT] = free_port()
    tenants.spoil(bad)
    tenants.listen()
    problem = await tenants.told(bad)
    with pytest.raises(OSError):  # noqa: PT011 - nobody listens
        await tenants.shown(CULPRIT)
    await tenants.others_go_on()
    await tenants.mended(problem, lambda: tenants.shown(CULPRIT))


async def test_f10_a_secret_that_came_bad(tenants: Tenants) -> None:
    bad = SECRETS["a key that is another's"]
    names, tenants.ports = tenants.ports, {name: at for name, at in tenants.ports.items() if name != CULPRIT}
    tenants.listen()
    await until(lambda: _refused(names[CULPRIT]))
    tenants.spoil(bad)
    tenants.ports = names
    tenants.listen()
    problem = await tenants.told(bad)
    await tenants.others_go_on()
    certificate = tenants.certify("culprit")
    await tenants.mended(problem, lambda: tenants.shows(CULPRIT, certificate))


async def _refused(port: int) -> bool:
    try:
        await ask(port)
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False
