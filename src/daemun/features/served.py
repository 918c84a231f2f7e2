"""Which fields of Gloo's options are served: what the features say, for the tables in the docs."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.options import (
    HttpListenerOptions,
    ListenerOptions,
    RouteOptions,
    TcpListenerOptions,
    VirtualHostOptions,
    WeightedDestinationOptions,
)
from daemun.features import BY_KIND
from daemun.gloo.served.fields import Fields, Served
from daemun.gloo.served.unserved import unserved

PLACES: Mapping[type[msgspec.Struct], tuple[str, ...]] = MappingProxyType(
    {
        RouteOptions: ("on_route",),
        VirtualHostOptions: ("on_host",),
        WeightedDestinationOptions: ("on_backend",),
        HttpListenerOptions: ("on_manager", "on_host", "on_chain"),
        ListenerOptions: ("on_listener", "on_manager"),
        TcpListenerOptions: ("on_chain", "on_stream"),
    }
)
"""The messages, and in which places their fields work."""


def _options() -> Iterator[Fields]:
    for message, places in PLACES.items():
        names = [field.encode_name for field in msgspec.structs.fields(message)]
        served = tuple(name for name in names if name in BY_KIND and BY_KIND[name].works(*places))
        others = {name: unserved(name) for name in names if name not in served}
        yield Fields(message, served, {name: one.told for name, one in others.items()})
        for name in served:
            yield from BY_KIND[name].serves


OPTIONS = Served(_options())
"""The options, and what is within them."""
