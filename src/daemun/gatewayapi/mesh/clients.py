"""Whose requests a mesh takes: those of the namespaces that are in it, each of which has proxies of its own."""

from collections.abc import Iterator

from daemun.api.core import Namespace
from daemun.base.names import DAEMUN, Name, Ref
from daemun.gatewayapi.findings import Finding

LABEL, IN_MESH = "daemun.dev/mesh", "enabled"
"""The label of a Namespace whose pods' requests are routed."""
PORT = "daemun.dev/mesh-port"
"""The annotation of such a Namespace with the port that its connections are redirected to."""
DEFAULT_PORT = 15001
LOOPBACK = "127.0.0.1"
"""Where connections are redirected to: their client's own host."""
_PROXY = "Mesh"  # no object can have a name with a capital letter, so no Gateway's proxy has this one
_MOST = 65_535


def in_mesh(_: Name, namespace: Namespace) -> Iterator[bool]:
    """Whether the requests of a namespace's pods are routed; for an index."""
    if namespace.metadata.labels.get(LABEL) == IN_MESH:
        yield True


def proxy_of(namespace: str) -> Name:
    """The name of the proxies beside the pods of a namespace."""
    return Name(namespace, _PROXY)


def mesh_of(namespace: str) -> Ref:
    """The same as what the proxies' configuration comes from: there is no such object."""
    return Ref(DAEMUN, "Mesh", *proxy_of(namespace))


def port_of(namespace: Namespace) -> tuple[int, tuple[Finding, ...]]:
    """The port that connections are redirected to, and what is wrong with what is said about it."""
    said = namespace.metadata.annotations.get(PORT, str(DEFAULT_PORT))
    if said.isdecimal() and 0 < int(said) <= _MOST:
        return int(said), ()
    where, text = f"metadata.annotations[{PORT}]", f"{said!r} is no port, so it is {DEFAULT_PORT}"
    return DEFAULT_PORT, (Finding("UnsupportedValue", where, text, f"Write a number up to {_MOST}."),)
