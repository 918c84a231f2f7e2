"""Upstreams that lead to what is the gateway's own: its sockets, its machine, its link (abuse test A6).

Whoever may write an Upstream could else have the proxy ask its own admin interface, or the metadata service of a cloud,
for them. On a machine of one's own backends on loopback are the rule; in a cluster they are in nobody's interest.
"""

import posixpath
from collections.abc import Iterator

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.base.guard import LOOPBACK, Guard, meant
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.settings import Settings
from daemun.gloo.upstreams import Checks, ResolvedUpstream

INTERNAL = "Internal"
_PROCESSES = "/proc"


def guarded(checks: Checks, settings: Settings) -> Checks:
    """The checks of Upstreams, and these."""

    def faults(upstream: ResolvedUpstream) -> Iterator[Finding]:
        yield from checks.faults(upstream)
        yield from internal_faults(upstream.spec, settings)

    return Checks(faults, checks.notes)


def guard_of(settings: Settings) -> Guard:
    """Which addresses no request may reach. In a folder, loopback is where backends are."""
    return Guard.of(*settings.allowed, *(() if settings.clustered else LOOPBACK))


def internal_faults(spec: UpstreamSpec, settings: Settings) -> Iterator[Finding]:
    """What of an Upstream leads inside."""
    if spec.pipe is not None and spec.pipe.path and _is_private(spec.pipe.path, settings):
        yield Finding(INTERNAL, "spec.pipe.path", f"{spec.pipe.path} is not for requests", "Name a backend's socket.")
    guard = guard_of(settings)
    for where, address in _addresses(spec):
        one = address if is_ip(address) else meant(address)
        why = guard.refuses(one) if one else ""
        if why:
            text = f"{address} is not for requests: {why}"
            yield Finding(INTERNAL, where, text, "Name a backend, or allow the address when Daemun is started.")


def _is_private(path: str, settings: Settings) -> bool:
    """Whether a socket is one that no request may reach. A relative path is relative to what nobody knows."""
    if path.startswith("@"):  # abstract: no file
        return False
    plain = "/" + posixpath.normpath(path).lstrip("/")
    folders = (_PROCESSES, *settings.private)
    return not path.startswith("/") or any(plain == one or plain.startswith(f"{one}/") for one in folders)


def _addresses(spec: UpstreamSpec) -> Iterator[tuple[str, str]]:
    for index, host in enumerate(spec.static.hosts if spec.static else ()):
        yield f"spec.static.hosts[{index}].addr", host.addr
    for level, one in enumerate(spec.failover.prioritized_localities if spec.failover else ()):
        for place, locality in enumerate(one.locality_endpoints):
            for index, endpoint in enumerate(locality.lb_endpoints):
                at = f"prioritizedLocalities[{level}].localityEndpoints[{place}].lbEndpoints[{index}]"
                yield f"spec.failover.{at}.address", endpoint.address
