"""A petstore in Gloo's classic resources, and what `daemun migrate gloo` makes of it: a real Envoy does the same."""

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemun.cli.main import app
from support.clients.client import ask
from support.objects.certificates import authority
from support.objects.documents import secret
from support.scenes.world import World, fresh, manifest
from support.servers.ports import free_port
from support.servers.streams import greeted

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
    file.write_text(re.sub(r"\bPORT\b", "18080", manifests))
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


CA = authority()
PORTS = {name: free_port() for name in ("TLS_PORT", "BANK_PORT", "TCP_PORT", "SNI_PORT")}
CONNECTIONS = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: tls, namespace: gloo-system}
spec: {bindPort: TLS_PORT, ssl: true, httpGateway: {virtualServiceSelector: {of: shops}}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: bank, namespace: gloo-system}
spec: {bindPort: BANK_PORT, ssl: true, httpGateway: {virtualServiceSelector: {of: bank}}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: tcp, namespace: gloo-system}
spec:
  bindPort: TCP_PORT
  tcpGateway: {tcpHosts: [{name: t1, destination: {single: {kube: {ref: {name: t1, namespace: default}, port: 80}}}}]}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: sni, namespace: gloo-system}
spec:
  bindPort: SNI_PORT
  tcpGateway:
    tcpHosts:
    - sslConfig: {secretRef: {name: one, namespace: default}, sniDomains: [one.test]}
      destination: {single: {kube: {ref: {name: t1, namespace: default}, port: 80}}}
    - sslConfig: {secretRef: {name: two, namespace: default}, sniDomains: ['*.two.test']}
      destination: {single: {kube: {ref: {name: t2, namespace: default}, port: 80}}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: one, namespace: default, labels: {of: shops}}
spec:
  sslConfig: {secretRef: {name: one}, sniDomains: [one.test]}
  virtualHost: {domains: [one.test], routes: [{directResponseAction: {status: 210}}]}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: two, namespace: default, labels: {of: shops}}
spec:
  sslConfig: {secretRef: {name: two}}
  virtualHost: {domains: ['*'], routes: [{directResponseAction: {status: 211}}]}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: bank, namespace: default, labels: {of: bank}}
spec:
  sslConfig: {secretRef: {name: bank}, sniDomains: [bank.test]}
  virtualHost: {domains: [bank.test], routes: [{directResponseAction: {status: 212}}]}
"""


def secrets() -> list[Any]:
    bank = secret("bank", *CA.issue("bank.test"))
    bank["stringData"]["ca.crt"] = CA.pem
    return [bank, *(secret(name, *CA.issue(f"{name}.test")) for name in ("one", "two"))]


def trusting(folder: Path, client: bool) -> ssl.SSLContext:
    """A client that takes any certificate, and has one itself or not."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if client:
        pair = [folder / name for name in ("client.crt", "client.key")]
        for path, data in zip(pair, CA.issue("client.test"), strict=True):
            path.write_bytes(data)
        context.load_cert_chain(*pair)
    return context


async def connected(manifests: str, folder: Path) -> list[Any]:
    """What becomes of connections to a real Envoy that serves these manifests."""
    found: list[Any] = []
    async with fresh() as world:
        await world.tcp("t1", "t2")
        world.write("world.yaml", manifests)
        await world.start()
        for port, name, client in (
            ("TLS_PORT", "one.test", False),
            ("TLS_PORT", "other.test", False),
            ("BANK_PORT", "bank.test", False),
            ("BANK_PORT", "bank.test", True),
        ):
            try:
                got = await ask(PORTS[port], host=name, sni=name, tls=trusting(folder, client))
            except (OSError, ssl.SSLError, EOFError) as error:
                found.append((name, client, isinstance(error, Exception)))
            else:
                found.append((name, client, got.status))
        found.append(await greeted(PORTS["TCP_PORT"]))
        context = trusting(folder, client=False)
        found += [await greeted(PORTS["SNI_PORT"], context, name) for name in ("one.test", "x.two.test")]
    return found


async def test_connections_end_where_they_did(tmp_path: Path) -> None:
    text = re.sub("|".join(PORTS), lambda found: str(PORTS[found[0]]), CONNECTIONS)
    classic = manifest(text, secrets())
    before = await connected(classic, tmp_path)
    assert before == [
        ("one.test", False, 210),
        ("other.test", False, 211),
        ("bank.test", False, True),  # it asks for a certificate
        ("bank.test", True, 212),
        "t1",
        "t1",
        "t2",
    ]
    assert await connected(migrated(classic, tmp_path), tmp_path) == before


@pytest.mark.parametrize("options", [["--flatten"], ["--prefixes", "characters"]])
def test_options_change_how_it_is_written(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "classic.yaml"
    file.write_text(PETSTORE.replace("PORT", "8080"))
    plain, other = (CliRunner().invoke(app, ["migrate", "gloo", str(file), *more]).stdout for more in ([], options))
    assert other.count("kind: HTTPRoute\nmetadata") == 2
    assert plain != other
