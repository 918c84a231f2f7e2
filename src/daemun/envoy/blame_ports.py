"""Which policies may have caused that Envoy rejected a port: all that put something on it."""

from collections.abc import Iterator

import msgspec

from daemun.base.names import Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.proxies.answers import FOREIGN, Rejection, RejectionKey, reason_for
from daemun.ir.listener import Frontend, FrontendKey, ListenerKey, port_name
from daemun.ir.resource import LISTENER
from daemun.ir.uses import NOTHING, ListenerUses

PortName = tuple[str, str]
"""A proxy, and the name of a port of it (`FrontendKey.listener`)."""


class Ports(msgspec.Struct, frozen=True):
    """The ports by their names, and what policies put on their listeners."""

    by_name: Index[PortName, FrontendKey, Frontend]
    uses: Collection[ListenerKey, ListenerUses]

    def policies(self, reader: Reader, key: RejectionKey, one: Rejection) -> Iterator[Ref]:
        """The policies of the listeners that the rejection is about."""
        if key.type_url != LISTENER or reason_for(one.message) in FOREIGN:
            return
        for frontend in reader.find(self.by_name, (key.proxy, port_name(key.resource))):
            for listener in frontend.listeners:
                if listener.origin.ref == one.ref and one.where.startswith(listener.origin.where):
                    uses = reader.get(self.uses, listener.key) or NOTHING
                    yield from (use.by for use in uses.port if use.by is not None)


def name_of(key: FrontendKey, _: Frontend) -> tuple[PortName]:
    """The name of a port; for an index."""
    return ((key.proxy, key.listener),)
