"""A24: what tokens say is metadata only where something reads it. Whoever begins to read finds it at once, and as long
as he reads: those with the right claims always come in, the others never while they are asked for.
"""

import base64
import contextlib
import functools
import hmac
import json
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.auth import auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, load

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTS = ("hit.test", "x.wild.test", "other.test")
ROUTES = [{"kind": "HTTPRoute", "name": name} for name in ("some", "all")]
GATEWAY = {"kind": "Gateway", "name": "gw"}
SECRET = b"secret-secret-secret-secret-12"
KEYS = json.dumps(
    {"keys": [{"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(SECRET).decode().rstrip("=")}]}
)
PROVIDERS = {"p": {"issuer": "issuer.test", "jwks": {"local": {"key": KEYS}}}}
ASKS = {"policies": {"ann": {"principals": [{"jwtPrincipal": {"claims": {"sub": "ann"}, "provider": "p"}}]}}}


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(**claims: Any) -> str:
    said = b".".join(_part(json.dumps(one).encode()) for one in ({"alg": "HS256"}, {"iss": "issuer.test", **claims}))
    return (said + b"." + _part(hmac.digest(SECRET, said, "sha256"))).decode()


ANN, EVE = ({"authorization": f"Bearer {_token(sub=sub)}"} for sub in ("ann", "eve"))


def _option(kind: str, name: str, *targets: Doc, **options: Any) -> Doc:
    refs = [{"group": "gateway.networking.k8s.io", **one} for one in targets]
    spec = {"targetRefs": refs, "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _policy(*targets: Doc, **spec: Any) -> Doc:
    """A token's, so that its claims may be asked for."""
    provider = {"name": "p", "issuer": "issuer.test", "forward": True, "jwks": {"inline": KEYS}}
    return auth_policy("policy", *targets, jwt={"providers": [provider]}, **spec)


CLAIMS = {"rules": [{"claims": {"sub": "ann"}, "provider": "p"}]}
HOST_TOKENS = _option("VirtualHostOption", "tokens", GATEWAY, jwt={"providers": PROVIDERS})
READERS: dict[str, tuple[Doc, ...]] = {
    "nobody": (HOST_TOKENS,),
    "routes": (HOST_TOKENS, _option("RouteOption", "claims", *ROUTES, rbac=ASKS)),
    "hosts": (_option("VirtualHostOption", "tokens", GATEWAY, jwt={"providers": PROVIDERS}, rbac=ASKS),),
    "nobody, tokens of routes": (_policy(*ROUTES),),
    "routes, tokens of routes": (_policy(*ROUTES, authorization=CLAIMS),),
    "nobody, tokens of a policy": (_policy(GATEWAY),),
    "hosts, by a policy": (_policy(GATEWAY, authorization=CLAIMS),),
}
"""Who asks for claims, and who checks tokens."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    shared.write("tokens.yaml", *READERS["nobody"])
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    _routes(shared, "a")
    await shared.start()


def _routes(world: World, backend: str) -> None:
    every = rule(prefix("/"), to=backend)
    world.write("route.yaml", route("some", every, hosts=[HOSTS[0], "*.wild.test"]), route("all", every))


def _right(answers: list[Answer | Exception]) -> set[int]:
    return {getattr(answer, "status", 0) for answer in answers}


async def test_a24_whoever_reads_claims_finds_them(shared: World) -> None:
    """From each to each other; the backend becomes another one meanwhile, for which routes wait and hosts do not."""
    async with contextlib.AsyncExitStack() as stack:
        every = [
            await stack.enter_async_context(load(functools.partial(shared.ask, host=host, headers=ANN), pause=0.002))
            for host in HOSTS
        ]
        backends = ("b", "a")
        for turn, (before, after) in enumerate(permutations(READERS, 2)):
            for name in (before, after):
                shared.write("tokens.yaml", *READERS[name])
                _routes(shared, backends[turn % 2])
                wanted = 200 if name.startswith("nobody") else 403
                for host in HOSTS:
                    await shared.answers(wanted, host=host, headers=EVE)
                for one in every:
                    assert _right(one.answers) <= {200}, f"{name}, of {before} and {after}"
