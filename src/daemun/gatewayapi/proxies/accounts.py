"""What a replica knows of the proxies that are connected to it, as it tells the one that leads.

A proxy is connected to any replica, and only the leader writes statuses: so it has to hear from the others what their
proxies have acknowledged, and what they reject.
"""

import msgspec

from daemun.base.digest import digest, version
from daemun.base.names import Ref
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.resolved import ResolvedGateway


class Refusal(msgspec.Struct, frozen=True):
    """Something that a proxy rejects."""

    ref: Ref
    where: str
    type_url: str
    resource: str
    message: str


class ProxyAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """A proxy that is connected: the version of its Gateway, if it has acknowledged all, and what it rejects."""

    acknowledged: str = ""
    refusals: tuple[Refusal, ...] = ()

    def rejections(self, proxy: str) -> dict[RejectionKey, Rejection]:
        """What it rejects, as the translation takes it."""
        return {
            RejectionKey(proxy, one.ref, one.where, one.type_url, one.resource): Rejection(
                proxy, one.ref, one.where, one.message
            )
            for one in self.refusals
        }


Account = dict[str, ProxyAccount]
"""By proxy."""


def version_of(gateway: ResolvedGateway) -> str:
    """The same for an equal Gateway at every replica."""
    return version(digest(msgspec.json.encode(gateway, order="deterministic")))
