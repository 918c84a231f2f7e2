"""Addresses: an IP address, or a name for one; and which of them lead to where no tenant should get."""

import ipaddress
import re


def is_ip(text: str) -> bool:
    """Whether this is an IP address, of either version, and not a name; one with a zone is of no use elsewhere."""
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


def inside(text: str) -> str:
    """What keeps an address or name from being anybody's backend: it is of the machine itself or of its link.

    Empty for all others. What a name resolves to is not known here, but that `localhost` and what resolvers read as a
    number (`127.1`, `0x7f000001`) are no names of hosts is.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _name_inside(text.rstrip(".").lower())
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    for what, holds in (
        ("unspecified", address.is_unspecified),
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
    ):
        if holds:
            return what
    return ""


def _name_inside(name: str) -> str:
    last = name.rpartition(".")[2]
    if last == "localhost":
        return "loopback"
    return "a number that is no address" if _NUMBER.fullmatch(last) else ""


def within(text: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks (CIDR)."""
    if not is_ip(text):
        return False
    address = ipaddress.ip_address(text)
    return any(address in ipaddress.ip_network(one) for one in networks)
