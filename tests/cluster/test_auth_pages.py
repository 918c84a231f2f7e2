"""Pages of docs/auth in a cluster: their YAML as it stands is taken by a real API server, served by `daemun serve` to a
real Envoy, and what becomes of each policy is written back. Only the page's Gateway is that of the test."""

import asyncio
import base64
import hmac
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import yaml

from cluster import crds
from cluster.api import ApiServer
from daemun.api.crds import definitions
from support.clients.client import ask
from support.objects.auth import basic
from support.scenes.gate import Gate, gate
from support.scenes.world import until

from .client import established

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCS = Path(__file__).parents[2] / "docs" / "auth"
NAMESPACE = "pages"
_POLICIES = f"/apis/daemun.dev/v1alpha1/namespaces/{NAMESPACE}/authpolicies"
_PLURAL = {"AuthPolicy": "authpolicies", "Settings": "settings"}
_PAGES = {one.stem for one in DOCS.glob("*.md") if "\n```yaml\napiVersion" in one.read_text()} - {"policy"}
Doc = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(module_api_server: ApiServer) -> AsyncIterator[Gate]:
    """A Gateway that the pages are for."""
    client = module_api_server.client
    crds.install(client)
    for one in definitions():
        client.apply(msgspec.json.decode(msgspec.json.encode(one)))
    for one in definitions():
        assert established(client, one["metadata"]["name"])
    async with gate(module_api_server, NAMESPACE) as made:
        await made.serve()
        yield made


def page(name: str) -> list[Doc]:
    """What is in the page's first block of manifests, in the namespace of the test and for its Gateway."""
    [text, *_] = re.findall(r"```yaml\n(apiVersion.*?)```", (DOCS / f"{name}.md").read_text(), re.DOTALL)
    found = [one for one in yaml.load_all(text, yaml.CSafeLoader) if one["kind"] != "Gateway"]
    for one in found:
        one["metadata"]["namespace"] = NAMESPACE
        for target in (*one.get("spec", {}).get("parentRefs", ()), *one.get("spec", {}).get("targetRefs", ())):
            if target["name"] == "http":
                target["name"] = "gate"
    return found


def _path(document: Doc) -> str:
    """Where an object is."""
    version, plural = document["apiVersion"], _PLURAL.get(document["kind"], f"{document['kind'].lower()}s")
    place = "api" if version == "v1" else "apis"
    meta = document["metadata"]
    return f"/{place}/{version}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"


def _remove(served: Gate, documents: list[Doc]) -> None:
    for one in documents:
        served.api.client.delete(_path(one))


def _apply(served: Gate, documents: list[Doc]) -> None:
    for one in documents:
        served.api.client.apply(one)


async def _status(served: Gate, path: str = "/", **headers: str) -> int:
    return (await ask(served.port, path, headers=headers)).status


async def _answers(served: Gate, wanted: int, path: str = "/", **headers: str) -> None:
    async def so() -> bool:
        return await _status(served, path, **headers) == wanted

    await until(so, 60)


async def _told(served: Gate, name: str, status: str, word: str = "") -> None:
    """The condition Accepted of an AuthPolicy, as the API server has it in the end."""

    def so() -> bool:
        ancestors = served.api.client.get(f"{_POLICIES}/{name}").get("status", {}).get("ancestors", [])
        found = [one for ancestor in ancestors for one in ancestor["conditions"] if one["type"] == "Accepted"]
        return bool(found) and all(one["status"] == status and word in one["message"] for one in found)

    await until(lambda: asyncio.to_thread(so), 60)


def _token(who: str) -> str:
    """A token by the key that stands on the page."""
    parts = [json.dumps(one).encode() for one in ({"alg": "HS256"}, {"iss": "example", "sub": who})]
    said = b".".join(base64.urlsafe_b64encode(one).rstrip(b"=") for one in parts)
    signature = hmac.digest(b"secret-secret-secret-secret", said, "sha256")
    return (said + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


async def test_policies_of_daemuns_own_kind(served: Gate) -> None:
    documents = page("policy")
    for one in documents:
        one.get("spec", {}).get("basicAuth", {}).pop("realm", None)  # with one a server beside would be asked
    _apply(served, documents)
    ann, key = basic("ann", "secret"), {"api-key": "N2YwMDIx"}
    token, other = ({"authorization": f"Bearer {_token(who)}"} for who in ("ann", "bob"))
    ways = {"/": ann, "/keys": key, "/tokens": token}
    for path, good in ways.items():
        await _answers(served, 401, path)
        await _answers(served, 200, path, **good)
    for path in ways:
        for at, headers in ways.items():
            assert await _status(served, path, **headers) == (200 if at == path else 401), (path, at)
    assert await _status(served, "/tokens", **other) == 403
    for name in ("all", "keys", "tokens"):
        await _told(served, name, "True")
    served.api.client.delete(f"/api/v1/namespaces/{NAMESPACE}/secrets/users")
    await _answers(served, 500, "/", **ann)
    await _told(served, "all", "False", "users")
    _apply(served, documents)
    await _answers(served, 200, "/", **ann)
    await _told(served, "all", "True")
    _remove(served, documents)


@pytest.mark.parametrize("name", sorted(_PAGES))
async def test_every_page_is_taken_and_told_of(served: Gate, name: str) -> None:
    """No field of it is unknown to the API server; a policy is accepted, or lacks the server that the chart brings."""
    documents = page(name)
    _apply(served, documents)
    for one in documents:
        if "gateway.networking" not in one["apiVersion"] and "spec" in one:  # Gateway API's kinds have defaults
            assert served.api.client.get(_path(one)).get("spec") == one.get("spec"), one["metadata"]["name"]
    policies = [one for one in documents if one["kind"] == "AuthConfig"]
    assert policies or name == "custom-server"

    def told() -> bool:
        found = [served.api.client.get(_path(one)).get("status", {}).get("statuses", {}) for one in policies]
        return all("Accepted" in str(one) or "global.extensions.extAuth.enabled" in str(one) for one in found)

    await until(lambda: asyncio.to_thread(told), 60)
    _remove(served, documents)
