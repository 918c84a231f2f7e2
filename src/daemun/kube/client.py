"""A connection to a Kubernetes API server: requests and streams of bytes, and every failure as one of two errors.

lightkube reads the kubeconfig or the service account and keeps the credentials fresh; what is sent and received is raw,
so that whoever asks decodes just what it needs.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2 as httpx
import msgspec
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from daemun.kube.errors import ApiError, KubeError, UnreachableError
from daemun.kube.handshake import Handshake
from daemun.kube.plugin import PluginToken
from daemun.kube.tidy import tidy

JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Only the metadata of objects: what they hold never leaves the API server."""
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""JSON is YAML."""
FIELD_MANAGER = "daemun"

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Params = Mapping[str, str]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_CONNECTIONS = 64
_REUSED_SECONDS = 15.0
"""So long an idle connection is kept: a handshake costs more than the request, and something is asked each 10 s."""


class _Status(msgspec.Struct, rename="camel"):
    """metav1.Status, as far as it is read."""

    message: str = ""
    reason: str = ""


class KubeClient:
    """Talks to one API server. `namespace` is the one of the context or of the pod; `server` is its URL.

    Streams have a pool of connections of their own: for each request all connections of its pool are looked at, and
    there is a watch for each of dozens of kinds.
    """

    def __init__(
        self, http: httpx.AsyncClient, server: str, namespace: str, streaming: httpx.AsyncClient | None = None
    ) -> None:
        self._http = http
        self._streaming = streaming or http
        self.server = server
        self.namespace = namespace

    @classmethod
    def connect(cls, context: str | None = None, kubeconfig: Path | None = None) -> Self:
        """The cluster that `kubectl` would use, or the one that this pod runs in; nothing is sent yet.

        Raises KubeError when there is no such context or its files cannot be read.
        """
        try:
            config = _config(context, kubeconfig)
            params = ConnectionParams(trust_env=False).httpx_params(config)
            if config.user is not None and config.user.exec is not None:
                params["auth"] = PluginToken(config.user.exec)
        except (ConfigError, OSError, KeyError, ValueError, msgspec.MsgspecError) as error:
            raise KubeError(f"the cluster cannot be reached: {error}", "Check KUBECONFIG and --kube-context.") from None
        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_REUSED_SECONDS
        )
        http, streaming = (
            httpx.AsyncClient(**params, limits=limits, headers={"User-Agent": FIELD_MANAGER}) for _ in range(2)
        )
        return cls(http, config.cluster.server, config.namespace, streaming)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._streaming.aclose()
        await self._http.aclose()

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
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content is not None else {})
        with _told(self.server):
            response = await tidy(
                self._http.request(
                    method,
                    path,
                    params=params,
                    content=content,
                    headers=headers,
                    timeout=_patience(seconds),
                    extensions={"trace": Handshake()},
                )
            )
            answer = response.content
        if response.status_code >= 400:
            raise _refused(response, answer)
        return answer

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
        """Read an answer piece by piece, as it comes. After `idle` seconds without a byte it counts as broken off."""
        request = self._streaming.build_request(
            "GET",
            path,
            params=params,
            headers={"Accept": accept},
            timeout=_patience(idle),
            extensions={"trace": Handshake()},
        )
        with _told(self.server):
            response = await tidy(self._streaming.send(request, stream=True), httpx.Response.aclose)
            try:
                if response.status_code >= 400:
                    raise _refused(response, await tidy(response.aread()))
                yield response.aiter_bytes()
            finally:
                await tidy(response.aclose())


def _config(context: str | None, kubeconfig: Path | None) -> SingleConfig:
    if kubeconfig is not None:
        found = KubeConfig.from_file(kubeconfig)
    elif context is not None:
        found = KubeConfig.from_env(service_account="/nonexistent")  # a context is one of a kubeconfig
    else:
        found = KubeConfig.from_env()
    config = found.get(context)
    if config is None:
        raise KubeError("the kubeconfig names no context", "Name one with --kube-context.")
    return config if config.user is not None else config._replace(user=User())


def _patience(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=_CONNECT_SECONDS, pool=None)


@contextlib.contextmanager
def _told(server: str) -> Any:
    """Every failure of the connection as UnreachableError."""
    try:
        yield
    except (httpx.HTTPError, ConfigError) as error:  # the file with the token may be away, too
        what = str(error) or type(error).__name__
        raise UnreachableError(f"the API server at {server} does not answer: {what}") from error


def _refused(response: httpx.Response, body: bytes) -> ApiError:
    try:
        status = msgspec.json.decode(body, type=_Status)
    except msgspec.MsgspecError:
        status = _Status(message=body[:200].decode(errors="replace"))
    text = status.message or f"the API server answered {response.status_code}"
    after = response.headers.get("Retry-After", "")
    return ApiError(response.status_code, status.reason, text, float(after) if after.isdigit() else 0.0)
