"""The rules of the CRDs of TLSRoute, TCPRoute and UDPRoute, and what their v1 narrowed."""

from collections.abc import Iterator

from daemun.api.streams import TCPRoute, TLSRoute, UDPRoute
from daemun.base.addresses import is_ip

Broken = tuple[str, str]

_ALPHA = "v1alpha2"
"""The version that still takes several rules, and a TLSRoute without hostnames."""


def stream_rules(value: TLSRoute | TCPRoute | UDPRoute, version: str) -> Iterator[Broken]:
    """What an API server would refuse about a route of connections or datagrams."""
    if version != _ALPHA and len(value.spec.rules) > 1:
        yield "spec.rules", f"has {len(value.spec.rules)} rules; {version} takes one"
    if not isinstance(value, TLSRoute):
        return
    if version != _ALPHA and not value.spec.hostnames:
        yield "spec.hostnames", "must be given"
    for at, hostname in enumerate(value.spec.hostnames):
        if version != _ALPHA and is_ip(hostname):
            yield f"spec.hostnames[{at}]", f"{hostname!r} is an IP address, which is no server name"
