"""Limits that the checks here and the proxies must share: what one accepts the other must not refuse."""

RE2_MAX_PROGRAM_SIZE = 1000
"""The largest compiled regex a proxy accepts. Envoy's own limit, 100, refuses quite ordinary path patterns."""
