"""What proxies have, wherever they are connected: to this replica of the control plane, or to one that told of it."""

from collections.abc import Iterable

from daemun.base.names import Name
from daemun.gatewayapi.proxies.accounts import Account, ProxyAccount, Refusal, version_of
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.serve.server import XdsServer
from daemun.translate import Translation

REFUSALS_TOLD = 20
"""How much of what one proxy rejects is told to another replica: enough to find the mistakes."""

Rejections = dict[RejectionKey, Rejection]


class Proxies:
    """What our own server knows of them, and what other replicas say."""

    def __init__(self, xds: XdsServer, translation: Translation) -> None:
        self._xds = xds
        self._translation = translation
        self._elsewhere: dict[str, list[ProxyAccount]] = {}
        self._versions: dict[str, tuple[ResolvedGateway, str]] = {}

    def account(self) -> Account:
        """What the proxies have that are connected here, for another replica that leads."""
        found = {proxy: self._account(proxy) for proxy in sorted(self._xds.proxies())}
        for proxy in self._versions.keys() - found.keys() - self._elsewhere.keys():
            del self._versions[proxy]
        return found

    def hear(self, accounts: Iterable[Account]) -> dict[str, tuple[Rejections, Rejections]]:
        """Take in what all the other replicas say now; what each proxy they spoke of rejected before, and rejects."""
        spoken = set(self._elsewhere)
        elsewhere: dict[str, list[ProxyAccount]] = {}
        for account in accounts:
            for proxy, one in account.items():
                elsewhere.setdefault(proxy, []).append(one)
        spoken |= elsewhere.keys()
        before = {proxy: self.rejections(proxy) for proxy in spoken}
        self._elsewhere = elsewhere
        return {proxy: (before[proxy], self.rejections(proxy)) for proxy in spoken}

    def have(self, proxy: str, gateway: ResolvedGateway) -> bool:
        """Whether the proxy is connected anywhere, and has acknowledged all of the Gateway wherever it is."""
        here, there = self._xds.connected(proxy), self._elsewhere.get(proxy, ())
        if here and not self._xds.synced(proxy):
            return False
        return (here or bool(there)) and all(one.acknowledged == self._version(proxy, gateway) for one in there)

    def rejections(self, proxy: str) -> Rejections:
        """Everything that the Envoys of a proxy reject, wherever they are connected."""
        found: Rejections = {}
        for one in [*self._elsewhere.get(proxy, ()), ProxyAccount(refusals=self._refusals(proxy))]:
            found |= one.rejections(proxy)
        return found

    def _refusals(self, proxy: str) -> tuple[Refusal, ...]:
        return tuple(
            Refusal(one.origin.ref, one.origin.where, one.type_url, one.resource, one.message)
            for one in self._xds.rejections(proxy)[:REFUSALS_TOLD]
        )

    def _account(self, proxy: str) -> ProxyAccount:
        gateway = self._translation.gateways.get(Name.of(proxy))
        synced = gateway is not None and self._xds.synced(proxy)
        acknowledged = self._version(proxy, gateway) if gateway is not None and synced else ""
        return ProxyAccount(acknowledged, self._refusals(proxy))

    def _version(self, proxy: str, gateway: ResolvedGateway) -> str:
        """Of a proxy's Gateway; it is asked for often and changes seldom."""
        known = self._versions.get(proxy)
        if known is None or known[0] is not gateway:
            known = self._versions[proxy] = (gateway, version_of(gateway))
        return known[1]
