"""A24: while what guards a host or its route moves from one object to another, and from Envoy to the authorization
server and back, nobody comes in without either.
"""

import contextlib
import functools
from itertools import combinations

import pytest
import pytest_asyncio

from support.objects.auth import api_key, auth_config, auth_policy, basic, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, load

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTS = ("hit.test", "x.wild.test", "other.test")
ROUTES = [{"kind": "HTTPRoute", "name": name} for name in ("some", "all")]
GATEWAY = {"kind": "Gateway", "name": "gw"}
KEYS = {"secretRefs": [{"name": "key"}]}


def _option(kind: str, config: str, *targets: Doc) -> Doc:
    refs = [{"group": "gateway.networking.k8s.io", **one} for one in targets]
    spec = {"targetRefs": refs, "options": {"extauth": {"configRef": {"name": config}}}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": config}, "spec": spec}


GUARDS: dict[str, tuple[Doc, dict[str, str]]] = {
    "host, by Envoy": (_option("VirtualHostOption", "envoy", GATEWAY), basic("ann", "other")),
    "host, by the server": (_option("VirtualHostOption", "server", GATEWAY), basic("ann", "secret")),
    "host, keys": (auth_policy("all", GATEWAY, apiKey=KEYS), {"api-key": "N2YwMDIx"}),
    "route, by Envoy": (_option("RouteOption", "envoy", *ROUTES), basic("ann", "other")),
    "route, by the server": (_option("RouteOption", "server", *ROUTES), basic("ann", "secret")),
    "route, keys": (auth_policy("some", *ROUTES, apiKey=KEYS), {"api-key": "N2YwMDIx"}),
}
"""The one object that guards, and who comes in then."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("key.yaml", api_key("key", "N2YwMDIx"))
    shared.write("auth.yaml", auth_config("envoy", simple_users(ann="other")), auth_config("server", users("ann")))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    every = rule(prefix("/"), to="a")
    shared.write("route.yaml", route("some", every, hosts=[HOSTS[0], "*.wild.test"]), route("all", every))
    shared.write("guard.yaml", GUARDS["host, keys"][0])
    await shared.start()


async def test_a24_a_guard_that_moves_leaves_no_gap(shared: World) -> None:
    """From each to each other, and back."""
    async with contextlib.AsyncExitStack() as stack:
        every = [
            await stack.enter_async_context(load(functools.partial(shared.ask, host=host), pause=0)) for host in HOSTS
        ]
        for pair in combinations(GUARDS, 2):
            for name in pair:
                guard, known = GUARDS[name]
                shared.write("guard.yaml", guard)
                for host in HOSTS:
                    await shared.answers(200, host=host, headers=known)
                for one in every:
                    assert {getattr(answer, "status", 0) for answer in one.answers} <= {401, 403, 500, 503}, name
