"""The validation webhook, asked by a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from daemun.admission.judge import Policy
from daemun.api.crds import definitions
from daemun.kube.client import KubeClient
from daemun.programs.webhook import Hook, WebhookApp
from support.objects.documents import gateway, listener, route, rule, service
from support.scenes.world import until

from .api import ApiServer
from .client import RefusedError, established

CONFIGURATION = "daemun-validation"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
OPTIONS = "/apis/gateway.solo.io/v1/namespaces/default/routeoptions"
SETTINGS = "/apis/gloo.solo.io/v1/namespaces/default/settings"
STRICT = Policy(always_accept=False)


def option(name: str, status: int, **annotations: str) -> dict[str, Any]:
    """One that answers half of the requests to the route `r` with a status, which 7 is not."""
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "RouteOption",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
            "options": {"faults": {"abort": {"percentage": 50, "httpStatus": status}}},
        },
    }


def configuration(port: int) -> dict[str, Any]:
    """As the chart has it, but that it is asked at an address, as there is no network for Services here."""
    every = {"apiVersions": ["*"], "resources": ["*"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [
            {
                "name": "validation.daemun.dev",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "clientConfig": {"url": f"https://localhost:{port}/validation"},
                "rules": [{"apiGroups": ["gateway.solo.io"], "operations": ["CREATE", "UPDATE", "DELETE"], **every}],
            }
        ],
    }


@contextlib.asynccontextmanager
async def judging(server: ApiServer, policy: Policy) -> AsyncIterator[WebhookApp]:
    """A webhook that the API server trusts and asks."""
    async with KubeClient.connect(kubeconfig=server.kubeconfig) as client:
        hook = Hook("default", "hook", CONFIGURATION, port=0, policy=policy, host="localhost")
        app = WebhookApp(client, hook)
        running = asyncio.create_task(app.run())
        try:
            port = await asyncio.wait_for(asyncio.shield(app.port), 60)
            made = configuration(port)
            await asyncio.to_thread(server.client.create, HOOKS, made)
            app.registration.look()

            async def trusted() -> bool:
                found = await asyncio.to_thread(server.client.get, f"{HOOKS}/{CONFIGURATION}")
                return "caBundle" in found["webhooks"][0]["clientConfig"]

            await until(trusted)
            yield app
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await asyncio.to_thread(server.client.delete, f"{HOOKS}/{CONFIGURATION}")


@pytest.fixture
def world(module_api_server: ApiServer) -> Iterator[ApiServer]:
    """An API server with Gloo's CRDs and Gateway API's, a Gateway and a route."""
    client = module_api_server.client
    for one in definitions():
        client.apply(one)
    for one in definitions():
        assert established(client, one["metadata"]["name"])
    for document in (gateway("gw", listener(80)), service("a", 1)[0], route("r", rule(to="a"))):
        client.apply(document)
    yield module_api_server
    for path in (OPTIONS, SETTINGS):
        for one in client.get(path)["items"]:
            client.delete(f"{path}/{one['metadata']['name']}")


async def refused(server: ApiServer, document: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as caught:
        await asyncio.to_thread(server.client.create, OPTIONS, document)
    return str(caught.value)


async def test_an_api_server_asks_and_is_answered(world: ApiServer) -> None:
    async with judging(world, STRICT) as app:
        known = app.translation.sources["gateway.solo.io", "RouteOption"]
        said = await refused(world, option("bad", 7))
        assert "Validating *v1.RouteOption failed: spec.options.faults.abort.httpStatus: 7 is no status" in said
        await asyncio.to_thread(world.client.create, OPTIONS, option("good", 503))
        skipped = option("skipped", 7, **{"gateway.solo.io/skip_validation": "true"})
        await asyncio.to_thread(world.client.create, OPTIONS, skipped)
        await until(lambda: len(known) == 2)
        # What is wrong with another does not stand in the way, nor does it that the object itself was wrong before.
        await asyncio.to_thread(world.client.merge, f"{OPTIONS}/good", {"spec": {"options": {"timeout": "1s"}}})
        await asyncio.to_thread(world.client.merge, f"{OPTIONS}/skipped", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.to_thread(world.client.delete, f"{OPTIONS}/good")


async def test_settings_have_the_last_word(world: ApiServer) -> None:
    async with judging(world, STRICT) as app:
        await refused(world, option("bad", 7))
        lenient = {"gateway": {"validation": {"alwaysAccept": True}}}
        document = {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Settings",
            "metadata": {"name": "default"},
            "spec": lenient,
        }
        await asyncio.to_thread(world.client.create, SETTINGS, document)
        await until(lambda: len(app.translation.sources["gloo.solo.io", "Settings"]) == 1)
        await asyncio.to_thread(world.client.create, OPTIONS, option("bad", 7))
