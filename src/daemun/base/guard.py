"""Which addresses nobody is sent to by what a policy or an Upstream says.

They are written by people who may not be allowed to reach what the gateway's machine can: its own loopback, and the
services of clouds that give credentials to whoever asks from within.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import NamedTuple, TypeVar

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
N = TypeVar("N", IPv4Network, IPv6Network)

LOOPBACK = ("127.0.0.0/8", "::1/128")
_METADATA = frozenset(  # what clouds answer on, beside link-local addresses
    map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_THIS_NETWORK = ip_network("0.0.0.0/8")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # by whoever translates one by one (SIIT)
_COMPATIBLE = IPv6Network("::/96")
_MAPPED, _SIX_TO_FOUR, _TEREDO = IPv6Network("::ffff:0:0/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32")
_BEFORE_FOUR = (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64[0], _SIX_TO_FOUR)
"""Networks that have an address of version 4 right behind their prefix."""
_REFUSED_4 = tuple(
    IPv4Network(one)
    for one in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"),
        *(str(one) for one in _METADATA if one.version == 4),
    )
)
_REFUSED_6 = tuple(
    IPv6Network(one)
    for one in ("::/128", "::1/128", "fe80::/10", "ff00::/8", *(str(one) for one in _METADATA if one.version == 6))
)


class Guard(NamedTuple):
    """Refuses addresses, but for those in networks that are `allowed`."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, *networks: str) -> "Guard":
        """A guard by CIDRs. Raises ValueError for what is none."""
        return cls(tuple(ip_network(one, strict=False) for one in networks))

    def refuses(self, address: str) -> str:
        """Why nobody may connect to an IP address; empty: one may."""
        try:
            outer = ip_address(address.partition("%")[0])
        except ValueError:
            return f"{address} is no address"
        for one in (outer, *_within(outer)):
            why = _forbidden(one)
            if why and not any(one in network for network in self.allowed if network.version == one.version):
                return f"{address} is {why}"
        return ""

    def networks(self) -> tuple[Network, ...]:
        """The same as networks, for whoever cannot ask for each address: all that is refused is in one of them.

        An address of version 6 may stand for two of version 4 (Teredo), or have one at its end (NAT64 of a network's
        own); no network says which, so those are refused as a whole, but for what is allowed.
        """
        allowed_4 = [one for one in self.allowed if isinstance(one, IPv4Network)]
        allowed_6 = [one for one in self.allowed if isinstance(one, IPv6Network)]
        fours = [left for one in _REFUSED_4 for left in _without(one, allowed_4)]
        sixes = [
            *_REFUSED_6,
            _TEREDO,
            _NAT64[1],
            *(_embedded(one, within) for one in fours for within in _BEFORE_FOUR),
        ]
        left = [rest for one in sixes for rest in _without(one, allowed_6)]
        return (*collapse_addresses(fours), *collapse_addresses(left))


def meant(name: str) -> str:
    """The address that a hostname stands for wherever it is looked up, if it does.

    `localhost` does. What resolvers read as a number (`127.1`, `0x7f000001`) is nobody's name, and stands for none.
    """
    last = name.rstrip(".").lower().rpartition(".")[2]
    if last == "localhost":
        return "127.0.0.1"
    return "0.0.0.0" if _NUMBER.fullmatch(last) else ""  # noqa: S104 - refused, not bound


def _forbidden(one: Address) -> str:
    if one.is_loopback or one.is_unspecified or one in _THIS_NETWORK:
        return "this machine's own"
    if one.is_link_local:
        return "link-local"
    if one in _METADATA:
        return "that of a cloud's metadata"
    if one.is_multicast or one == IPv4Address("255.255.255.255"):
        return "of many machines"
    return ""


def _within(one: Address) -> Iterator[IPv4Address]:
    """The addresses of version 4 that an address of version 6 stands for."""
    if not isinstance(one, IPv6Address):
        return
    if one.ipv4_mapped:
        yield one.ipv4_mapped
    if one.sixtofour:
        yield one.sixtofour
    if one.teredo:
        yield from one.teredo
    if any(one in network for network in (*_NAT64, _TRANSLATED)) or (one in _COMPATIBLE and int(one) > 1):
        yield IPv4Address(int(one) & 0xFFFFFFFF)


def _without(network: N, holes: list[N]) -> list[N]:
    """What is left of a network without some others."""
    left = [network]
    for hole in holes:
        kept: list[N] = []
        for one in left:
            if not one.overlaps(hole):
                kept.append(one)
            elif hole.prefixlen > one.prefixlen:
                kept.extend(one.address_exclude(hole))
        left = kept
    return left


def _embedded(network: IPv4Network, within: Network) -> IPv6Network:
    """The addresses of version 6, of a kind that has one of version 4 right behind its prefix, that stand for these."""
    length = within.prefixlen + network.prefixlen
    base = int(within.network_address) | int(network.network_address) << (128 - within.prefixlen - 32)
    return IPv6Network((base, length))
