"""What policies put on a listener: the features in use on it, and on every virtual host that belongs to it."""

import msgspec

from daemun.ir.backend import BackendKey
from daemun.ir.route import Use


class ListenerUses(msgspec.Struct, frozen=True, gc=False):
    """The features in use on a listener (`port`) and on its virtual hosts (`hosts`).

    Those of the port are on its connection manager and its socket, which it may share with other listeners, or on its
    own virtual hosts, before theirs. What guards its hosts and cannot be done has `closed` them, and says why.
    `proxies` are the names of those that serve the listener.
    """

    proxies: tuple[str, ...] = ()
    port: tuple[Use, ...] = ()
    hosts: tuple[Use, ...] = ()
    closed: str = ""

    def on_hosts(self) -> tuple[Use, ...]:
        """What may be put on a virtual host: of one kind the host's own counts."""
        kinds = {use.kind for use in self.hosts}
        return (*(use for use in self.port if use.kind not in kinds), *self.hosts)

    def backends(self) -> set[BackendKey]:
        """Every backend that something is sent to."""
        return {key for use in (*self.port, *self.hosts) for key in use.backends if key is not None}


NOTHING = ListenerUses()
