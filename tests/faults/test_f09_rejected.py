"""F9: of each kind of configuration that Envoy rejects only the culprit suffers, and its status says why (F10: mended).

The configuration was good before, and what it was is served on. All pre-checks are passed by:
`support.scenes.spoiler`.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.scenes.rejected import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, SECRETS
from support.scenes.tenants import CULPRIT, Tenants, tenants_at_peace
from support.scenes.world import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
BACKENDS = CLUSTERS | ENDPOINTS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants() -> AsyncIterator[Tenants]:
    async with tenants_at_peace() as made:
        yield made


@pytest.mark.parametrize("name", ROUTES)
async def test_f09_a_route(tenants: Tenants, name: str) -> None:
    bad = ROUTES[name]
    tenants.route("culprit", "b")
    await until(lambda: tenants.by("b", "/culprit"))
    tenants.spoil(bad)
    tenants.route("culprit", "a")
    problem = await tenants.told(bad)
    assert problem.field == "spec.rules[0].matches[0]"
    assert bad.words in tenants.world.condition("HTTPRoute", "culprit", "Programmed")[2]
    # Its rule is as it last was, its other rule has changed.
    await until(lambda: tenants.by("a", "/culprit/too"))
    assert await tenants.answers("/culprit") == (200, "b")
    await tenants.others_go_on()
    await tenants.mended(problem, lambda: tenants.by("a", "/culprit"))
    await until(lambda: tenants.world.condition("HTTPRoute", "culprit", "Programmed")[0] != "False")


@pytest.mark.parametrize("name", BACKENDS)
async def test_f09_a_cluster_or_its_endpoints(tenants: Tenants, name: str) -> None:
    bad = BACKENDS[name]
    tenants.route("culprit", "culprit")
    tenants.point("culprit", "secure-a")
    await until(lambda: tenants.by("secure-a", "/culprit"))
    tenants.spoil(bad)
    problem = await tenants.told(bad)
    kind = "BackendTLSPolicy" if bad in CLUSTERS.values() else "HTTPRoute"
    assert bad.words in tenants.world.condition(kind, "culprit", "Programmed")[2]
    assert await tenants.answers("/culprit") == (200, "secure-a")
    await tenants.others_go_on()
    tenants.point("culprit", "secure-b")
    await tenants.mended(problem, lambda: tenants.by("secure-b", "/culprit"))


@pytest.mark.parametrize("name", LISTENERS)
async def test_f09_a_listener(tenants: Tenants, name: str) -> None:
    bad = LISTENERS[name]
    shown = await tenants.shown(CULPRIT)
    tenants.spoil(bad)
    problem = await tenants.told(bad)
    status, _, text = tenants.world.condition("Gateway", "gw", "Programmed", "culprit")
    assert status == "False"
    assert bad.words in text
    assert await tenants.shown(CULPRIT) == shown
    for other in ("http", "other"):
        await until(lambda other=other: tenants.world.condition("Gateway", "gw", "Programmed", other)[0] == "True")
    await tenants.a_listener_comes_and_goes()
    await tenants.others_go_on()
    await tenants.mended(
        problem, lambda: tenants.world.condition("Gateway", "gw", "Programmed", "culprit")[0] == "True"
    )
    assert await tenants.shown(CULPRIT) == shown


@pytest.mark.parametrize("name", SECRETS)
async def test_f09_a_secret(tenants: Tenants, name: str) -> None:
    bad = SECRETS[name]
    shown = await tenants.shown(CULPRIT)
    tenants.spoil(bad)
    problem = await tenants.told(bad)
    assert problem.field == "spec.listeners[1]"
    assert bad.words in tenants.world.condition("Gateway", "gw", "Programmed", "culprit")[2]
    assert await tenants.shown(CULPRIT) == shown
    await tenants.others_go_on()
    certificate = tenants.certify("culprit")
    await tenants.mended(problem, lambda: tenants.shows(CULPRIT, certificate))
