"""Where an API server is and who we are to it: from a kubeconfig, or from the service account of a pod.

The names are those of a kubeconfig (`v1.Config` of client-go). What is given as a file is the absolute path of one.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from daemun.kube.errors import KubeError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT = "~/.kube/config"

T = TypeVar("T", bound=msgspec.Struct)


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    """An API server. Without authorities of its own it is the system's that vouch for it."""

    server: str = "http://localhost:8080"
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    """The name that its certificate has to be for, where that is not the one in its URL."""
    proxy_url: str = ""


class EnvVar(msgspec.Struct, frozen=True):
    """A variable of a program's environment."""

    name: str
    value: str


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    """A program that gives credentials."""

    api_version: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    install_hint: str = ""


class User(msgspec.Struct, frozen=True, rename="kebab"):
    """Credentials. Of several that say who we are the first counts: `exec`, a token's file, a token, a password."""

    exec: Exec | None = None
    username: str = ""
    password: str = ""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    auth_provider: dict[str, Any] | None = None
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""


class Access(NamedTuple):
    """One API server, one user of it, and the namespace that is meant when none is named."""

    cluster: Cluster
    user: User = User()
    namespace: str = "default"


class _Context(msgspec.Struct, frozen=True):
    cluster: str
    user: str = ""
    namespace: str = "default"


class _Named(msgspec.Struct, frozen=True):
    """An entry of one of the lists: what it is called, and what it is, under the name of its kind."""

    name: str
    cluster: Cluster | None = None
    context: _Context | None = None
    user: User | None = None


class _Config(msgspec.Struct, frozen=True, rename="kebab"):
    clusters: tuple[_Named, ...] = ()
    contexts: tuple[_Named, ...] = ()
    users: tuple[_Named, ...] = ()
    current_context: str = ""


def access(context: str | None = None, kubeconfig: Path | None = None) -> Access:
    """What `kubectl` would use, or the account of this pod, if it has one and nothing is named.

    Raises KubeError, OSError, or msgspec's errors for a file that is not as it should be.
    """
    if kubeconfig is None and context is None and (SERVICE_ACCOUNT / "token").exists():
        return _service_account(SERVICE_ACCOUNT)
    return _read(kubeconfig or Path(os.environ.get("KUBECONFIG") or _DEFAULT).expanduser(), context)


def _service_account(folder: Path) -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise KubeError("this pod is not told where the API server is (KUBERNETES_SERVICE_HOST)")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = Cluster(server, certificate_authority=str(folder / "ca.crt"))
    return Access(cluster, User(token_file=str(folder / "token")), (folder / "namespace").read_text().strip())


def _read(path: Path, context: str | None) -> Access:
    import yaml

    if not path.is_file():
        raise KubeError(f"Configuration file {path} not found")
    try:
        config = msgspec.convert(_said(yaml.safe_load(path.read_bytes())), _Config)
    except yaml.YAMLError as error:
        raise KubeError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    chosen = context or config.current_context
    if not chosen:
        raise KubeError(f"{path} names no current context")
    used = _of(config.contexts, "context", chosen, _Context)
    cluster = _of(config.clusters, "cluster", used.cluster, Cluster)
    user = _of(config.users, "user", used.user, User) if used.user else User()
    return Access(_placed(cluster, path.parent), _placed(user, path.parent), used.namespace)


def _of(entries: tuple[_Named, ...], kind: str, name: str, type_: type[T]) -> T:
    for one in entries:
        if one.name == name:
            return getattr(one, kind) or msgspec.convert({}, type_)  # nothing is said of it
    raise KubeError(f"there is no {kind} {name}")


def _said(value: Any) -> Any:
    """Without what is null, which is as if it were not there."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


_FILES = ("certificate_authority", "client_certificate", "client_key", "token_file")


def _placed(one: T, folder: Path) -> T:
    """With the files where they are: they are named as seen from the kubeconfig."""
    there = {name: value for name in _FILES if (value := getattr(one, name, ""))}
    return msgspec.structs.replace(one, **{name: str(folder / value) for name, value in there.items()})
