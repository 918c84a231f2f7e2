"""Destinations outside: which hosts requests may go to, and how they are found and spoken to."""

import re
from ipaddress import IPv6Address, ip_address

import msgspec

from daemun.base.addresses import is_ip
from daemun.base.names import Ref
from daemun.ir.tls import BackendTLS

HTTP, HTTPS = 80, 443
_LABELS = r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+"


class Allowed(msgspec.Struct, frozen=True, gc=False):
    """The hosts and ports that requests may go to; `port` is what is meant where a request says none."""

    by: Ref
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    port: int

    @property
    def regexes(self) -> tuple[str, ...]:
        """The values of Host that are allowed, each as RE2 that is matched as a whole.

        In lower case only: each spelling of a name would have a place of its own among those whose addresses are known.
        """
        ports = "|".join(map(str, self.ports))
        port = f"(?::(?:{ports})){'?' if self.port in self.ports else ''}"
        return tuple(_host(one) + port for one in self.hosts)

    def permits(self, authority: str) -> bool:
        """Whether requests with this Host may go where it says."""
        return any(re.fullmatch(one, authority) for one in self.regexes)


class Egress(msgspec.Struct, frozen=True, gc=False):
    """Where it is allowed to go, and how: with `tls`, there with the certificate in a Secret if one is named; asking
    these `name_servers`, each an address and a port, or else those of the proxy's machine.
    """

    allowed: Allowed
    tls: BackendTLS | None = None
    certificate: str = ""
    name_servers: tuple[tuple[str, int], ...] = ()


def _host(host: str) -> str:
    if is_ip(host):
        address = ip_address(host)
        return re.escape(f"[{address}]" if isinstance(address, IPv6Address) else str(address))
    if host.startswith("*."):
        return _LABELS + re.escape(host.removeprefix("*."))
    return re.escape(host)
