"""What an installation is called, and which of Daemun's own servers are beside it, as the chart brings them."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from daemun.base.names import Name
from daemun.ir import auth, quotas
from daemun.provision.kube.bootstrap import AUTHORITY_FILE
from daemun.provision.kube.settings import CONFIG_DIR
from daemun.sources.identities.istio import Istiod

AUTHORITY = f"{CONFIG_DIR}/{AUTHORITY_FILE}"
"""Where proxies have whom to trust."""


class Beside(NamedTuple):
    """A server beside the control plane: what it is among the xDS server's clients, and the port that it listens at."""

    client: str
    port: int


SERVERS: Mapping[str, Beside] = {"extauth": Beside(auth.SERVER, 9983), "ratelimit": Beside(quotas.SERVER, 9985)}
"""By the commands that they are, which their names end with."""


class Installation(msgspec.Struct, frozen=True):
    """What an installation and this replica of it are called, and what they may do.

    `name` is that of the Service and of the Lease, and what the names of the Service for proxies and of the Secret
    with the certificates begin with, all in `namespace`. `identity` is the replica's own. Without `namespaces` all are
    watched.
    """

    namespace: str
    name: str
    identity: str
    image: str
    image_pull_policy: str = "IfNotPresent"
    service_type: str = "LoadBalancer"
    xds_port: int = 9977
    health_port: int = 9091
    namespaces: tuple[str, ...] = ()
    leader_election: bool = True
    state_dir: str = ""
    """Where what is served is kept for a start without the API server; nowhere if empty."""
    state_key: str = ""
    """The file with the key that it is sealed with."""
    access_log: bool = False
    allowed: tuple[str, ...] = ()
    """Networks of the proxies' machine or link that an Upstream may be in all the same."""

    extauth: bool = False
    """Whether there is a server of authorization beside it, as the chart brings it."""
    ratelimit: bool = False
    """Whether there is a rate limit service beside it."""
    discovery: bool = False
    """Whether Upstreams are made of Services and of what registries have."""
    mesh: bool = False
    """Whether proxies are put beside the pods of namespaces in the mesh (`daemun inject`)."""
    classic: bool = True
    """Whether Gloo's classic mode is served too."""
    istiod: Istiod | None = None
    """Istio's authority, if proxies are to be part of a mesh of it."""

    @property
    def host(self) -> str:
        """The name in the xDS server's certificate, at which all but proxies find it."""
        return f"{self.name}.{self.namespace}.svc"

    @property
    def xds_address(self) -> str:
        """The name at which proxies find it: a Service that leads to it as soon as it listens."""
        return f"{self.name}-xds.{self.namespace}.svc"

    def server(self, command: str) -> Name:
        """Such a server: its Service, and the ServiceAccount that it proves itself by."""
        return Name(self.namespace, f"{self.name}-{command}")

    def server_host(self, command: str) -> str:
        """The name at which proxies find it; empty if there is none."""
        name = self.server(command)
        return f"{name.name}.{name.namespace}.svc" if self._has(command) else ""

    def server_at(self, command: str) -> tuple[str, str]:
        """Its address, and the file with whom to trust for it; empty if there is none."""
        host = self.server_host(command)
        return (f"{host}:{SERVERS[command].port}", AUTHORITY) if host else ("", "")

    def client_of(self, account: Name) -> str | None:
        """Which of them runs as a ServiceAccount."""
        found = (one for command, one in SERVERS.items() if self._has(command) and account == self.server(command))
        return next((one.client for one in found), None)

    def _has(self, command: str) -> bool:
        return {"extauth": self.extauth, "ratelimit": self.ratelimit}[command]
