"""Consul's authority: certificates of a service of its mesh, and whom all of it trusts, by blocking queries.

(Consul's HTTP API, "Connect" of the agent: `connect/ca/leaf/SERVICE`, `connect/ca/roots`.) The agent makes the keys,
and new ones before the old ones end; who may have those of a service its ACLs decide, by our token.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import TypeVar
from urllib.parse import quote

import msgspec

from daemun.api.gloo.settings import ConsulConfiguration
from daemun.base.guard import Guard
from daemun.ir.identity import Credential, Identity
from daemun.sources.registries.consul import queries
from daemun.sources.registries.registry import Tools

T = TypeVar("T")


class _Leaf(msgspec.Struct, rename={"certificate": "CertPEM", "key": "PrivateKeyPEM"}):
    certificate: str
    key: str


class _Root(msgspec.Struct, rename="pascal"):
    root_cert: str
    intermediate_certs: list[str] | None = None


class _Roots(msgspec.Struct, rename="pascal"):
    roots: list[_Root] | None = None


_LEAF, _ROOTS = msgspec.json.Decoder(_Leaf), msgspec.json.Decoder(_Roots)


class ConsulIssuer:
    """Asks the agent that Settings name. Raises RegistryError for an address that is none."""

    def __init__(self, config: ConsulConfiguration) -> None:
        self._queries = queries(config, Tools(guard=Guard.of("0.0.0.0/0", "::/0")))

    async def close(self) -> None:
        """End all connections."""
        await self._queries.close()

    async def follow(self, identity: Identity) -> AsyncGenerator[Credential, None]:
        """Of a service its certificate, and the next one before it ends; of no service whom everybody trusts."""
        if identity.service:
            path = f"/v1/agent/connect/ca/leaf/{quote(identity.service, safe='')}"
            async with contextlib.aclosing(self._queries.follow(path, {}, _LEAF)) as leaves:
                async for leaf in leaves:
                    yield Credential(leaf.certificate.encode(), leaf.key.encode())
        else:
            path = "/v1/agent/connect/ca/roots"
            async with contextlib.aclosing(self._queries.follow(path, {}, _ROOTS)) as answers:
                async for answer in answers:
                    yield Credential(authorities="\n".join(_certificates(answer)).encode())


def _certificates(roots: _Roots) -> list[str]:
    """While an authority is replaced there are two, and certificates of either."""
    return [one for root in roots.roots or () for one in (root.root_cert, *(root.intermediate_certs or ()))]
