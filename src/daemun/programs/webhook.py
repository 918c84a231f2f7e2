"""The composition root of `daemun webhook`: a program of its own beside `daemun serve`.

    KubeSource -> Translation <- Suppositions <- Judge <- AdmissionServer <- the API server

What would be if an object were changed is tried on a translation of its own, which no proxy and no status sees: however
much a change touches, nothing that is served waits for it.
"""

import asyncio
import contextlib
import logging

import msgspec

from daemun.admission.judge import Judge, Policy
from daemun.admission.registration import Registration
from daemun.admission.server import AdmissionServer
from daemun.base.names import GLOO, Name
from daemun.explain.suppose import Suppositions
from daemun.gatewayapi.settings import cluster as cluster_settings
from daemun.gloo.settings.scope import SETTINGS
from daemun.kube.client import KubeClient
from daemun.provision.kube.certificates import Hosts
from daemun.provision.kube.keyring import Certificates, Keyring
from daemun.provision.kube.settings import READY_PORT
from daemun.sources import yamldoc
from daemun.sources.batch import Batch
from daemun.sources.kube.source import KubeSource
from daemun.sources.registries.kinds import fault
from daemun.translate import Translation

FETCH_SECONDS = 2.0
"""How long what a change refers to is waited for. After that it counts as missing."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - API servers come from outside of the pod
_log = logging.getLogger(__name__)


class Hook(msgspec.Struct, frozen=True):
    """What an installation of the webhook is called, and how it judges.

    `name` and `namespace` are those of the Service at which API servers find it, as of `daemun serve`;
    `configuration` is the name of its ValidatingWebhookConfiguration. Gloo's Settings `default` in that namespace have
    the last word on `policy`.
    """

    namespace: str
    name: str
    configuration: str
    port: int = 8443
    policy: Policy = Policy()
    namespaces: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    host: str = ""
    """The name by which API servers find it, that of its Service if empty."""


class WebhookApp:
    """Judges what is to be stored in a cluster."""

    def __init__(self, client: KubeClient, hook: Hook) -> None:
        self._hook = hook
        settings = cluster_settings(
            yamldoc.value, frozenset({READY_PORT}), assume_programmed=True, allowed=hook.allowed
        )
        self.translation = Translation(msgspec.structs.replace(settings, registry_fault=fault))
        self._suppositions = Suppositions(self.translation)
        self._source = KubeSource(client, self._changed, namespaces=hook.namespaces)
        for key, want in self._source.wants.items():
            self.translation.sources[key].on_read(want)
        self._news = asyncio.Event()
        self.server = AdmissionServer(Judge(self._suppositions, self._policy, self._fetched).judge)
        host = hook.host or f"{hook.name}.{hook.namespace}.svc"
        self._keyring = Keyring(client, Name(hook.namespace, f"{hook.name}-xds"), Hosts(host), self._certified)
        self.registration = Registration(client, hook.configuration)
        self._certificates = asyncio.Event()
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Judge until cancelled."""
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            group.create_task(self._source.run())
            group.create_task(self._keyring.run())
            while not self._source.complete:
                await self._news.wait()
                self._news.clear()
            await self._certificates.wait()
            self.port.set_result(await self.server.start(EVERYWHERE, self._hook.port))
            stack.push_async_callback(self.server.stop)
            _log.info("Changes are judged at port %s.", self.port.result())
            # API servers begin to ask when they know whom to trust.
            await self.registration.run()

    def _changed(self, batch: Batch) -> None:
        self._suppositions.apply(batch.objects.items())
        self._news.set()

    def _policy(self) -> Policy:
        known = self.translation.sources[GLOO, "Settings"]
        settings = known.get(Name(self._hook.namespace, "default")) or known.get(SETTINGS)
        return self._hook.policy.overridden(settings.spec if settings else None)

    async def _fetched(self) -> None:
        """Wait until what the rules have begun to read is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FETCH_SECONDS):
                while not self._source.complete:
                    self._news.clear()
                    await self._news.wait()

    def _certified(self, certificates: Certificates) -> None:
        self.server.certify(certificates.certificate, certificates.key)
        self.registration.trust(certificates.authority)
        self._certificates.set()
