"""Proxies in a cluster, as the real API server has them: made, kept, mended, removed, and never taken from others."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import yaml

from cluster.api import ApiServer
from cluster.client import RefusedError
from daemun.base.names import Name
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.settings import cluster
from daemun.ir.placement import Placement
from daemun.kube.client import KubeClient
from daemun.provision.kube.proxies import KubeProxies
from daemun.provision.kube.settings import ProxySettings
from daemun.translate import Translation
from support.objects.cases import objects
from support.scenes.world import until

PROXIES = ProxySettings("daemun:test", "daemun.daemun-system.svc")
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts/{}",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps/{}",
    "Service": "/api/v1/namespaces/{}/services/{}",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets/{}",
}


class Place:
    """A namespace of the API server, a translation, and the proxies of what is written in it."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self.translation = Translation(cluster(yaml.safe_load))
        self.setbacks: dict[str, Setback | None] = {}
        self.client = KubeClient.connect(kubeconfig=server.kubeconfig)
        self.proxies = self.leader()
        server.client.create("/api/v1/namespaces", {"metadata": {"name": namespace}})

    def leader(self, resync: float = 0.2, **more: Any) -> KubeProxies:
        told = self.setbacks.__setitem__
        proxies = KubeProxies(self.client, PROXIES, told, namespaces=[self.namespace], resync=resync, **more)
        proxies.trust("who to trust")
        proxies.want(dict(self.translation.placements))
        return proxies

    def write(self, manifests: str) -> None:
        """Apply to the API server, read back, and hand on to the proxies."""
        for document in yaml.safe_load_all(manifests):
            document["metadata"]["namespace"] = self.namespace
            (made,) = self.server.client.apply(document)
            made["metadata"].pop("managedFields")
            made.pop("status", None)
            self.translation.apply(objects(yaml.safe_dump(made)).items())
        self.proxies.want(dict(self.translation.placements))

    def forget(self, name: str) -> None:
        self.proxies.want({Name(self.namespace, name): None})

    def get(self, kind: str, name: str) -> Any:
        """An object, or None."""
        try:
            return self.server.client.get(PATHS[kind].format(self.namespace, name))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def versions(self, name: str) -> list[str]:
        return [found["metadata"]["resourceVersion"] for kind in PATHS if (found := self.get(kind, name))]

    async def there(self, name: str, kind: str = "Deployment") -> Any:
        return await until(lambda: self.get(kind, name))


