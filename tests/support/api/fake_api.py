"""A small Kubernetes API server that can be told to misbehave: lists, watches with bookmarks, discovery.

What a real one does at bad moments, and cannot be asked for: a watch that is cut off within a line or falls silent,
versions that are too old, an answer that takes long or is refused, a restore from an older backup.
"""

import asyncio
import contextlib
import copy
import json
import re
from collections import deque
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from daemun.api.kinds import KINDS
from daemun.process.listening import stop_listening

Doc = dict[str, Any]
Key = tuple[str, str, str]
"""Plural, namespace, name."""

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)"
    r"(?:(?:/namespaces/(?P<ns>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?)?"
)


class Change(NamedTuple):
    """One event, as every watch gets it."""

    version: int
    type: str
    key: Key
    text: Doc


class Refusal(NamedTuple):
    """An answer that is an error; of every request, or only of those whose target has `of` in it.

    A `bare` one does not come from an API server but from a proxy before it.
    """

    status: int
    of: str = ""
    retry_after: str = ""
    bare: bool = False


class FakeApi:
    """Serves `kinds` (plural to group, kind, versions) on a port of 127.0.0.1; all state may be changed at any time."""

    def __init__(self) -> None:
        # Of two kinds with one plural (Gateway API's and Gloo's Gateways) the first one is there.
        self.kinds = {_plural(one.kind): (one.group, one.kind, one.versions[:1]) for one in reversed(KINDS)}
        self.objects: dict[Key, Doc] = {}
        self.version = 100
        self.compacted = 0
        self.refusals: deque[Refusal] = deque()
        self.hidden: deque[str] = deque()
        """Kinds, by plural, that the next looks at all there are do not find: one each."""
        self.pause = 0.0
        self.silent = False
        self.bookmarks = 0.1
        self.piece = 1 << 20
        self.requests: list[str] = []
        self.moments: list[float] = []
        """When each of them came, on the loop's clock."""
        self.authorizations: list[str] = []
        self.port = 0
        self._history: list[Change] = []
        self._told = asyncio.Condition()
        self._streams: dict[asyncio.StreamWriter, bool] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    # What is in it

    def put(self, plural: str, name: str, document: Doc) -> Doc:
        """Create or change an object; `name` is `namespace/name` or a name in no namespace."""
        key = _key(plural, name)
        group, kind, versions = self.kinds[plural]
        meta = {
            **document.get("metadata", {}),
            "name": key[2],
            "uid": f"uid-{name}",
            "resourceVersion": str(self.version + 1),
        }
        if key[1]:
            meta["namespace"] = key[1]
        api = f"{group}/{versions[0]}" if group else versions[0]
        whole = {"apiVersion": api, "kind": kind, **document, "metadata": meta}
        self._change("MODIFIED" if key in self.objects else "ADDED", key, whole)
        self.objects[key] = whole
        return whole

    def delete(self, plural: str, name: str) -> None:
        """Remove an object, if it is there."""
        gone = self.objects.pop(_key(plural, name), None)
        if gone is not None:
            gone = copy.deepcopy(gone)
            gone["metadata"]["resourceVersion"] = str(self.version + 1)
            self._change("DELETED", _key(plural, name), gone)

    def _change(self, kind: str, key: Key, document: Doc) -> None:
        self.version += 1
        self._history.append(Change(self.version, kind, key, document))
        self.stir()

    def stir(self) -> None:
        """Let whoever waits look again."""
        self._spawn(self._notify())

    # What can go wrong with it

    def compact(self) -> None:
        """What happened until now is forgotten; watches that are under way go on."""
        self.compacted = self.version

    def cut(self) -> None:
        """Break every connection, within a line if it is a watch."""
        for writer, watches in list(self._streams.items()):
            if watches:
                writer.write(b'40\r\n{"type":"MODIFIED","obj')
            writer.transport.abort()

    def backup(self) -> tuple[int, dict[Key, Doc]]:
        """What `restore` takes."""
        return self.version, dict(self.objects)

    def restore(self, backup: tuple[int, dict[Key, Doc]]) -> None:
        """Go back to how it was, versions included; connections break."""
        self.version, self.objects = backup[0], dict(backup[1])
        self._history = [one for one in self._history if one.version <= self.version]
        self.compacted = min(self.compacted, self.version)
        self.cut()

    # Serving

    async def start(self) -> Self:
        """Listen; on the same port if it was stopped."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Nobody listens; connections break. `start` brings it back on the same port."""
        if self._server is not None:
            server, self._server = self._server, None
            await stop_listening(server)
            for task in self._tasks:
                task.cancel()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()
            await asyncio.sleep(0)  # in which the connections end

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._told:
            self._told.notify_all()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()
        else:
            self._streams[writer] = False
            self._spawn(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    target = head[0].split()[1]
                    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
                    if "authorization" in fields:
                        self.authorizations.append(fields["authorization"])
                    if writer.transport.is_closing():
                        return  # cut off before it was read: nobody would hear the answer
                    await self._answer(target, "PartialObjectMetadata" in fields["accept"], writer)
        finally:
            del self._streams[writer]
            writer.close()

    async def _answer(self, target: str, metadata: bool, writer: asyncio.StreamWriter) -> None:
        self.requests.append(target)
        self.moments.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.pause)
        if writer.transport.is_closing():
            return  # cut off meanwhile: a refusal is for someone who hears it
        if self.refusals and self.refusals[0].of in target:
            refusal = self.refusals.popleft()
            after = f"Retry-After: {refusal.retry_after}\r\n" if refusal.retry_after else ""
            await self._whole(writer, {} if refusal.bare else _status(refusal.status), refusal.status, after)
            return
        split = urlsplit(target)
        query = dict(parse_qsl(split.query))
        if split.path in {"/api", "/apis"}:
            await self._whole(writer, self._groups(core=split.path == "/api"))
            return
        found = _PATH.fullmatch(split.path)
        assert found is not None, target
        group, plural, name = found["group"] or "", found["plural"], found["name"]
        there = {one: kind for one, kind in self.kinds.items() if kind[0] == group and found["version"] in kind[2]}
        if plural is None and there:
            resources = [{"name": one, "kind": kind[1], "verbs": ["list", "watch"]} for one, kind in there.items()]
            await self._whole(writer, {"kind": "APIResourceList", "resources": resources})
        elif plural not in there:
            await self._whole(writer, _status(404), 404)
        elif name is not None:
            document = self.objects.get((plural, found["ns"] or "", name))
            await self._whole(writer, document or _status(404), 200 if document else 404)
        elif "watch" in query:
            await self._watch(writer, plural, found["ns"], int(query["resourceVersion"]), metadata)
        else:
            await self._list(writer, plural, found["ns"], query, metadata)

    def _groups(self, *, core: bool) -> Doc:
        hidden = self.hidden.popleft() if self.hidden and not core else ""
        versions: dict[tuple[str, str], list[Doc]] = {}
        for plural, (group, kind, known) in self.kinds.items():
            for version in known if (not group) == core and plural != hidden else ():
                resource = {"resource": plural, "responseKind": {"kind": kind}, "verbs": ["list", "watch"]}
                versions.setdefault((group, version), []).append(resource)
        items = [
            {"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]}
            for (group, version), resources in versions.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": items}

    async def _list(
        self, writer: asyncio.StreamWriter, plural: str, namespace: str | None, query: Doc, metadata: bool
    ) -> None:
        keys = sorted(key for key in self.objects if key[0] == plural and namespace in {None, key[1]})
        items = [_shown(self.objects[key], metadata) for key in keys[: int(query.get("limit", len(keys)))]]
        meta = {"resourceVersion": str(self.version)}
        await self._whole(writer, {"kind": "List", "metadata": meta, "items": items or None})

    async def _watch(
        self, writer: asyncio.StreamWriter, plural: str, namespace: str | None, version: int, metadata: bool
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if version < self.compacted:
            await self._line(writer, {"type": "ERROR", "object": _status(410)})
            writer.write(b"0\r\n\r\n")
            return
        self._streams[writer] = True
        while True:
            news = [one for one in self._history if one.version > version and not self.silent]
            for one in news:
                version = one.version
                if one.key[0] == plural and namespace in {None, one.key[1]}:
                    await self._line(writer, {"type": one.type, "object": _shown(one.text, metadata)})
            if not self.silent and version <= self.version:
                meta = {"resourceVersion": str(version), "creationTimestamp": None}
                await self._line(writer, {"type": "BOOKMARK", "object": {"metadata": meta, "spec": {}}})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.bookmarks), self._told:
                    await self._told.wait()

    async def _line(self, writer: asyncio.StreamWriter, event: Doc) -> None:
        text = json.dumps(event).encode() + b"\n"
        for at in range(0, len(text), self.piece):
            piece = text[at : at + self.piece]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()

    async def _whole(self, writer: asyncio.StreamWriter, document: Doc, status: int = 200, head: str = "") -> None:
        text = json.dumps(document).encode()
        writer.write(f"HTTP/1.1 {status} X\r\n{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        await writer.drain()


def _plural(kind: str) -> str:
    return f"{kind.lower()}{'es' if kind.endswith('s') else ''}" + ("" if kind.endswith("s") else "s")


def _key(plural: str, name: str) -> Key:
    namespace, _, plain = name.rpartition("/")
    return plural, namespace, plain


def _status(code: int) -> Doc:
    reasons = {404: "NotFound", 410: "Expired", 429: "TooManyRequests"}
    return {"kind": "Status", "code": code, "reason": reasons.get(code, "InternalError"), "message": f"it is {code}"}


def _shown(document: Doc, metadata: bool) -> Doc:
    return {"metadata": document["metadata"]} if metadata else document
