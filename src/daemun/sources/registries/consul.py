"""Consul: the instances of services that its health checks pass, by blocking queries.

(Consul's HTTP API, "Health", and "Features", "Blocking Queries".) A query comes back when something has changed, or
after a while; the index in its answer is what the next one waits beyond.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterator
from urllib.parse import quote, urlsplit

import msgspec

from daemun.api.gloo.settings import ConsulConfiguration, SettingsSpec
from daemun.base.durations import nanoseconds
from daemun.ir.instances import Instance, Instances, Lookup
from daemun.sources.client import Answer, Client, NoAnswerError
from daemun.sources.registries.registry import Registry, RegistryError
from daemun.sources.tlsfiles import TlsFiles

_ADDRESS = "http://127.0.0.1:8500"
_INDEX = "X-Consul-Index"
_WAIT_SECONDS, _LONGEST_WAIT = 300.0, 600.0
_GRACE_SECONDS = 15.0
"""Consul adds up to a sixteenth of the wait by chance; and it may have much to do."""
_BETWEEN_SECONDS = 0.05
"""Between two answers for a service that changes all the time: what comes within is one change."""
_SAID = {
    401: "wants a token",
    403: "permits it not",
    429: "has too much to do",
    500: "cannot answer (has it a leader?)",
}


class _Weights(msgspec.Struct, rename="pascal"):
    passing: int = 1


class _Node(msgspec.Struct, rename="pascal"):
    address: str = ""


class _Service(msgspec.Struct, rename="pascal"):
    address: str = ""
    port: int = 0
    tags: list[str] | None = None
    weights: _Weights | None = None


class _Entry(msgspec.Struct, rename="pascal"):
    """One instance, as far as it is read (HealthServiceEntry)."""

    node: _Node
    service: _Service


_DECODER = msgspec.json.Decoder(list[_Entry])


def opened(spec: SettingsSpec) -> Registry | None:
    """The Consul that Settings name; None if they name none. Nothing is sent yet. Raises RegistryError."""
    return None if spec.consul is None else Consul(spec.consul)


class Consul:
    """Asks the agent at the address of the configuration."""

    def __init__(self, config: ConsulConfiguration) -> None:
        self._address = (config.http_address or config.address or _ADDRESS).rstrip("/")
        if "://" not in self._address:
            self._address = f"http://{self._address}"
        url = urlsplit(self._address)
        if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query:
            raise RegistryError(f"{self._address} is no address of Consul", "Write httpAddress as http://HOST:PORT.")
        self._place = config.datacenter
        self._headers = dict(_headers(config))
        wait = nanoseconds(config.wait_time) / 1e9 if config.wait_time else 0.0
        self._wait = min(wait or _WAIT_SECONDS, _LONGEST_WAIT)
        files = (config.ca_file, config.ca_path, config.cert_file, config.key_file)
        self._client = Client(TlsFiles(*files, bool(config.insecure_skip_verify)))

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances whose checks pass, now and after every change."""
        index = 0
        while True:
            entries, after = await self._ask(lookup, index)
            # An index that goes back means that Consul began anew; one below 1 would wait for nothing.
            index = after if after >= index else 0
            yield tuple(sorted({one for one in map(_instance, entries) if one is not None}))
            await asyncio.sleep(_BETWEEN_SECONDS if index else self._wait / 10)

    async def _ask(self, lookup: Lookup, index: int) -> tuple[list[_Entry], int]:
        params: dict[str, str] = {"passing": "1", "index": str(index), "wait": f"{int(self._wait)}s"}
        if place := lookup.place or self._place:
            params["dc"] = place
        if lookup.how:
            params[lookup.how] = ""
        url = f"{self._address}/v1/health/service/{quote(lookup.service, safe='')}"
        seconds = self._wait * 17 / 16 + _GRACE_SECONDS if index else _GRACE_SECONDS
        try:
            answer = await self._client.ask("GET", url, params=params, headers=self._headers, seconds=seconds)
        except NoAnswerError as error:
            raise RegistryError(f"Consul at {self._address} {error}") from None
        return self._read(answer)

    def _read(self, answer: Answer) -> tuple[list[_Entry], int]:
        if answer.status != 200:
            said = _SAID.get(answer.status, f"answers with {answer.status}")
            mend = "Give a token that may read services and nodes." if answer.status in {401, 403} else ""
            raise RegistryError(f"Consul at {self._address} {said}", mend, answer.after)
        try:
            entries = _DECODER.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError):
            raise RegistryError(f"what answers at {self._address} is not Consul") from None
        after = answer.headers.get(_INDEX, "")
        return entries, int(after) if after.isdigit() and len(after) < 20 else 0


def _headers(config: ConsulConfiguration) -> Iterator[tuple[str, str]]:
    if config.token:
        yield "X-Consul-Token", config.token
    if config.username:
        pair = base64.b64encode(f"{config.username}:{config.password}".encode()).decode()
        yield "Authorization", f"Basic {pair}"


def _instance(entry: _Entry) -> Instance | None:
    """An instance; one without an address of its own has its node's. What has no port takes no requests."""
    service = entry.service
    address = service.address or entry.node.address
    if not address or not 0 < service.port < 65_536:
        return None
    weight = max(1, service.weights.passing if service.weights else 1)
    return Instance(address, service.port, tuple(sorted(service.tags or ())), weight)
