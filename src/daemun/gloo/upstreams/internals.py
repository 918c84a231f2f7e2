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
from daemun.gloo.upstreams.upstream import Checks, ResolvedUpstream

INTERNAL = "Internal"
MEND = "Name a backend, or allow the address when Daemun is started."
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
    sds = spec.ssl_config.sds if spec.ssl_config is not None else None
    if sds is not None and (why := server_fault(sds.target_uri, settings)):
        yield Finding(INTERNAL, "spec.sslConfig.sds.targetUri", why, MEND)
    guard = guard_of(settings)
    for where, address in _addresses(spec):
        one = address if is_ip(address) else meant(address)
        why = guard.refuses(one) if one else ""
        if why:
            text = f"{address} is not for requests: {why}"
            yield Finding(INTERNAL, where, text, MEND)


def server_fault(target: str, settings: Settings) -> str:
    """Why nobody is to be asked at an address in gRPC's words (`host:port`, `dns:…`, `unix:…`); empty: he may be.

    An SDS server is named by whoever may write an Upstream or a VirtualService, and is sent what he names, a token of
    the proxy's among it.
    """
    kind, _, rest = target.partition(":")
    if kind == "unix":
        path = rest.removeprefix("//") if rest.startswith("///") else rest
        return f"{path} is not for that" if _is_private(path, settings) else ""
    if kind in {"unix-abstract", "vsock"}:
        return f"{target} is this machine's own" if settings.clustered else ""
    hosts = [target]
    if kind == "dns":
        authority, _, last = rest.removeprefix("//").rpartition("/") if rest.startswith("//") else ("", "", rest)
        hosts = [one for one in (authority, last) if one]  # who is asked for the name, too
    elif kind in {"ipv4", "ipv6"}:
        hosts = rest.split(",")
    guard = guard_of(settings)
    for host in map(_without_port, hosts):
        one = host if is_ip(host) else meant(host)
        if one and (why := guard.refuses(one)):
            return f"{host} is not for that: {why}"
    return ""


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text if text.count(":") > 1 else text.partition(":")[0]


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
