"""A24: while a policy becomes another, is broken, loses what it refers to, or is mended, nobody comes in without it."""

import contextlib
import functools
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.objects.auth import api_key, auth_config, auth_policy, basic, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule
from support.scenes.world import World, load

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTS = ("hit.test", "x.wild.test", "other.test")
GOOD, KEY = basic("ann", "secret"), {"api-key": "N2YwMDIx"}
KEYS = {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}}
JWKS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]})
TOKENS = {"providers": [{"name": "p", "issuer": "i", "jwks": {"inline": JWKS}}]}
STEPS: tuple[tuple[tuple[Doc, ...], Doc | None], ...] = (
    ((simple_users(ann="other"),), basic("ann", "other")),
    ((users("ann"),), GOOD),
    ((KEYS,), KEY),
    ((users("ann"),), GOOD),
    (({"apiKeyAuth": {"apiKeySecretRefs": [{"name": "nowhere"}]}},), None),
    ((simple_users(ann="other"),), basic("ann", "other")),
    ((), None),
    ((users("ann"),), GOOD),
)
"""What the AuthConfig says next, and who comes in then; where that is nobody, it cannot be done."""
POLICIES: tuple[tuple[Doc, int], ...] = (
    ({"basicAuth": {"secretRef": {"name": "users"}}}, 401),
    ({"authorization": {"rules": [{"ipBlocks": ["192.0.2.0/24"]}]}}, 403),
    ({"jwt": TOKENS}, 401),
    ({"jwt": {"providers": [], "more": 1}}, 401),
    ({"ext": {"protocol": "HTTP", "backendRef": {"name": "nowhere", "port": 80}}}, 500),
    ({"jwt": TOKENS, "authorization": {"rules": [{"claims": {"sub": "ann"}}]}}, 401),
    ({"basicAuth": {"secretRef": {"name": "nowhere"}}}, 500),
    ({"apiKey": {"secretRefs": [{"name": "key"}]}}, 401),
)
"""What the policies say next, and what is answered then; one that cannot be read leaves what was before."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    names: Doc = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}}
    line = {".htpasswd": "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}
    shared.write("secrets.yaml", api_key("key", "N2YwMDIx"), names | {"stringData": line})
    shared.write(
        "gateway.yaml", gateway("gw", listener(shared.port), listener(shared.port, "named", hostname="*.test"))
    )
    shared.write("auth.yaml", auth_config("who", *STEPS[0][0]))
    option = {"metadata": {"name": "o"}, "spec": {"options": {"extauth": {"configRef": {"name": "who"}}}}}
    shared.write("option.yaml", {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption"} | option)
    named = {"group": "gateway.solo.io", "kind": "RouteOption", "name": "o"}
    guarded = rule(prefix("/config"), to="a", filters=[{"type": "ExtensionRef", "extensionRef": named}])
    policed = rule(prefix("/policy"), to="a") | {"name": "policed"}
    shared.write("policy.yaml", _policy(POLICIES[0][0]))
    shared.write(
        "route.yaml",
        route("r", guarded, policed, hosts=[*HOSTS[:1], "*.wild.test"], parents=[reference("gw", sectionName="named")]),
        route("all", guarded, policed, hosts=["other.test"]),
    )
    await shared.start()
    for host in HOSTS:
        await shared.answers(401, "/config", host=host)


def _policy(spec: Doc) -> list[Doc]:
    return [
        auth_policy(name, {"kind": "HTTPRoute", "name": name, "sectionName": "policed"}, **spec)
        for name in ("r", "all")
    ]


@contextlib.asynccontextmanager
async def _nobody_comes_in(shared: World, path: str) -> AsyncIterator[None]:
    """Whatever happens meanwhile."""
    async with contextlib.AsyncExitStack() as stack:
        every = [
            await stack.enter_async_context(load(functools.partial(shared.ask, path, host=host))) for host in HOSTS
        ]
        yield
    for one in every:
        assert {getattr(answer, "status", 0) for answer in one.answers} <= {401, 403, 500, 503}


async def test_a24_no_change_of_an_auth_config_opens(shared: World) -> None:
    async with _nobody_comes_in(shared, "/config"):
        for steps, known in (*STEPS, (None, None), STEPS[0]):
            path = shared.write("auth.yaml", *([] if steps is None else [auth_config("who", *steps)]))
            if steps is None:
                path.unlink()
            for host in HOSTS:
                await shared.answers(500 if known is None else 200, "/config", host=host, headers=known or GOOD)


async def test_a24_nor_one_of_an_auth_policy(shared: World) -> None:
    async with _nobody_comes_in(shared, "/policy"):
        for spec, status in POLICIES:
            shared.write("policy.yaml", _policy(spec))
            if "more" in spec.get("jwt", {}):
                await shared.problem("AuthPolicy default/r", "stays in force")
            for host in HOSTS:
                await shared.answers(status, "/policy", host=host)
