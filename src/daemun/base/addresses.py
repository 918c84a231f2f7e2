"""Addresses: an IP address, or a name for one."""

import ipaddress


def is_ip(text: str) -> bool:
    """Whether this is an IP address, of either version, and not a name; one with a zone is of no use elsewhere."""
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
