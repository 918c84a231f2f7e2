"""Questions to one Vault over HTTP, and every failure as one error. What is answered is bounded, in size and time."""

from typing import Any, NamedTuple

import msgspec

from daemun.api.gloo.settings import VaultTlsConfig
from daemun.sources.client import Answer, Client, NoAnswerError, TooMuchError
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
        self._address, self._namespace = address.rstrip("/"), namespace
        files = TlsFiles(tls.ca_cert, tls.ca_path, tls.client_cert, tls.client_key, bool(tls.insecure))
        self._client = Client(files, _MOST_BYTES, tls.tls_server_name)

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def ask(self, method: str, path: str, *, token: str = "", body: Any = None) -> Answered:
        """Ask, without following anybody elsewhere. Raises StoreError when there is no answer that can be read."""
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._client.ask(
                method, f"{self._address}/v1/{path}", headers=headers, body=content, seconds=_SECONDS
            )
        except NoAnswerError as error:
            whole = not isinstance(error, TooMuchError)  # it is about what was asked for, and not about Vault
            raise StoreError(f"Vault at {self._address} {error}", whole=whole) from None
        return self._read(answer)

    def _read(self, answer: Answer) -> Answered:
        if answer.elsewhere:
            mend = "Give the address of the active node, or of what stands before it."
            raise StoreError(f"Vault at {self._address} sends us elsewhere, where no token goes", mend)
        try:
            body = msgspec.json.decode(answer.body, type=dict[str, Any]) if answer.body else {}
        except (msgspec.MsgspecError, RecursionError):
            raise StoreError(f"what answers at {self._address} is not Vault: it is no JSON") from None
        return Answered(answer.status, body, answer.after)


def segment(text: str) -> str:
    """A path from Settings, without what would lead elsewhere."""
    return "/".join(part for part in text.split("/") if part not in {"", ".", ".."})
