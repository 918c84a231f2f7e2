"""What the proxies say back: which listeners they have taken, and what they rejected, in their own words."""

from typing import NamedTuple

import msgspec

from daemun.base.names import Ref
from daemun.gatewayapi.resolved import ResolvedGateway


class ProxyState(msgspec.Struct, frozen=True, gc=False):
    """A proxy, as its xDS stream tells of it.

    `acknowledged` is the Gateway as it was when the proxy last had acknowledged everything. It is compared with the
    Gateway as it is: Programmed never speaks of a generation that the proxy has not seen, and a changed route does not
    make it flicker. Of its ListenerSets each is compared by itself.
    """

    acknowledged: ResolvedGateway | None = None


class RejectionKey(NamedTuple):
    """What was rejected, and in which resource: one field may go into several, which are mended one by one."""

    proxy: str
    ref: Ref
    where: str
    type_url: str
    resource: str


class Rejection(msgspec.Struct, frozen=True, order=True, gc=False):
    """A piece of configuration that Envoy rejected, by the field it came from. `message` is Envoy's."""

    proxy: str
    ref: Ref
    where: str
    message: str


FOREIGN = ("PortUnavailable", "AddressNotUsable")
"""Reasons that lie outside: a port could not be bound there, and nobody who wrote a policy has caused it."""
PORT_IN_USE = "address already in use"
BAD_ADDRESS = "cannot assign requested address"


def reason_for(message: str) -> str:
    """The reason of the API that fits Envoy's words about a listener."""
    lower = message.lower()
    if PORT_IN_USE in lower:
        return "PortUnavailable"
    return "AddressNotUsable" if BAD_ADDRESS in lower else "Invalid"
