"""Limits that the checks here and the proxies must share: what one accepts the other must not refuse."""

RE2_MAX_PROGRAM_SIZE = 1000
"""The largest compiled regex a proxy accepts. Envoy's own limit, 100, refuses quite ordinary path patterns."""

IDLE_SECONDS = 300
"""How long a stream may be silent before a listener ends it, unless its route says otherwise."""
