"""An API server in memory, for what a real one does not do on demand: conflicts, refusals, slowness, silence.

It knows objects by path, merge patches, resource versions and nothing else; with `clock.run` nobody waits for it.
"""

import asyncio
import functools
import json
from collections.abc import Callable
from typing import Any

from daemun.kube.client import KubeClient
from daemun.kube.errors import UnreachableError
from daemun.kube.transport import Answer
from support.api.told_transport import Asked, Told, answered

Document = dict[str, Any]


class MemoryApi:
    """Objects by path. `requests` is what it was asked; `fault` may answer in its stead with an HTTP status."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.requests: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], int | None] = lambda _method, _path: None
        self.seconds = 0.001
        """How long a request takes; it is answered from what is true half-way."""
        self.reachable = asyncio.Event()
        self.reachable.set()
        self.watchers: list[Callable[[str, Document | None], None]] = []
        self._version = 100

    def client(self, line: asyncio.Event | None = None) -> KubeClient:
        """A client that talks to it, and gives up after 15 seconds as over a network.

        With a `line` of its own it can be cut off alone.
        """
        transport = Told(functools.partial(self._answer, line or self.reachable))
        return KubeClient(transport, "http://api", "default")

    def put(self, path: str, document: Document) -> None:
        """Somebody writes an object."""
        self._version += 1
        meta = document.get("metadata", {}) | {"resourceVersion": str(self._version)}
        self.objects[path] = document | {"metadata": meta}
        self._tell(path)

    def delete(self, path: str) -> None:
        """Somebody deletes it."""
        del self.objects[path]
        self._tell(path)

    def writes(self, path: str = "") -> int:
        """How many requests to change this object there were."""
        return sum(method != "GET" and asked.startswith(path) for method, asked in self.requests)

    def _tell(self, path: str) -> None:
        for watcher in self.watchers:
            watcher(path, self.objects.get(path))

    async def _answer(self, line: asyncio.Event, request: Asked) -> Answer:
        method, path = request.method, request.path
        self.requests.append((method, path))
        await asyncio.sleep(self.seconds / 2)
        if not line.is_set():
            try:
                await asyncio.wait_for(line.wait(), 15)
            except TimeoutError:
                raise UnreachableError("no answer") from None
        response = self._respond(method, path, json.loads(request.body) if request.body else {})
        await asyncio.sleep(self.seconds / 2)
        return response

    def _respond(self, method: str, path: str, body: Document) -> Answer:
        fault = self.fault(method, path)
        if fault is not None:
            return _status(fault)
        path = path.removesuffix("/status")
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return _status(409)
            self.put(path, body)
        elif path not in self.objects:
            return _status(404)
        elif method == "PATCH":
            there = self.objects[path]
            if body.get("metadata", {}).get("resourceVersion", version(there)) != version(there):
                return _status(409)
            self.put(path, merged(there, body))
        return answered(self.objects[path])


def version(document: Document) -> str:
    """An object's resourceVersion."""
    return str(document["metadata"]["resourceVersion"])


def merged(there: Document, patch: Document) -> Document:
    """RFC 7386."""
    result = dict(there)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def _status(code: int) -> Answer:
    return answered({"kind": "Status", "message": f"no: {code}", "reason": ""}, code)
