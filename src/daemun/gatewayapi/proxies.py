"""What the proxies say back: which listeners they have taken, and what they rejected, in their own words."""

import msgspec

from daemun.base.names import Ref


class ProxyState(msgspec.Struct, frozen=True):
    """A proxy, as its xDS stream tells of it.

    `programmed` is true once everything it should have was acknowledged at least once since the Gateway last changed.
    """

    connected: bool = False
    programmed: bool = False


class Rejection(msgspec.Struct, frozen=True, order=True):
    """A piece of configuration that Envoy rejected, by the field it came from. `message` is Envoy's."""

    proxy: str
    ref: Ref
    where: str
    message: str


PORT_IN_USE = "address already in use"
BAD_ADDRESS = "cannot assign requested address"


def reason_for(message: str) -> str:
    """The reason of the API that fits Envoy's words about a listener."""
    lower = message.lower()
    if PORT_IN_USE in lower:
        return "PortUnavailable"
    return "AddressNotUsable" if BAD_ADDRESS in lower else "Invalid"
