"""The composition root of `daemun serve`: the only place that knows every part of it.

    KubeSource -> ControlPlane (Translation, XdsServer) -> Envoy proxies, made by KubeProxies
                            \\-> StatusWriter -> the API server

Every replica watches, translates and answers proxies. Only the leader writes: statuses and proxies.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from daemun import __version__
from daemun.api.core import Secret
from daemun.api.kinds import CLASSIC, KINDS
from daemun.base.names import CORE, GATEWAY, GLOO_GATEWAY, Name, Ref
from daemun.discovery.kube import KubeUpstreams
from daemun.discovery.writer import UpstreamWriter
from daemun.flow import MISSING
from daemun.gatewayapi.mesh.clients import proxy_of
from daemun.gatewayapi.proxies.answers import ProxyState
from daemun.gatewayapi.settings import cluster as cluster_settings
from daemun.gloo.secrets.labels import LABELS
from daemun.ir.placement import Placement
from daemun.kube.client import KubeClient
from daemun.kube.seen import Seen
from daemun.plane.plane import ControlPlane
from daemun.plane.recall import Recall
from daemun.programs.figures import figures
from daemun.programs.installation import Installation
from daemun.programs.places import Places
from daemun.provision.kube.certificates import Hosts
from daemun.provision.kube.identity import Identities
from daemun.provision.kube.issuer import Known
from daemun.provision.kube.keyring import Certificates, Keyring
from daemun.provision.kube.proxies import KubeProxies
from daemun.provision.kube.settings import READY_PORT, ProxySettings
from daemun.replica.health import HealthServer
from daemun.replica.lease import AlwaysLeading, LeaderElection
from daemun.replica.metrics import CONTENT_TYPE, Metrics
from daemun.replica.replicas import Replicas
from daemun.report.kube.writer import StatusWriter
from daemun.serve.credentials import ServerCertificate
from daemun.sources import yamldoc
from daemun.sources.batch import Batch, FileProblem
from daemun.sources.kube.source import KubeSource
from daemun.sources.secrets.watcher import Objects

SETTLING_SECONDS = 30.0
"""How long whoever begins to lead waits for proxies that were programmed to connect and say what they have, before it
says otherwise of their Gateways."""
RECALL_SECONDS = 3.0
"""How long a start waits for an API server that does not answer, before it serves what was served last."""
CLOSING_SECONDS = 2.0
STDOUT = "/dev/stdout"
"""Where proxies write a line for each request, if that is asked for: kubelet keeps it and turns it over."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - proxies and kubelet come from outside of the pod
_log = logging.getLogger(__name__)


