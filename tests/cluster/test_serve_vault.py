"""`daemun serve` with a real API server and a real Vault: Settings in the cluster name the place, and tell of it."""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster import crds
from cluster.api import ApiServer
from cluster.vault import VaultServer
from daemun.api.crds import definitions
from daemun.ir.resource import SECRET, encode
from daemun.kube.client import KubeClient
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from support.objects.certificates import Pair, authority
from support.objects.documents import gateway, listener, secret
from support.scenes.world import manifest, until
from support.servers.ports import free_port

from .client import established
from .test_gloo_crds import plain

CA = authority()
NAMESPACE = "gloo-system"
SETTINGS = f"/apis/gloo.solo.io/v1/namespaces/{NAMESPACE}/settings/default"


class Serving:
    """A control plane that leads."""

    def __init__(self, app: ClusterApp, port: int) -> None:
        self.app, self.port = app, port

    def sends(self, pair: Pair) -> bool:
        """Whether proxies are sent this private key."""
        line = pair[1].splitlines()[1]
        parts = self.app.plane.translation.resources.items()
        return self.app.plane.settled and any(key.type_url == SECRET and line in encode(part) for key, part in parts)

    async def metric(self, name: str) -> str:
        def ask() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                return str(answer.read().decode())

        text = await asyncio.to_thread(ask)
        return next((line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name}{{")), "")


@contextlib.asynccontextmanager
async def serving(server: ApiServer, folder: Path) -> AsyncIterator[Serving]:
    port = free_port()
    async with KubeClient.connect(kubeconfig=server.kubeconfig) as client:
        where = {"state_dir": str(folder / "state"), "state_key": str(folder / "key")}
        installation = Installation(NAMESPACE, "daemun", "one", "daemun:none", xds_port=0, health_port=port, **where)
        one = Serving(ClusterApp(client, installation), port)
        task = asyncio.create_task(one.app.run())
        try:
            await until(lambda: one.app.election.leading or task.done(), 60)
            if task.done():
                await task
            yield one
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_settings_of_the_cluster_name_a_vault(
    own_api_server: ApiServer, vault_server: VaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = own_api_server.client
    crds.install(client)
    for one in definitions():
        client.apply(plain(one))
    for one in definitions():
        assert established(client, one["metadata"]["name"])
    in_cluster, first, second = (CA.issue(name) for name in ("cluster.example", "first.example", "second.example"))
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    client.apply(
        manifest(
            gateway("gw", listener(443, "https", certs=["cert", "vaulted"])),
            secret("cert", *in_cluster),
        )
    )
    monkeypatch.setenv("VAULT_ADDR", vault_server.address)
    monkeypatch.setenv("VAULT_TOKEN", vault_server.token("root"))
    vault_server.put("default/vaulted", {"tls.crt": first[0].decode(), "tls.key": first[1].decode()})

    def told() -> str:
        found = client.get(SETTINGS).get("status", {}).get("statuses", {})
        return str(found)

    async with serving(own_api_server, tmp_path) as one:
        await until(lambda: one.sends(in_cluster), 60)
        assert not one.sends(first)
        client.apply(
            {
                "apiVersion": "gloo.solo.io/v1",
                "kind": "Settings",
                "metadata": {"name": "default", "namespace": NAMESPACE},
                "spec": {"refreshRate": "1s", "vaultSecretSource": {}},
            }
        )
        await until(lambda: one.sends(first), 60)
        assert one.sends(in_cluster)
        assert await one.metric("daemun_secrets_place_up") == "1.0"
        vault_server.put("default/vaulted", {"tls.crt": second[0].decode(), "tls.key": second[1].decode()})
        await until(lambda: one.sends(second), 60)
        vault_server.kill()
        await until(lambda: asyncio.to_thread(lambda: "does not answer" in told()), 60)
        assert "the last good is served on" in told()
        assert await one.metric("daemun_secrets_place_up") == "0.0"
        assert one.sends(second)
        # The API server says something else meanwhile.
        client.apply(manifest(gateway("other", listener(8080, "http"))))
        await until(lambda: len(one.app.plane.translation.gateways) == 2, 60)
        assert one.sends(second)
        line = second[1].splitlines()[1]
        await until(lambda: not one.app._unwritten(), 60)
    # Another one starts while Vault is away: what is sealed on disk is served, and nothing else of Vault's is known.
    async with serving(own_api_server, tmp_path) as again:
        await until(lambda: again.sends(second), 60)
        assert again.sends(in_cluster)
        assert await again.metric("daemun_secrets_held") == "0.0"
    kept = [file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert kept
    assert not any(line in text for text in kept)


KEYS = """
apiVersion: enterprise.gloo.solo.io/v1
kind: AuthConfig
metadata: {name: keys, namespace: default}
spec:
  configs:
  - apiKeyAuth:
      headerName: x-api-key
      k8sSecretApikeyStorage: {labelSelector: {team: infrastructure}}
---
apiVersion: v1
kind: Secret
metadata: {name: ann, namespace: default, labels: {team: infrastructure}}
type: extauth.solo.io/apikey
stringData: {api-key: a-key-of-ann}
"""


async def test_api_keys_are_found_by_their_labels(own_api_server: ApiServer, tmp_path: Path) -> None:
    client = own_api_server.client
    crds.install(client)
    for one in definitions():
        client.apply(plain(one))
    for one in definitions():
        assert established(client, one["metadata"]["name"])
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    client.apply(KEYS)
    path = "/apis/enterprise.gloo.solo.io/v1/namespaces/default/authconfigs/keys"

    def told() -> str:
        return str(client.get(path).get("status", {}).get("statuses", {}))

    async with serving(own_api_server, tmp_path):
        await until(lambda: asyncio.to_thread(lambda: "Accepted" in told()), 60)
        client.delete("/api/v1/namespaces/default/secrets/ann")
        await until(lambda: asyncio.to_thread(lambda: "there are no API keys" in told()), 60)
