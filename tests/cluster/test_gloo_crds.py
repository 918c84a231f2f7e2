"""Gloo's kinds in a real API server: it takes the CRDs and keeps every field; statuses, with Gloo's own CRDs too."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from daemun.api.crds import definition, definitions
from daemun.api.gloo.status import GlooStatus
from daemun.api.kinds import BY_NAME
from daemun.api.status import Status
from daemun.base.names import GLOO, GLOO_GATEWAY, Ref
from daemun.flow import Graph, Source
from daemun.kube.client import KubeClient
from daemun.report.kube.writer import StatusWriter
from support.api.kube_watcher import watching

from . import tools
from .api import ApiServer
from .client import Document, RefusedError, established
from .commands import CHART
from .processes import ClusterError

EXAMPLES = list(yaml.safe_load_all(Path(__file__).with_name("gloo_examples.yaml").read_text()))
UPSTREAM = Ref(GLOO, "Upstream", "default", "example")
OPTION = Ref(GLOO_GATEWAY, "RouteOption", "default", "example")


def install(server: ApiServer, *documents: Document) -> None:
    for one in documents:
        server.client.apply(plain(one))
    for one in documents:
        assert established(server.client, one["metadata"]["name"])


def plain(document: Document) -> Document:
    """What is said twice is written twice."""
    copied: Document = msgspec.json.decode(msgspec.json.encode(document))
    return copied


async def test_every_field_of_every_kind_is_kept(module_api_server: ApiServer) -> None:
    client = module_api_server.client
    install(module_api_server, *definitions())
    for made in definitions():
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{made['metadata']['name']}"
        there = {one["type"]: one["status"] for one in client.get(path)["status"]["conditions"]}
        assert there["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in there
    for example in EXAMPLES:
        client.apply(example)
        assert client.get(client.path(example))["spec"] == example["spec"], example["kind"]
    async with watching(module_api_server.kubeconfig, None) as watcher:
        await watcher.until(lambda: len(watcher.objects.keys() & {_ref(one) for one in EXAMPLES}) == len(EXAMPLES))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": "soon"}, "spec.options.timeout"),
        ({"retries": {"numRetries": -1}}, "spec.options.retries.numRetries"),
        ({"cors": {"allowOrigin": "*"}}, "spec.options.cors.allowOrigin"),
    ],
)
def test_what_cannot_be_is_refused_by_the_api_server_too(
    module_api_server: ApiServer, options: Document, said: str
) -> None:
    install(module_api_server, definition(BY_NAME[GLOO_GATEWAY, "RouteOption"]))
    option = next(one for one in EXAMPLES if one["kind"] == "RouteOption")
    with pytest.raises(RefusedError, match=said):
        module_api_server.client.apply(option | {"spec": {"options": options}})


async def test_a_status_is_written_whether_or_not_the_crd_has_a_subresource_for_it(own_api_server: ApiServer) -> None:
    install(own_api_server, _without_subresource("Upstream"), definition(BY_NAME[GLOO_GATEWAY, "RouteOption"]))
    client = own_api_server.client
    for example in EXAMPLES:
        if example["kind"] in ("Upstream", "RouteOption"):
            client.apply(example)
    theirs = {"state": "Accepted", "reportedBy": "gloo"}
    upstream = client.path(next(one for one in EXAMPLES if one["kind"] == "Upstream"))
    client.merge(upstream, {"status": {"statuses": {"gloo-system": theirs}}})
    statuses: Source[Ref, Status] = Source(Graph(), "statuses")
    async with (
        watching(own_api_server.kubeconfig, None) as watcher,
        KubeClient.connect(kubeconfig=own_api_server.kubeconfig) as kube,
    ):
        writer = StatusWriter(kube, statuses, watcher.source.locate, namespace="ours", whole=watcher.source.whole)
        await watcher.until(lambda: {UPSTREAM, OPTION} <= watcher.seen.keys())
        writer.lead(True)
        writing = asyncio.create_task(writer.run())

        def told(ref: Ref) -> dict[str, Any]:
            writer.seen(ref, watcher.seen[ref])
            found: dict[str, Any] = msgspec.json.decode(watcher.seen[ref].status or b"{}")
            return found.get("statuses", {})

        try:
            statuses.set(UPSTREAM, GlooStatus.of())
            statuses.set(OPTION, GlooStatus.of(["no such route"]))
            accepted = {"state": "Accepted", "reportedBy": "daemun"}
            await watcher.until(lambda: told(UPSTREAM) == {"gloo-system": theirs, "ours": accepted})
            await watcher.until(lambda: told(OPTION).get("ours", {}).get("reason") == "no such route")
            statuses.delete(UPSTREAM)
            await watcher.until(lambda: told(UPSTREAM) == {"gloo-system": theirs})
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        assert not writer.counts.errors


def _ref(document: Document) -> Ref:
    meta = document["metadata"]
    return Ref(document["apiVersion"].rpartition("/")[0], document["kind"], meta["namespace"], meta["name"])


def test_the_chart_installs_what_is_missing_and_leaves_alone_what_gloo_has_installed(own_api_server: ApiServer) -> None:
    helm = _program("helm")
    install(own_api_server, _without_subresource("Upstream"))
    before = _crds(own_api_server)["upstreams.gloo.solo.io"]
    environment = os.environ | {"KUBECONFIG": str(own_api_server.kubeconfig)}
    command = [helm, "install", "gate", str(CHART), "-n", "default", "--set", "image.repository=daemun.test/absent"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment)
    after = _crds(own_api_server)
    assert after.keys() == {made["metadata"]["name"] for made in definitions()}
    assert after["upstreams.gloo.solo.io"]["spec"] == before["spec"]
    roles = own_api_server.client.get("/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
    rules = [rule for role in roles if role["metadata"]["name"].startswith("gate-") for rule in role["rules"]]
    patched = {
        resource
        for rule in rules
        for resource in rule.get("resources", ())
        if "patch" in rule["verbs"] and rule["apiGroups"][0].endswith("solo.io")
    }
    assert {one for one in patched if "/" not in one} == {"upstreams"}
    assert "routeoptions/status" in patched


def _without_subresource(kind: str) -> Document:
    """The definition of a kind as Gloo has it: the status is a part of the object."""
    made = plain(definition(BY_NAME[GLOO, kind]))
    del made["spec"]["versions"][0]["subresources"]
    return made


def _crds(server: ApiServer) -> dict[str, Document]:
    found = server.client.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return {one["metadata"]["name"]: one for one in found}


def _program(name: str) -> str:
    try:
        return str(tools.path(name))
    except ClusterError as error:
        pytest.skip(str(error))
