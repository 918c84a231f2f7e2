"""The command lines of etcd, the API server and its controllers: what an API server alone and a whole cluster share."""

from dataclasses import dataclass
from pathlib import Path

from . import kubeconfig, tools
from .client import Client
from .pki import Authority
from .place import SERVICE_ADDRESSES
from .processes import Processes

ETCD, APISERVER, CONTROLLERS = "etcd", "kube-apiserver", "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the control plane listens: the API server's own host and port, and etcd's ports on loopback."""

    host: str
    port: int
    etcd: int
    etcd_peer: int


class ControlPlane:
    """etcd and the API server, each a recorded process; the folder holds all their state."""

    def __init__(self, folder: Path, address: Address, processes: Processes) -> None:
        self.folder = folder
        self.address = address
        self.processes = processes
        self.url = f"https://{address.host}:{address.port}"
        self.kubeconfig = folder / "admin.kubeconfig"

    def prepare(self) -> Authority:
        """Make the certificates and the administrator's kubeconfig."""
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = Authority(self.folder / "pki")
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
        hosts = (self.address.host, "127.0.0.1", "10.96.0.1", "localhost", *names)
        authority.issue("apiserver", "kube-apiserver", hosts=hosts)
        authority.issue("apiserver-kubelet", "kube-apiserver", ("system:masters",))
        authority.key_pair("service-accounts")
        self.user(authority, "admin", "admin", "system:masters")
        return authority

    def user(self, authority: Authority, file: str, name: str, *groups: str) -> Path:
        """A kubeconfig for a user of this name in these groups."""
        pair = authority.issue(file, name, groups)
        return kubeconfig.write(self.folder / f"{file}.kubeconfig", self.url, authority, pair)

    def client(self) -> Client:
        """A client with all rights."""
        return Client(self.kubeconfig)

    def start_etcd(self) -> None:
        """Durable over a kill, but not over a power cut: a test needs no fsync."""
        clients = f"http://127.0.0.1:{self.address.etcd}"
        peers = f"http://127.0.0.1:{self.address.etcd_peer}"
        flags = {
            "name": "one",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"one={peers}",
            "unsafe-no-fsync": True,
            "log-level": "warn",
        }
        self.processes.start(ETCD, [tools.path(ETCD), *_flags(flags)])

    def start_apiserver(self, **more: object) -> None:
        """Start it and wait until it takes requests; more flags by name, with underscores."""
        pki = self.folder / "pki"
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.address.etcd}",
            "secure-port": self.address.port,
            "service-cluster-ip-range": SERVICE_ADDRESSES,
            "authorization-mode": "Node,RBAC",
            "allow-privileged": True,
            "client-ca-file": pki / "ca.crt",
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": pki / "service-accounts.pub",
            "service-account-signing-key-file": pki / "service-accounts.key",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        self.processes.start(APISERVER, [tools.path(APISERVER), *_flags(flags)])
        self.processes.wait(APISERVER, self.client().ready, 120)

    def start_controllers(self, **more: object) -> None:
        """The controllers: garbage collection, namespaces, Deployments and so on."""
        pki = self.folder / "pki"
        flags = {
            "kubeconfig": self.kubeconfig,
            "leader-elect": False,
            "use-service-account-credentials": True,
            "root-ca-file": pki / "ca.crt",
            "service-account-private-key-file": pki / "service-accounts.key",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        self.processes.start(CONTROLLERS, [tools.path(CONTROLLERS), *_flags(flags)])


def _flags(values: dict[str, object]) -> list[str]:
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()]