@contextlib.asynccontextmanager
async def running(proxies: KubeProxies) -> AsyncIterator[None]:
    task = asyncio.create_task(proxies.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def place(api_server: ApiServer, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    name = re.sub("[^a-z]+", "-", request.node.name.removeprefix("test_"))[:60].strip("-")
    here = Place(api_server, name)
    async with here.client:
        yield here


GATE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
GATE_TWO_PORTS = GATE.replace(
    "[{name: http, port: 80, protocol: HTTP}]",
    "[{name: http, port: 80, protocol: HTTP}, {name: more, port: 8080, protocol: HTTP}]",
)


async def test_what_is_made_serves_its_gateway_and_is_left_alone_from_then_on(place: Place) -> None:
    place.write(GATE)
    async with running(place.proxies):
        deployment = await place.there("gate-daemun")
        for kind in ("ServiceAccount", "ConfigMap", "Service"):
            (owner,) = place.get(kind, "gate-daemun")["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["name"], owner["controller"]) == ("Gateway", "gate", True)
        assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "daemun:test"
        before = place.versions("gate-daemun")
        await asyncio.sleep(0.5)  # two rounds of looking around
    async with running(place.leader()):  # another leader
        await asyncio.sleep(0.5)
    assert place.versions("gate-daemun") == before


async def test_a_new_port_reaches_the_service_and_makes_no_new_pods(place: Place) -> None:
    place.write(GATE)
    async with running(place.proxies):
        before = await place.there("gate-daemun")
        place.write(GATE_TWO_PORTS)
        await until(lambda: [one["port"] for one in place.get("Service", "gate-daemun")["spec"]["ports"]] == [80, 8080])
    assert place.get("Deployment", "gate-daemun")["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize("resync", [0.2, 3600.0], ids=["looked-for", "noticed"])
async def test_what_somebody_edits_or_deletes_is_mended(place: Place, resync: float) -> None:
    place.write(GATE)
    async with running(place.leader(resync)):
        await place.there("gate-daemun")
        service = PATHS["Service"].format(place.namespace, "gate-daemun")
        place.server.client.merge(service, {"spec": {"selector": {"app.kubernetes.io/name": "mine"}}})
        place.server.client.delete(PATHS["ConfigMap"].format(place.namespace, "gate-daemun"))
        await place.there("gate-daemun", "ConfigMap")
        name = "app.kubernetes.io/name"
        await until(lambda: place.get("Service", "gate-daemun")["spec"]["selector"][name] == "gate-daemun")


async def test_a_name_that_is_taken_is_left_to_its_owner(place: Place) -> None:
    service = {"metadata": {"name": "gate-daemun"}, "spec": {"ports": [{"port": 5432}]}}
    path = f"/api/v1/namespaces/{place.namespace}/services"
    place.server.client.create(path, service)
    place.write(GATE)
    proxy = f"{place.namespace}/gate"
    async with running(place.proxies):
        setback = await until(lambda: place.setbacks.get(proxy))
        assert "Service" in setback.text
        assert "does not belong" in setback.text
        assert [one["port"] for one in place.get("Service", "gate-daemun")["spec"]["ports"]] == [5432]
        assert place.get("Deployment", "gate-daemun") is None
        place.server.client.delete(f"{path}/gate-daemun")
        await place.there("gate-daemun")
        await until(lambda: place.setbacks[proxy] is None)


async def test_a_quota_holds_up_one_gateway_and_no_other(place: Place) -> None:
    parameters = """
apiVersion: v1
kind: ConfigMap
metadata: {name: port}
data: {serviceType: NodePort, nodePorts: "{80: 80}"}
"""
    place.write(parameters)
    place.write(GATE + "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: port}}\n")
    place.write(GATE.replace("name: gate", "name: good"))
    async with running(place.proxies):
        await place.there("good-daemun")
        setback = await until(lambda: place.setbacks.get(f"{place.namespace}/gate"))
    assert "nodePort" in setback.text
    assert "parameters" in setback.mend


async def test_what_is_not_wanted_any_more_goes_also_when_nobody_was_looking(place: Place) -> None:
    place.write(GATE)
    place.write(GATE.replace("name: gate", "name: other"))
    async with running(place.proxies):
        await place.there("gate-daemun")
        await place.there("other-daemun")
        place.forget("gate")
        await until(lambda: place.versions("gate-daemun") == [])
    leader = place.leader()
    leader.want({Name(place.namespace, "other"): None, Name(place.namespace, "gate"): None})
    async with running(leader):
        await until(lambda: place.versions("other-daemun") == [])


async def test_with_parameters_that_break_a_new_leader_leaves_alone_what_runs(place: Place) -> None:
    place.write(GATE)
    async with running(place.proxies):
        await place.there("gate-daemun")
    (placement,) = place.translation.placements.values()
    held = place.leader()
    held.want({placement.ref.key: msgspec.structs.replace(placement, held=True)})
    before = place.versions("gate-daemun")
    async with running(held):
        await asyncio.sleep(0.7)  # several rounds of looking around
    assert place.versions("gate-daemun") == before


async def test_a_gateway_that_a_new_leader_cannot_read_loses_nothing(place: Place) -> None:
    place.write(GATE)
    place.write(GATE.replace("name: gate", "name: other"))
    async with running(place.proxies):
        await place.there("gate-daemun")
        await place.there("other-daemun")
    before = place.versions("gate-daemun")
    leader = place.leader(unread=lambda name: name.name == "gate")
    leader.want(dict.fromkeys(place.translation.placements.keys()))
    async with running(leader):
        await until(lambda: place.versions("other-daemun") == [])
    assert place.versions("gate-daemun") == before


async def test_a_budget_comes_and_goes_with_the_replicas(place: Place) -> None:
    def asks(replicas: int) -> Placement:
        at = Name(place.namespace, "gate")
        place.write(f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: size}}
data: {{replicas: "{replicas}"}}
""")
        return place.translation.placements[at]

    place.write(GATE + "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: size}}\n")
    async with running(place.proxies):
        await asyncio.sleep(0.3)
        assert place.versions("gate-daemun") == []  # its parameters do not exist
        assert asks(3).parameters.replicas == 3
        await place.there("gate-daemun", "PodDisruptionBudget")
        assert place.get("Deployment", "gate-daemun")["spec"]["replicas"] == 3
        asks(1)
        await until(lambda: place.get("PodDisruptionBudget", "gate-daemun") is None)
        place.server.client.delete(f"/api/v1/namespaces/{place.namespace}/configmaps/size")
        assert place.get("Deployment", "gate-daemun")["spec"]["replicas"] == 1


CLASSIC = """
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {discoveryNamespace: HOME}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: some-name, namespace: HOME}
spec: {bindPort: 8080, httpGateway: {}, proxyNames: [public]}
"""


async def test_a_proxy_of_classic_mode_belongs_to_no_object_and_is_kept_and_removed_all_the_same(place: Place) -> None:
    written = objects(CLASSIC.replace("HOME", place.namespace))
    place.translation.apply(written.items())
    place.proxies.want(dict(place.translation.placements))
    async with running(place.proxies):
        made = await place.there("public")
        assert "ownerReferences" not in made["metadata"]
        service = await place.there("public", "Service")
        assert [(one["port"], one["targetPort"]) for one in service["spec"]["ports"]] == [(80, 8080), (443, 8443)]
        place.server.client.delete(PATHS["Service"].format(place.namespace, "public"))
        await until(
            lambda: (place.get("Service", "public") or service)["metadata"]["uid"] != service["metadata"]["uid"]
        )
    # The next leader finds it by its labels, also when nobody wants it any more.
    place.translation.apply([(ref, None) for ref in written if ref.kind == "Gateway"])
    async with running(place.leader()):
        await until(lambda: not any(place.get(kind, "public") for kind in PATHS))
