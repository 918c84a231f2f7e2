"""The webhook configurations of the chart: whom API servers trust to be the webhook is written into them."""

import asyncio
import base64
import contextlib
import logging
from typing import Any

import msgspec

from daemun.base.names import Name
from daemun.kube import paths
from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError

_GROUP, _VERSION = "admissionregistration.k8s.io", "v1"
VALIDATING, MUTATING = "validatingwebhookconfigurations", "mutatingwebhookconfigurations"
_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Registration:
    """Keeps `caBundle` of the configuration with this name, of either kind, as it should be."""

    def __init__(self, client: KubeClient, name: str, kind: str = VALIDATING) -> None:
        self._client = client
        self._name = name
        self._path = paths.resource(_GROUP, _VERSION, kind, Name("", name))
        self._due = asyncio.Event()
        self._bundle = ""

    def trust(self, authority: str) -> None:
        """The authorities, in PEM, that sign the webhook's certificate."""
        self._bundle = base64.b64encode(authority.encode()).decode()
        self.look()

    def look(self) -> None:
        """See to it at once."""
        self._due.set()

    async def run(self) -> None:
        """See to it until cancelled. Without a configuration nobody asks, and there is nothing to do."""
        pause = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or None):
                    await self._due.wait()
            self._due.clear()
            try:
                await self._write()
                pause = _LOOK_SECONDS
            except KubeError as error:
                _log.warning("The webhook configuration %s cannot be written: %s", self._name, error)
                pause = _RETRY_SECONDS

    async def _write(self) -> None:
        found = await self._client.find(self._path)
        if found is None or not self._bundle:
            return
        webhooks: list[dict[str, Any]] = msgspec.json.decode(found).get("webhooks") or []
        if all(one["clientConfig"].get("caBundle") == self._bundle for one in webhooks):
            return
        for one in webhooks:
            one["clientConfig"]["caBundle"] = self._bundle
        await self._client.merge(self._path, {"webhooks": webhooks})
