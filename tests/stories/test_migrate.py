"""A petstore in Gloo's classic resources, and what `daemun migrate gloo` makes of it: a real Envoy does the same."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemun.cli.main import app
from support.world import World, fresh

PETSTORE = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: web, namespace: gloo-system}
spec: {bindPort: PORT, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: petstore, namespace: default}
spec:
  virtualHost:
    domains: [pets.test]
    options: {headerManipulation: {responseHeadersToAdd: [{header: {key: x-host-option, value: 'yes'}}]}}
    routes:
    - matchers: [{exact: /all-pets}]
      options: {prefixRewrite: /api/pets}
      routeAction: {single: {kube: {ref: {name: a}, port: 80}}}
    - matchers: [{prefix: /pets, headers: [{name: x-canary}]}]
      options: {prefixRewrite: /canary, hostRewrite: canary.test}
      routeAction: {single: {kube: {ref: {name: b}, port: 80}}}
    - matchers: [{prefix: /pets/cats}, {exact: /pets/dogs, methods: [GET, PUT]}]
      options:
        headerManipulation: {requestHeadersToAdd: [{header: {key: x-added, value: 'here'}}]}
      routeAction: {single: {kube: {ref: {name: a}, port: 80}}}
    - matchers: [{prefix: /pets}]
      options: {prefixRewrite: /, timeout: 20s}
      routeAction: {single: {kube: {ref: {name: b}, port: 80}}}
    - matchers: [{prefix: /old}]
      redirectAction: {prefixRewrite: /pets, responseCode: FOUND}
    - matchers: [{prefix: /moved}]
      redirectAction: {hostRedirect: new.test, pathRedirect: /here}
    - matchers: [{prefix: /sold-out}]
      directResponseAction: {status: 410, body: gone}
    - matchers: [{prefix: /teams}]
      options: {hostRewrite: parent.test}
      delegateAction: {selector: {labels: {of: teams}, namespaces: ['*']}}
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: cats, namespace: cats, labels: {of: teams}}
spec:
  routes:
  - matchers: [{prefix: /teams/cats}]
    options: {hostRewrite: cats.test}
    routeAction: {single: {kube: {ref: {name: a, namespace: default}, port: 80}}}
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: rest, namespace: default, labels: {of: teams}}
spec: {routes: [{matchers: [{prefix: /teams}], routeAction: {single: {kube: {ref: {name: b}, port: 80}}}}]}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: others, namespace: default}
spec:
  virtualHost:
    domains: ['*']
    routes: [{matchers: [{regex: '/o[a-z]+'}], routeAction: {upstreamGroup: {name: only, namespace: default}}}]
---
apiVersion: gloo.solo.io/v1
kind: UpstreamGroup
metadata: {name: only, namespace: default}
spec: {destinations: [{weight: 1, destination: {kube: {ref: {name: b}, port: 80}}}]}
"""
CANARY = {"x-canary": "any"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("/all-pets", "GET", {}),
    ("/all-pets?q=1", "GET", {}),
    ("/pets", "GET", {}),
    ("/pets/7", "GET", {}),
    ("/pets/7", "GET", {"headers": CANARY}),
    ("/pets/cats/7", "GET", {}),
    ("/pets/cats/7", "GET", {"headers": CANARY}),
    ("/pets/dogs", "PUT", {}),
    ("/pets/dogs", "PUT", {"headers": CANARY}),
    ("/pets/dogs", "POST", {}),
    ("/old/7?q=1", "GET", {}),
    ("/moved/7?q=1", "GET", {}),
    ("/sold-out", "GET", {}),
    ("/teams/cats/1", "GET", {}),
    ("/teams/dogs", "GET", {}),
    ("/nothing", "GET", {}),
    ("/other", "GET", {"host": "other.test"}),
    ("/pets", "GET", {"host": "other.test"}),
]


async def answers(manifests: str) -> list[Any]:
    """What a real Envoy answers that serves these manifests."""
    async with fresh() as world:
        await world.echo("a", "b")
        world.write("world.yaml", manifests.replace("PORT", str(world.port)))
        await world.start()
        return [await _answer(world, *one) for one in REQUESTS]


async def _answer(world: World, path: str, method: str, request: dict[str, Any]) -> Any:
    host = request.get("host", "pets.test:PORT").replace("PORT", str(world.port))
    got = await world.ask(path, method, host=host, headers=request.get("headers", ()))
    seen = ()
    if got.backend:
        seen = (got.seen["path"], got.sent("host")[0].partition(":")[0], got.sent("x-added"))
    location = got.headers.get("location", "").replace(str(world.port), "PORT")
    return path, method, got.status, got.backend, location, got.headers.get("x-host-option"), seen


def migrated(manifests: str, folder: Path) -> str:
    """What the command makes of them, in text."""
    file = folder / "classic.yaml"
    file.write_text(manifests.replace("PORT", "18080"))
    found = CliRunner().invoke(app, ["migrate", "gloo", str(file)])
    assert found.exit_code == 0
    assert "error:" not in found.stderr
    return found.stdout.replace("18080", "PORT")


async def test_a_real_envoy_does_the_same_before_and_after(tmp_path: Path) -> None:
    text = migrated(PETSTORE, tmp_path)
    assert "VirtualService" not in "".join(line for line in text.splitlines() if not line.startswith("#"))
    assert text.count("kind: HTTPRoute\nmetadata") == 4, "two VirtualServices, and two RouteTables that stay their own"
    before, after = await answers(PETSTORE), await answers(text)
    assert after == before
    assert {one[3] for one in before} == {"a", "b", ""}


@pytest.mark.parametrize("options", [["--flatten"], ["--prefixes", "characters"]])
def test_options_change_how_it_is_written(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "classic.yaml"
    file.write_text(PETSTORE.replace("PORT", "8080"))
    plain, other = (CliRunner().invoke(app, ["migrate", "gloo", str(file), *more]).stdout for more in ([], options))
    assert other.count("kind: HTTPRoute\nmetadata") == 2
    assert plain != other
