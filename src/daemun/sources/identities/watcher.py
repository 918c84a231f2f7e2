"""Follows the authorities of meshes: whoever the rules want our proxies to be is asked for, and nothing else.

An authority that fails takes nothing away: the last certificate stays, and with it the connections, until it ends.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.settings import Settings
from daemun.base.names import Name
from daemun.flow import MISSING, Collection, Missing
from daemun.flow.values import Delta
from daemun.ir.identity import Credential, Identity, MeshName
from daemun.sources.followed import Followed
from daemun.sources.identities.consul import ConsulIssuer
from daemun.sources.identities.issuer import Issuer
from daemun.sources.registries.following import Pace, following
from daemun.sources.registries.registry import RegistryError

Changes = Mapping[Identity, Credential | Missing]
_MENDS: Mapping[MeshName, str] = MappingProxyType(
    {
        "istio": "Start Daemun with --istiod.",
        "consul": "Give the Settings consul.httpAddress.",
    }
)


class IdentityWatcher:
    """`changed` is told what the authorities say. Which there are is said with `appoint`."""

    def __init__(self, changed: Callable[[Changes], None]) -> None:
        self._changed = changed
        self._issuers: dict[MeshName, Issuer] = {}
        self._wanted: set[Identity] = set()
        self._following = Followed[Identity]()
        self._held: dict[Identity, Credential] = {}
        self._news: dict[Identity, Credential | Missing] = {}
        self._woken = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that is asked for was given, or why not was said."""
        return self._wanted <= self._held.keys()

    def appoint(self, mesh: MeshName, issuer: Issuer | None) -> None:
        """This is the authority of a mesh now, or there is none. What a former one gave stays until it has answered."""
        self._following.leave(mesh, self._issuers.pop(mesh, None))
        if issuer is not None:
            self._issuers[mesh] = issuer
        for one in self._wanted:
            self._begin(one)
        self._woken.set()

    def follow(self, settings: Collection[Name, Settings], name: Name) -> None:
        """The Settings of this name say where Consul is."""

        def changed(delta: Delta[Name, Settings]) -> None:
            if name not in delta:
                return
            before, after = (one.spec.consul if isinstance(one, Settings) else None for one in delta[name])
            if before == after:
                return
            try:
                self.appoint("consul", ConsulIssuer(after) if after is not None else None)
            except RegistryError:  # whoever asks it for instances says what is wrong with it
                self.appoint("consul", None)

        settings.subscribe(changed)

    def want(self, added: set[Identity], removed: set[Identity]) -> None:
        """The rules have begun to read these, and nobody reads those any more."""
        self._wanted = self._wanted - removed | added
        for one in removed:
            self._following.end(one)
            if self._held.pop(one, None) is not None:
                self._news[one] = MISSING
        for one in added:
            self._begin(one)
        self._woken.set()

    async def run(self) -> None:
        """Hand on what the authorities say until cancelled; then let go of them."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                await self._following.let_go()
                news, self._news = self._news, {}
                if news:
                    self._changed(news)
        finally:
            for mesh, issuer in self._issuers.items():
                self._following.leave(mesh, issuer)
            await self._following.let_go()

    def _begin(self, one: Identity) -> None:
        issuer = self._issuers.get(one.mesh)
        if issuer is None:
            self._fail(one, RegistryError("nobody is known who issues certificates for proxies", _MENDS[one.mesh]))
        elif one not in self._following:
            begin = functools.partial(issuer.follow, one)
            take, fail = functools.partial(self._take, one), functools.partial(self._fail, one)
            self._following.begin(one, one.mesh, following(begin, take, fail, Pace()))

    def _fail(self, one: Identity, error: RegistryError) -> None:
        held = self._held.get(one, Credential())
        self._take(one, msgspec.structs.replace(held, trouble=error.text, mend=error.mend))

    def _take(self, one: Identity, credential: Credential) -> None:
        if self._held.get(one) != credential:
            self._held[one] = self._news[one] = credential
            self._woken.set()
