"""Fields of Gloo's options that are not served, and why. Setting one is never silent.

Some of them guard what they are set on. Without them requests would pass that should not, so there nothing passes.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Unserved(msgspec.Struct, frozen=True):
    """Why a field is not served. One that `guards` closes what it is set on."""

    why: str
    guards: bool = False

    @property
    def told(self) -> str:
        """The reason in a table."""
        return f"{self.why}; what it is set on is closed" if self.guards else self.why


_NO_FILTER = Unserved("it needs a filter that stock Envoy does not have", guards=True)

_CACHES = (
    "of stock Envoy's caches the one in memory never forgets and crashes on Vary, and the one in files knows nothing "
    "of routes, so that it would answer for one that is closed; Gloo's own service cannot be asked"
)

UNSERVED: Mapping[str, Unserved] = MappingProxyType(
    {
        "extensions": Unserved("it is for filters that stock Envoy does not have"),
        "waf": _NO_FILTER,
        "dlp": _NO_FILTER,
        "proxyLatency": Unserved(
            "it needs a filter that stock Envoy does not have; an access log can have it, "
            "as %COMMON_DURATION(DS_RX_END:US_TX_BEG:us)%"
        ),
        "sanitizeClusterHeader": Unserved(
            "no header of a request can choose a cluster here, so there is none to remove"
        ),
        "caching": Unserved(_CACHES),
        "tap": Unserved("its sinks are services, and stock Envoy aborts when its tap filter is given one"),
        "dynamicForwardProxy": Unserved(
            "where the routes of a forward proxy may lead, and how, an Egress says, which Settings name by the "
            "annotation daemun.dev/forward-to"
        ),
    }
)
_OTHERWISE = Unserved("nobody has come to it yet")


def unserved(name: str) -> Unserved:
    """Of a field that is not served: why."""
    return UNSERVED.get(name, _OTHERWISE)
