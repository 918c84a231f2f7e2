"""What is put into the pods of a mesh."""

import base64
from typing import Any

import msgspec
import pytest

from daemun.admission.injection import Injector
from daemun.admission.review import Asked, GroupVersionKind, answer
from daemun.base.names import Name
from daemun.gatewayapi.mesh import clients
from daemun.gatewayapi.settings import cluster
from daemun.provision.kube import sidecar
from daemun.provision.kube.objects import render
from daemun.provision.kube.settings import ProxySettings
from daemun.sources import yamldoc
from daemun.translate import Translation
from support.objects.cases import objects

INJECTOR = Injector(sidecar.containers("daemun:1", "Never"), sidecar.volumes())


def asked(spec: dict[str, Any], kind: str = "Pod") -> Asked:
    return Asked("u", GroupVersionKind("", "v1", kind), "CREATE", "p", "shop", {"spec": spec})


async def patched(spec: dict[str, Any]) -> list[tuple[str, str]]:
    """Where something is put, and what it is called."""
    verdict = await INJECTOR.inject(asked(spec))
    told = msgspec.json.decode(answer("u", verdict))["response"]
    assert told["allowed"]
    if "patch" not in told:
        return []
    assert told["patchType"] == "JSONPatch"
    patch = msgspec.json.decode(base64.b64decode(told["patch"]))
    return [
        (one["path"], of["name"])
        for one in patch
        for of in (one["value"] if isinstance(one["value"], list) else [one["value"]])
    ]


async def test_the_proxy_and_the_redirection_come_before_all_else() -> None:
    spec = {"initContainers": [{"name": "first"}], "containers": [{"name": "app"}], "volumes": [{"name": "tmp"}]}
    found = await patched(spec)
    assert found[:2] == [
        ("/spec/initContainers/0", "daemun-proxy"),
        ("/spec/initContainers/1", "daemun-proxy-redirect"),
    ]
    assert {path for path, _ in found[2:]} == {"/spec/volumes/-"}
    assert [path for path, _ in await patched({"containers": []})][:2] == ["/spec/initContainers"] * 2


@pytest.mark.parametrize("spec", [{"hostNetwork": True}, {"initContainers": [{"name": "daemun-proxy"}]}])
async def test_pods_that_are_left_as_they_are(spec: dict[str, Any]) -> None:
    assert await patched(spec) == []
    assert (await INJECTOR.inject(asked({}, "ConfigMap"))).patch == ()


def test_only_the_redirection_may_change_the_network_and_the_proxy_is_not_redirected() -> None:
    proxy, redirection = sidecar.containers("daemun:1", "Never")
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert redirection["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert str(proxy["securityContext"]["runAsUser"]) in redirection["command"]
    assert str(clients.DEFAULT_PORT) in redirection["command"]


def test_a_namespace_in_the_mesh_has_the_configuration_of_its_proxies_and_nothing_else() -> None:
    made = Translation(cluster(yamldoc.value))
    made.apply(
        objects("{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {daemun.dev/mesh: enabled}}}").items()
    )
    placement = made.placements[clients.proxy_of("shop")]
    assert placement.made
    rendered = list(render(placement, ProxySettings("daemun:1", "daemun.system.svc"), "PEM"))
    assert [(one.made.kind, one.name) for one in rendered] == [("ConfigMap", Name("shop", "daemun-mesh"))]
    mounted = [one["configMap"]["name"] for one in sidecar.volumes() if "configMap" in one]  # type: ignore[index]  # it is JSON
    assert mounted == ["daemun-mesh"]
