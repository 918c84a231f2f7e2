"""The Kubernetes source and a real API server: what it says, and what becomes of it when it is hurt."""

import asyncio
import time

import msgspec

from daemun.api.core import Secret
from daemun.api.gateway import Gateway
from daemun.base.names import CORE, GATEWAY, Ref
from daemun.sources.kube.backoff import Pace
from support.api.kube_watcher import watching

from . import crds
from .api import ApiServer
from .client import Document

_ROUTE = """
apiVersion: {group}/{version}
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hostnames: [{name}.example.com], parentRefs: [{{name: http}}]}}
"""


def _route(name: str, namespace: str = "default", kind: str = "HTTPRoute", version: str = "v1") -> str:
    return _ROUTE.format(group=GATEWAY, name=name, namespace=namespace, kind=kind, version=version)


def _namespace(server: ApiServer, name: str) -> None:
    server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _secret(name: str, value: str, namespace: str = "default") -> Document:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"key": value}}


async def test_a_gateway_as_the_api_server_completes_it_and_its_status(api_server: ApiServer) -> None:
    _namespace(api_server, "completed")
    ref = Ref(GATEWAY, "Gateway", "completed", "http")
    async with watching(api_server.kubeconfig, None) as watcher:
        await watcher.until(lambda: watcher.batches)
        [written] = api_server.client.apply(
            f"""
            apiVersion: {GATEWAY}/v1
            kind: Gateway
            metadata: {{name: http, namespace: completed}}
            spec: {{gatewayClassName: daemun, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
            """
        )
        await watcher.until(lambda: ref in watcher.objects)
        gateway = watcher.objects[ref]
        assert isinstance(gateway, Gateway)
        assert gateway.spec.listeners[0].allowed_routes.namespaces.from_ == "Same"
        assert gateway.metadata.uid == written["metadata"]["uid"]
        path = watcher.source.locate(ref)
        assert path is not None
        batches = len(watcher.batches)
        written = api_server.client.merge(f"{path}/status", {"status": {"addresses": [{"value": "1.2.3.4"}]}})
        await watcher.until(lambda: watcher.seen[ref].resource_version == written["metadata"]["resourceVersion"])
        assert msgspec.json.decode(watcher.seen[ref].status) == written["status"]
        assert len(watcher.batches) == batches  # a status of ours is no news
        api_server.client.delete(path)
        await watcher.until(lambda: ref not in watcher.objects)
        assert ref not in watcher.seen


async def test_secrets_are_read_as_they_are_wanted(api_server: ApiServer) -> None:
    _namespace(api_server, "secrets")
    wanted = Ref(CORE, "Secret", "secrets", "wanted")
    api_server.client.apply(_secret("wanted", "one", "secrets"))
    api_server.client.apply(_secret("other", "one", "secrets"))
    async with watching(api_server.kubeconfig, None) as watcher:
        watcher.want("Secret", "secrets/wanted", "secrets/later")
        await watcher.until(lambda: watcher.batches)
        assert watcher.names("Secret") == {"secrets/wanted"}
        api_server.client.apply(_secret("wanted", "two", "secrets"))
        api_server.client.apply(_secret("later", "one", "secrets"))

        def rotated() -> bool:
            secret = watcher.objects[wanted]
            return isinstance(secret, Secret) and secret.data["key"] == b"two"

        await watcher.until(rotated)
        await watcher.until(lambda: watcher.names("Secret") == {"secrets/wanted", "secrets/later"})
        api_server.client.delete("/api/v1/namespaces/secrets/secrets/wanted")
        await watcher.until(lambda: watcher.names("Secret") == {"secrets/later"})


async def test_an_api_server_that_was_killed_is_caught_up_with(own_api_server: ApiServer) -> None:
    crds.install(own_api_server.client)
    for name in ("stays", "goes"):
        own_api_server.client.apply(_route(name))
    async with watching(own_api_server.kubeconfig, None) as watcher:
        await watcher.until(lambda: watcher.batches)
        watcher.batches.clear()
        await asyncio.to_thread(own_api_server.kill)
        await watcher.until(lambda: all(one.trouble for one in watcher.source.watched))
        assert not watcher.batches
        await asyncio.to_thread(own_api_server.start)
        own_api_server.client.delete(f"/apis/{GATEWAY}/v1/namespaces/default/httproutes/goes")
        own_api_server.client.apply(_route("comes"))
        await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/stays", "default/comes"})
        assert {ref.name for batch in watcher.batches for ref in batch.objects} == {"goes", "comes"}


