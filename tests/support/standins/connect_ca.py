"""Consul's mesh on loopback: the stand-in of the agent, with its authority and the instances in the mesh."""

from typing import Any

from aiohttp import web

from support.objects.certificates import Authority
from support.standins.consul import Consul

DOMAIN = "11111111-2222-3333-4444-555555555555.consul"


def identity(service: str) -> str:
    """A service of the mesh, as its certificates say."""
    return f"spiffe://{DOMAIN}/ns/default/dc/dc1/svc/{service}"


class Mesh(Consul):
    """An agent with an authority. Instances of a service in the mesh are what is put under `connect:NAME`."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.issued: list[str] = []
        self.in_the_clear: list[str] = []
        """Services whose instances outside of the mesh somebody wanted to know."""
        self._leaves: dict[tuple[str, tuple[Authority, ...]], dict[str, Any]] = {}
        self._authorities: tuple[Authority, ...] = (authority,)

    async def replace(self, *authorities: Authority) -> None:
        """These are trusted from now on, and the last one issues."""
        async with self._news:
            self._authorities = authorities
            self.index += 1
            leaves = [f"leaf:{one}" for one in self.issued]
            self._changed |= dict.fromkeys(("roots", *leaves), self.index)
            self._news.notify_all()

    def more(self) -> list[web.RouteDef]:
        """What it says of its mesh."""
        return [
            web.get("/v1/health/connect/{name}", self._connect),
            web.get("/v1/agent/connect/ca/leaf/{name}", self._leaf),
            web.get("/v1/agent/connect/ca/roots", self._roots),
        ]

    async def _health(self, request: web.Request) -> web.Response:
        self.in_the_clear.append(request.match_info["name"])
        return await super()._health(request)

    async def _connect(self, request: web.Request) -> web.Response:
        key = f"connect:{request.match_info['name']}"
        return await self._block(request, lambda: (self._services.get(key, []), self._at(key)))

    async def _leaf(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await self._block(request, lambda: (self._issue(name), self._at(f"leaf:{name}")))

    async def _roots(self, request: web.Request) -> web.Response:
        return await self._block(request, lambda: (self._trusted(), self._at("roots")))

    def _issue(self, name: str) -> dict[str, Any]:
        """One for each of its authorities."""
        held = self._leaves.get((name, self._authorities))
        if held is not None:
            return held
        certificate, key = self._authorities[-1].issue(identity(name), common=name)
        self.issued.append(name)
        self._leaves[name, self._authorities] = made = {
            "Service": name,
            "ServiceURI": identity(name),
            "CertPEM": certificate.decode(),
            "PrivateKeyPEM": key.decode(),
        }
        return made

    def _trusted(self) -> dict[str, Any]:
        roots = [{"RootCert": one.pem, "IntermediateCerts": None, "Active": True} for one in self._authorities]
        return {"TrustDomain": DOMAIN, "Roots": roots}
