"""A connection to a Kubernetes API server: requests and streams of bytes, and every failure as one of two errors.

What is sent and received is raw, so that whoever asks decodes just what it needs.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from daemun.kube.connections import Connections
from daemun.kube.credentials import credentials
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.kubeconfig import access
from daemun.kube.patience import Patient
from daemun.kube.tls import context as tls_context
from daemun.kube.transport import Answer, Method, Transport

JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Only the metadata of objects: what they hold never leaves the API server."""
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""JSON is YAML."""
FIELD_MANAGER = "daemun"

Params = Mapping[str, str]

_ANSWER_SECONDS = 15.0


class _Status(msgspec.Struct, rename="camel"):
    """metav1.Status, as far as it is read."""

    message: str = ""
    reason: str = ""


class KubeClient:
    """Talks to one API server. `namespace` is the one of the context or of the pod; `server` is its URL."""

    def __init__(self, transport: Transport, server: str, namespace: str) -> None:
        self._transport = transport
        self.server = server
        self.namespace = namespace

    @classmethod
    def connect(cls, context: str | None = None, kubeconfig: Path | None = None, *, patient: bool = False) -> Self:
        """The cluster that `kubectl` would use, or the one that this pod runs in; nothing is sent yet.

        A `patient` one, for a person's command, sends again what the server puts off (patience.py).
        Raises KubeError when there is no such context or its files cannot be read.
        """
        try:
            cluster, user, namespace = access(context, kubeconfig)
            transport: Transport = Connections(
                cluster.server,
                tls_context(cluster, user) if cluster.server.startswith("https:") else None,
                credentials(user),
                tls_server_name=cluster.tls_server_name,
                proxy=cluster.proxy_url,
            )
        except (KubeError, OSError, ValueError) as error:  # msgspec's are ValueErrors, ssl's OSErrors
            raise KubeError(f"the cluster cannot be reached: {error}", "Check KUBECONFIG and --kube-context.") from None
        return cls(Patient(transport) if patient else transport, cluster.server, namespace)

    @classmethod
    def at(cls, server: str, namespace: str = "default") -> Self:
        """The API server at a URL, which asks nobody who he is."""
        return cls(Connections(server), server, namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._transport.close()

    async def get(
        self, path: str, params: Params | None = None, accept: str = JSON, *, seconds: float = _ANSWER_SECONDS
    ) -> bytes:
        """Read an object or a list. `seconds` is how long the server may be silent."""
        return await self.request("GET", path, params=params, accept=accept, seconds=seconds)

    async def find(self, path: str, accept: str = JSON) -> bytes | None:
        """Read an object that may not be there: None then."""
        try:
            return await self.get(path, accept=accept)
        except ApiError as error:
            if error.missing:
                return None
            raise

    async def news(self, path: str, tag: str, accept: str = JSON) -> tuple[bytes, str] | None:
        """Read something again: it and its tag (`ETag`), or None if it still is what had this tag.

        Raises ApiError if it is refused.
        """
        headers = {"Accept": accept, "If-None-Match": tag} if tag else {"Accept": accept}
        answer = await self._transport.send("GET", path, headers, None, _ANSWER_SECONDS)
        if answer.status >= 400:
            raise _refused(answer)
        return None if answer.status == HTTPStatus.NOT_MODIFIED else (answer.body, answer.tag)

    async def request(
        self,
        method: Method,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        seconds: float = _ANSWER_SECONDS,
    ) -> bytes:
        """Send a request and return what came back. `body` is bytes, or anything that msgspec can write as JSON.

        Raises ApiError for a refusal, UnreachableError when there was no answer.
        """
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Accept": accept} if content is None else {"Accept": accept, "Content-Type": content_type}
        answer = await self._transport.send(method, _target(path, params), headers, content, seconds)
        if answer.status >= 400:
            raise _refused(answer)
        return answer.body

    async def merge(self, path: str, document: Any) -> bytes:
        """Change just the fields that are named (RFC 7386)."""
        params = {"fieldManager": FIELD_MANAGER}
        return await self.request("PATCH", path, params=params, body=document, content_type=MERGE_PATCH)

    async def apply(self, path: str, document: Any, manager: str = FIELD_MANAGER) -> bytes:
        """Server-side apply: the object gets these fields, whoever had them before, and loses what was ours and is not
        named any more."""
        params = {"fieldManager": manager, "force": "true"}
        return await self.request("PATCH", path, params=params, body=document, content_type=APPLY_PATCH)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None, *, accept: str = JSON, idle: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read an answer piece by piece, as it comes. After `idle` seconds without a byte it counts as broken off.

        Raises ApiError if it is refused.
        """
        async with self._transport.stream(_target(path, params), {"Accept": accept}, idle) as answer:
            if isinstance(answer, Answer):
                raise _refused(answer)
            yield answer


def _target(path: str, params: Params | None) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def _refused(answer: Answer) -> ApiError:
    try:
        status = msgspec.json.decode(answer.body, type=_Status)
    except msgspec.MsgspecError:
        status = _Status(message=answer.body[:200].decode(errors="replace"))
    text = status.message or f"the API server answered {answer.status}"
    after = answer.retry_after
    return ApiError(answer.status, status.reason, text, float(after) if after.isdigit() else 0.0)