async def test_a_paused_api_server_is_noticed_and_caught_up_with(own_api_server: ApiServer) -> None:
    crds.install(own_api_server.client)
    own_api_server.client.apply(_route("one"))
    async with watching(own_api_server.kubeconfig, Pace(silence=2.0)) as watcher:
        await watcher.until(lambda: watcher.batches)
        with own_api_server.paused():
            await watcher.until(lambda: all(one.trouble for one in watcher.source.watched))
            asleep = time.time()
        # With so little patience a watch of which there is no news breaks again and again, and not all at once.
        await watcher.until(lambda: all(one.heard > asleep for one in watcher.source.watched))
        own_api_server.client.apply(_route("two"))
        await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/one", "default/two"})
        assert all(None not in batch.objects.values() for batch in watcher.batches)


async def test_kinds_come_go_and_come_back_in_another_version(own_api_server: ApiServer) -> None:
    ref = Ref(GATEWAY, "GRPCRoute", "default", "one")
    async with watching(own_api_server.kubeconfig, Pace(look=0.5, again=0.5)) as watcher:
        await watcher.until(lambda: watcher.batches)
        assert {one.kind for one in watcher.source.watched} >= {"Service", "Secret", "EndpointSlice"}
        for release, version in (("v1.0.0", "v1alpha2"), (crds.pinned(), "v1")):
            names = await asyncio.to_thread(crds.install, own_api_server.client, release)
            own_api_server.client.apply(_route("one", kind="GRPCRoute", version=version))
            own_api_server.client.apply(_route("one"))
            await watcher.until(lambda: ref in watcher.objects and watcher.names("HTTPRoute"))
            path = f"/apis/{GATEWAY}/{version}/namespaces/default/grpcroutes/one"
            await watcher.until(lambda path=path: watcher.source.locate(ref) == path)  # type: ignore[misc]  # mypy infers no lambda with defaults
            await asyncio.to_thread(crds.remove, own_api_server.client, names)
            await watcher.until(lambda: ref not in watcher.objects and not watcher.names("HTTPRoute"))
            await watcher.until(lambda: watcher.source.locate(ref) is None)
        own_api_server.client.apply(_secret("still", "here"))
        watcher.want("Secret", "default/still")
        await watcher.until(lambda: watcher.names("Secret") == {"default/still"})


async def test_the_rights_for_some_namespaces_are_enough_for_those(api_server: ApiServer) -> None:
    for namespace in ("mine", "theirs"):
        _namespace(api_server, namespace)
        api_server.client.apply(_route("one", namespace))
        api_server.client.apply(_secret("key", "one", namespace))
    # Of all groups: other tests leave kinds of Gloo's there, and a kind that may not be read is waited for.
    rights = {"verbs": ["get", "list", "watch"], "apiGroups": ["*"]}
    for kind, resources, where in (
        ("ClusterRole", ["gatewayclasses", "namespaces"], {}),
        ("Role", ["*"], {"namespace": "mine"}),
    ):
        meta, subject = {"name": "daemun-some", **where}, {"kind": "User", "name": "some"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "daemun-some"}
        api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": meta}
        api_server.client.apply({**api, "kind": kind, "rules": [{**rights, "resources": resources}]})
        api_server.client.apply(
            {**api, "kind": f"{kind}Binding", "roleRef": role, "subjects": [{**subject, "apiGroup": role["apiGroup"]}]}
        )
    async with watching(api_server.user("some"), None, namespaces=["mine"]) as watcher:
        watcher.want("Secret", "mine/key", "theirs/key")
        await watcher.until(lambda: watcher.batches)
        assert watcher.names("HTTPRoute") == {"mine/one"}
        assert watcher.names("Secret") == {"mine/key"}
        assert "default" in watcher.names("Namespace")
