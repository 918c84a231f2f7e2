"""What runs in a namespace: Deployments, pods and Services, as the API server has them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from daemun.kube.client import KubeClient
from daemun.manage.documents import Document

_LINES = "1000"
_SILENT_SECONDS = 3600.0


async def deployments(client: KubeClient, namespace: str) -> list[Document]:
    """The Deployments of a namespace."""
    return await _items(client, f"/apis/apps/v1/namespaces/{namespace}/deployments")


async def pods(client: KubeClient, namespace: str, selector: str = "") -> list[Document]:
    """The pods of a namespace, or those of them that a label selector fits."""
    return await _items(client, f"/api/v1/namespaces/{namespace}/pods", selector)


async def services(client: KubeClient, namespace: str) -> list[Document]:
    """The Services of a namespace."""
    return await _items(client, f"/api/v1/namespaces/{namespace}/services")


async def log(client: KubeClient, namespace: str, pod: str, container: str = "") -> str:
    """The last lines that a container has said."""
    params = {"tailLines": _LINES} | ({"container": container} if container else {})
    return (await client.get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", params)).decode(errors="replace")


async def follow(client: KubeClient, namespace: str, pod: str, container: str = "") -> AsyncIterator[bytes]:
    """What a container says from now on, until it ends."""
    params = {"tailLines": _LINES, "follow": "true"} | ({"container": container} if container else {})
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    async with client.stream(path, params, idle=_SILENT_SECONDS) as said:
        async for piece in said:
            yield piece


def images(found: list[Document]) -> Iterator[tuple[str, str]]:
    """Which images Deployments run."""
    for one in found:
        spec = one["spec"]["template"]["spec"]
        yield from ((one["metadata"]["name"], container["image"]) for container in spec["containers"])


def troubles_of_deployment(one: Document) -> Iterator[str]:
    """What is wrong with a Deployment, as its conditions say (apps/v1, DeploymentCondition)."""
    name = f"Deployment {one['metadata']['name']}"
    words = {
        ("ReplicaFailure", "True"): "cannot make its pods",
        ("Progressing", "False"): "makes no progress",
        ("Available", "False"): "is not available",
    }
    for condition in one.get("status", {}).get("conditions", ()):
        said = words.get((condition["type"], condition["status"]))
        if said:
            yield f"{name} {said}: {condition.get('message') or condition.get('reason', '')}"


def troubles_of_pod(one: Document) -> Iterator[str]:
    """What is wrong with a pod, as its conditions say; one that has done its work is fine."""
    name = f"Pod {one['metadata']['name']}"
    status = one.get("status", {})
    if status.get("phase") == "Succeeded":
        return
    for container in status.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            why = " ".join(word for key in ("reason", "message") if (word := waiting.get(key)))
            yield f"{name}: container {container['name']} waits: {why}"
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    ready = conditions.get("Ready")
    if ready is not None and ready["status"] != "True":
        yield f"{name} is not ready: {ready.get('message') or ready.get('reason', '')}"


async def _items(client: KubeClient, path: str, selector: str = "") -> list[Document]:
    answer: dict[str, Any] = msgspec.json.decode(
        await client.get(path, {"labelSelector": selector} if selector else None)
    )
    found: list[Document] = answer.get("items", [])
    return found
