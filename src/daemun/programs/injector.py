"""The composition root of `daemun inject`: puts the proxies of a mesh into pods.

    the API server -> AdmissionServer -> Injector

What their configuration is, and that there is one, is the business of `daemun serve`.
"""

import asyncio
import contextlib
import logging

import msgspec

from daemun.admission.injection import Injector
from daemun.admission.registration import MUTATING, Registration
from daemun.admission.server import AdmissionServer
from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.provision.kube import sidecar
from daemun.provision.kube.certificates import Hosts
from daemun.provision.kube.keyring import Certificates, Keyring

PATH = "/injection"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - API servers come from outside of the pod
_log = logging.getLogger(__name__)


class Injection(msgspec.Struct, frozen=True):
    """What an installation is called, as of `daemun serve`, and what it puts into pods.

    `configuration` is the name of its MutatingWebhookConfiguration.
    """

    namespace: str
    name: str
    configuration: str
    image: str
    image_pull_policy: str = "IfNotPresent"
    port: int = 8444


class InjectorApp:
    """Answers API servers that are about to make pods."""

    def __init__(self, client: KubeClient, injection: Injection) -> None:
        self._injection = injection
        made = Injector(
            sidecar.containers(injection.image, injection.image_pull_policy),
            sidecar.volumes(),
        )
        self._server = AdmissionServer(made.inject, PATH)
        secret = Name(injection.namespace, f"{injection.name}-xds")
        self._keyring = Keyring(client, secret, Hosts(f"{injection.name}.{injection.namespace}.svc"), self._certified)
        self._registration = Registration(client, injection.configuration, MUTATING)
        self._certificates = asyncio.Event()

    async def run(self) -> None:
        """Answer until cancelled."""
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            group.create_task(self._keyring.run())
            await self._certificates.wait()
            port = await self._server.start(EVERYWHERE, self._injection.port)
            stack.push_async_callback(self._server.stop)
            _log.info("Pods are asked about at port %s.", port)
            # API servers begin to ask when they know whom to trust.
            await self._registration.run()

    def _certified(self, certificates: Certificates) -> None:
        self._server.certify(certificates.certificate, certificates.key)
        self._registration.trust(certificates.authority)
        self._certificates.set()