class ClusterApp:
    """Serves the Gateways of a cluster."""

    def __init__(self, client: KubeClient, installation: Installation) -> None:
        self._installation = installation
        settings = cluster_settings(
            yamldoc.value,
            frozenset({READY_PORT}),
            allowed=installation.allowed,
            extauth=installation.server_at("extauth"),
            ratelimit=installation.server_at("ratelimit"),
            discovers=installation.discovery,
            meshes=installation.mesh,
        )
        access_log = STDOUT if installation.access_log else ""
        self.plane = ControlPlane(settings, self._identify, self._told, access_log, fair=True)
        kinds = [one for one in KINDS if installation.classic or (one.group, one.kind) not in CLASSIC]
        self.source = KubeSource(client, self._changed, self._saw, kinds=kinds, namespaces=installation.namespaces)
        self.writer = StatusWriter(
            client,
            self.plane.translation.statuses,
            self.source.locate,
            lambda: self.source.complete and self.plane.current,
            namespace=installation.namespace,
            whole=self.source.whole,
        )
        self._upstreams = UpstreamWriter(
            KubeUpstreams(client, self.source.locate), self.plane.translation.discovery.orders
        )
        proxies = ProxySettings(
            installation.image,
            installation.host,
            installation.xds_port,
            installation.xds_address,
            image_pull_policy=installation.image_pull_policy,
            service_type=installation.service_type,
        )
        self._proxies = KubeProxies(
            client, proxies, self.plane.set_back, namespaces=installation.namespaces, unread=self._unread
        )
        self._recall = _recall(client, installation, self._current)
        self._identities = Identities(client, self._client_of, issuer=self._issuer)
        wants = dict(self.source.wants)
        platform = wants.pop((CORE, "Secret"))
        kept = Path(installation.state_dir) if installation.state_dir else None
        self.places = Places(
            self.plane, self._take, self._fetched, platform, self._remembered, kept, installation.istiod
        )
        for key, want in {**wants, (CORE, "Secret"): self.places.secrets.want}.items():
            self.plane.translation.sources[key].on_read(want)
        self._problems: set[FileProblem] = set()
        self._placements: dict[Name, Placement | None] = {}
        self.plane.translation.placements.subscribe(self._collect)
        name = Name(installation.namespace, installation.name)
        self._keyring = Keyring(
            client,
            Name(name.namespace, f"{name.name}-xds"),
            Hosts(installation.host, installation.server_host("extauth"), installation.server_host("ratelimit")),
            self._certified,
        )
        self._certificate: ServerCertificate | None = None
        self._certificates = asyncio.Event()
        self._recalled: frozenset[Ref] | None = None
        self._read = asyncio.Event()
        self._live = asyncio.Event()
        self._news = asyncio.Event()
        self.election = (
            LeaderElection(client, name, installation.identity, self._lead)
            if installation.leader_election
            else AlwaysLeading(self._lead)
        )
        self._replicas = Replicas(
            client,
            Name(name.namespace, f"{name.name}-replicas"),
            installation.identity,
            self.plane.proxies.account,
            self.plane.hear,
            lambda: self.election.leading,
        )
        self._leads = asyncio.Event()
        self._performing: asyncio.Task[None] | None = None
        self._serving = False
        metrics = Metrics(
            figures(
                self.plane, self.source, self.places.secrets, self.writer, self.election, self._alone, self._unwritten
            )
        )
        checks = {
            "sources": self._read.is_set,
            "certificates": self._certificates.is_set,
            "xds": lambda: self._serving,
        }
        self._health = HealthServer(checks, metrics.text, CONTENT_TYPE, self._remark)

    async def run(self) -> None:
        """Serve until cancelled. The proxies go on serving without us."""
        async with contextlib.AsyncExitStack() as stack:
            await self._health.start(EVERYWHERE, self._installation.health_port)
            stack.push_async_callback(self._health.stop)
            for part in (self.plane, self.source, self.places, self._keyring):
                await stack.enter_async_context(_running(part.run()))
            if self._recall is not None:
                await stack.enter_async_context(_running(self._recall.run()))
                await stack.enter_async_context(_running(self._start_alone(self._recall)))
            await self._read.wait()
            await self._certificates.wait()
            assert self._certificate is not None  # noqa: S101 - what was waited for
            await self.plane.xds.start(f"{EVERYWHERE}:{self._installation.xds_port}", self._certificate.credentials)
            stack.push_async_callback(self.plane.xds.stop, CLOSING_SECONDS)
            self._serving = True
            await stack.enter_async_context(_running(self.writer.run()))
            await stack.enter_async_context(_running(self._upstreams.run()))
            await stack.enter_async_context(_running(self._replicas.run()))
            await stack.enter_async_context(_running(self._duties()))
            read = len(self.plane.translation.routes), len(self.plane.wanted())
            _log.info("Daemun %s has read %s routes for %s proxies", __version__, *read)
            await self.election.run()

    # What the cluster says

    def _changed(self, batch: Batch) -> None:
        """The source has a batch of changes."""
        objects = batch.objects
        if self._recalled is not None:
            _log.info("The API server answers again: what it says is served from now on.")
            objects = dict.fromkeys(self._recalled - objects.keys()) | objects
            self._recalled = None
        problems = set(batch.problems)
        unread = batch.unread if problems != self._problems else None
        self._take(self.places.secrets.primary(objects), unread)
        for problem in problems - self._problems:
            _log.warning("%s", problem)
        self._problems = problems

    def _take(self, objects: Objects, unread: frozenset[Ref] | None = None) -> None:
        if self._recall is not None:
            self._recall.note({ref: one for ref, one in objects.items() if ref[:2] != LABELS})
        self.plane.take(objects.items(), self._fetched, unread)

    async def _remembered(self) -> Mapping[Name, Secret]:
        """The Secrets that were served last, whatever place they came from."""
        recalled = await asyncio.to_thread(self._recall.recall) if self._recall is not None else None
        found = recalled.objects.items() if recalled is not None else ()
        return {ref.key: value for ref, value in found if isinstance(value, Secret)}

    def _fetched(self) -> bool:
        """Whether everything has come that the rules asked for."""
        return self.source.complete and self.places.complete

    def _current(self) -> bool:
        """Whether what is served is what the API server says now."""
        return self.source.complete and self.plane.settled

    async def _start_alone(self, recall: Recall) -> None:
        """If the API server is away at the start, serve what was served last. Nothing is written because of it."""
        while not self.source.away:
            await asyncio.sleep(RECALL_SECONDS)
            if self.source.complete:
                return
        recalled = await asyncio.to_thread(recall.recall)
        if recalled is None or self.source.complete or self.plane.batches:
            return
        told = "The API server does not answer: %s objects are served as they last were. Nothing is written."
        _log.warning(told, len(recalled.objects))
        self._recalled = frozenset(recalled.objects)
        if self._certificate is None:
            self._certified(recalled.certificates)
        self.plane.take(self.places.secrets.primary(recalled.objects).items())

    def _alone(self) -> bool:
        """Whether what is served is only remembered."""
        return self._recalled is not None

    def _remark(self) -> str:
        return "the API server does not answer: served as it last was" if self._alone() else ""

    def _unwritten(self) -> int:
        return self._recall.pending if self._recall is not None else 0

    def _issuer(self) -> Known | None:
        return self._recall.issuer if self._recall is not None else None

    def _saw(self, ref: Ref, seen: Seen | None) -> None:
        self.writer.seen(ref, seen)

    def _unread(self, gateway: Name) -> bool:
        # A proxy of classic mode is named by Gateways of other names: any that cannot be read may be one of them.
        mine = Ref(GATEWAY, "Gateway", gateway.namespace, gateway.name)
        return any(one.ref == mine or (one.ref and one.ref[:2] == (GLOO_GATEWAY, "Gateway")) for one in self._problems)

    def _collect(self, delta: Mapping[Name, tuple[Any, Any]]) -> None:
        for name, (_, new) in delta.items():
            self._placements[name] = None if new is MISSING else new

    def _told(self) -> None:
        """Everything that is known was taken in: hand on what came of it."""
        self._read.set()
        if self._current():
            self._live.set()
        if self._placements:
            placements, self._placements = self._placements, {}
            self._proxies.want(placements)
        self._news.set()
        self._replicas.changed()

    async def _identify(self, metadata: Mapping[str, str]) -> str | None:
        return await self._identities.authenticate(metadata)

    def _client_of(self, account: Name) -> str | None:
        """The proxy that runs as a ServiceAccount, or the server of our own. None is ever both.

        All others of a namespace in the mesh may be a pod's, and have the proxies beside pods.
        """
        mesh = proxy_of(account.namespace)
        beside = str(mesh) if mesh in self.plane.translation.gateways else None
        return self._installation.client_of(account) or self._proxies.proxy_of(account) or beside

    # What only the leader does

    def _lead(self, leading: bool) -> None:
        if leading:
            self._leads.set()
        else:
            self._leads.clear()
            self.writer.lead(False)
            self._upstreams.lead(False)
            if self._performing is not None:
                self._performing.cancel()
        self._replicas.changed()

    async def _duties(self) -> None:
        """Perform whenever this replica leads. A defect ends the program: another replica leads, and this one is made
        anew, rather than that one leads and does nothing."""
        while True:
            await self._leads.wait()
            self._performing = asyncio.create_task(self._perform())
            try:
                await asyncio.wait([self._performing])
            finally:
                self._performing.cancel()
            if not self._performing.cancelled():
                self._performing.result()

    async def _perform(self) -> None:
        """Provide proxies, and write statuses as soon as it is known what the proxies have.

        What is served without the API server gives no reason for either.
        """
        await self._live.wait()
        self._upstreams.lead(True)
        async with _running(self._proxies.run()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLING_SECONDS):
                    while self._unheard():
                        self._news.clear()
                        await self._news.wait()
            self.writer.lead(True)
            await asyncio.Event().wait()

    def _unheard(self) -> bool:
        """Whether a Gateway was programmed, or a listener of one that has no address, and its status does not know yet
        what its proxies have.
        """
        gateways, proxies = self.plane.translation.gateways, self.plane.translation.proxies
        return any(
            self.writer.says(gateways[name].ref, "Programmed") and proxies.get(str(name)) != ProxyState(gateways[name])
            for name in map(Name.of, self.plane.wanted())
        )

    def _certified(self, certificates: Certificates) -> None:
        """The first certificates, or fresh ones."""
        self._proxies.trust(certificates.authority)
        if certificates.proxy:
            self.plane.introduce(certificates.proxy, certificates.proxy_key)
        if self._recall is not None:
            self._recall.keep(certificates)
        if self._certificate is None:
            self._certificate = ServerCertificate(certificates.certificate, certificates.key)
            self._certificates.set()
        else:
            self._certificate.replace(certificates.certificate, certificates.key)


def _recall(client: KubeClient, installation: Installation, complete: Callable[[], bool]) -> Recall | None:
    """Where what is served is kept, if anywhere."""
    if not installation.state_dir:
        return None
    try:
        return Recall(client, Path(installation.state_dir), Path(installation.state_key), complete)
    except (OSError, ValueError) as error:
        _log.warning("Nothing is kept for a start without the API server: %s", error)
        return None


@contextlib.asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    """Does something for the time of the block, which it ends if it fails."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()
