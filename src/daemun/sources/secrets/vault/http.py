"""Questions to one Vault over HTTP, and every failure as one error. What is answered is bounded, in size and time."""

import asyncio
import ssl
from typing import Any, NamedTuple

import httpx2 as httpx
import msgspec

from daemun.api.gloo.settings import VaultTlsConfig
from daemun.kube.handshake import Handshake
from daemun.kube.tidy import tidy
from daemun.sources.secrets.store import StoreError
from daemun.sources.tlsfiles import TlsFiles

_SECONDS = 5.0
_MOST_BYTES = 1 << 20
_SAID = {
    400: "refuses the request as wrong",
    403: "permits it not",
    412: "does not have its newest state yet",
    429: "has too much to do",
    472: "is a standby of disaster recovery",
    473: "is a standby that does not answer",
    501: "is not initialized",
    503: "is sealed, or in maintenance",
}


class Answered(NamedTuple):
    """What Vault said: `errors` are its own words, and may be empty even where something is wrong."""

    status: int
    body: dict[str, Any]
    after: float

    @property
    def errors(self) -> tuple[str, ...]:
        """What Vault says is wrong. They may hold what was sent: they are compared, never shown."""
        found = self.body.get("errors")
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()

    def refusal(self, what: str, *, whole: bool) -> StoreError:
        """The error that this answer to `what` is."""
        said = _SAID.get(self.status, f"answers with {self.status}")
        return StoreError(f"Vault {said} ({what})", whole=whole, after=self.after)


class VaultClient:
    """Speaks to the Vault at `address`, in one of its namespaces if one is named (Vault Enterprise)."""

    def __init__(self, address: str, tls: VaultTlsConfig, namespace: str = "") -> None:
        self._address, self._server_name, self._namespace = address.rstrip("/"), tls.tls_server_name, namespace
        self._files = TlsFiles(tls.ca_cert, tls.ca_path, tls.client_cert, tls.client_key, bool(tls.insecure))
        self._stamps: tuple[float, ...] = ()
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """End all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def ask(self, method: str, path: str, *, token: str = "", body: Any = None) -> Answered:
        """Ask, without following anybody elsewhere. Raises StoreError when there is no answer that can be read."""
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        try:
            http = await self._client()
            request = http.build_request(
                method,
                f"{self._address}/v1/{path}",
                content=None if body is None else msgspec.json.encode(body),
                headers=headers,
                extensions=self._extensions(),
            )
            async with asyncio.timeout(_SECONDS):
                response = await tidy(http.send(request, stream=True), httpx.Response.aclose)
                try:
                    text = await tidy(_bounded(response))
                finally:
                    await tidy(response.aclose())
        except TimeoutError:
            raise StoreError(f"Vault at {self._address} does not answer within {_SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, UnicodeError, ValueError) as error:
            raise StoreError(f"Vault at {self._address} does not answer: {_why(error)}") from None
        return self._read(response, text)

    def _read(self, response: httpx.Response, text: bytes) -> Answered:
        if response.is_redirect:
            mend = "Give the address of the active node, or of what stands before it."
            raise StoreError(f"Vault at {self._address} sends us elsewhere, where no token goes", mend)
        try:
            body = msgspec.json.decode(text, type=dict[str, Any]) if text else {}
        except (msgspec.MsgspecError, RecursionError):
            raise StoreError(f"what answers at {self._address} is not Vault: it is no JSON") from None
        after = response.headers.get("Retry-After", "")
        return Answered(response.status_code, body, float(after) if after.isdigit() and len(after) < 6 else 0.0)

    async def _client(self) -> httpx.AsyncClient:
        """The client, made anew when a file of TLS has changed."""
        stamps = await asyncio.to_thread(self._files.stamps)
        if self._http is None or stamps != self._stamps:
            context = await asyncio.to_thread(self._files.context)
            await self.close()
            self._stamps = stamps
            self._http = httpx.AsyncClient(verify=context, trust_env=False, timeout=_SECONDS, follow_redirects=False)
        return self._http

    def _extensions(self) -> dict[str, Any]:
        found: dict[str, Any] = {"trace": Handshake()}
        if self._server_name:
            found["sni_hostname"] = self._server_name
        return found


async def _bounded(response: httpx.Response) -> bytes:
    text = b""
    async for piece in response.aiter_bytes(1 << 16):
        text += piece
        if len(text) > _MOST_BYTES:
            raise ValueError(f"what it says is larger than {_MOST_BYTES >> 20} MiB")
    return text


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def segment(text: str) -> str:
    """A path from Settings, without what would lead elsewhere."""
    return "/".join(part for part in text.split("/") if part not in {"", ".", ".."})
