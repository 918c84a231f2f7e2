"""Who our proxies are in a mesh, by certificates that its authority issues, and whom they trust there."""

from typing import Literal, NamedTuple

import msgspec

_PREFIX = "identity/"
MeshName = Literal["istio", "consul"]


class Identity(NamedTuple):
    """What is asked of the authority of a mesh: to be a `service`; empty: to be who the control plane is there."""

    mesh: MeshName
    service: str = ""

    @property
    def pair(self) -> str:
        """What its certificate and key are called in SDS."""
        return f"{_PREFIX}{self.mesh}/pair/{self.service}"

    @property
    def trust(self) -> str:
        """What those that are trusted are called in SDS."""
        return f"{_PREFIX}{self.mesh}/trust/{self.service}"


class Credential(msgspec.Struct, frozen=True, gc=False):
    """What the authority has said last, in PEM. `trouble`: why it says no more; what it said before stays."""

    certificate: bytes = b""
    key: bytes = b""
    authorities: bytes = b""
    trouble: str = ""
    mend: str = ""

    def __repr__(self) -> str:
        """Never the key: it must not reach a log."""
        return f"<Credential {self.trouble or 'good'}>"


def identity_of(resource: str) -> tuple[Identity, bool] | None:
    """The identity that something is called after in SDS, and whether it is its key pair; else those it trusts."""
    if not resource.startswith(_PREFIX):
        return None
    mesh, part, service = resource.removeprefix(_PREFIX).split("/", 2)
    return Identity("istio" if mesh == "istio" else "consul", service), part == "pair"
