"""Routes that almost took the request: the same match, but another hostname, another listener, or not attached."""

from collections.abc import Iterator

from daemun.envoy.routes import hosts_of
from daemun.explain.matching import misses
from daemun.explain.naming import called
from daemun.explain.normalise import Seen
from daemun.explain.place import Place
from daemun.explain.result import Near
from daemun.gatewayapi.hostnames import covers
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import HostKey, Listener
from daemun.ir.route import Match, RouteKey
from daemun.translate import Translation

_SHOWN = 5


def near_misses(
    translation: Translation,
    place: Place,
    host: HostKey | None,
    mine: Listener | None,
    seen: Seen,
    won: RouteKey | None,
) -> tuple[Near, ...]:
    """A handful of routes that people will ask about. `host` is the virtual host that was chosen, `won` its winner.

    Routes of other hosts are told of only when nobody takes the request: they are many, and it is not theirs.
    """
    found: dict[RouteKey, tuple[int, RouteKey, Near]] = {}
    for resolved in translation.routes.values():
        key = resolved.whole
        told = None if key == won else _told(resolved, place, host, mine, seen)
        if told is not None and (won is None or told[0] < _OTHER_HOST):
            near = (told[0], key, Near(resolved.ref, told[1], told[2], resolved.through))
            found[key] = min(found.get(key, near), near, key=lambda one: one[0])
    nearest = sorted(found.values(), key=lambda one: one[:2])
    return tuple(near for _, _, near in nearest[:_SHOWN])


_SAME_HOST, _NOT_ATTACHED, _OTHER_PORT, _OTHER_HOST = range(4)


def _told(
    resolved: ResolvedRoute, place: Place, host: HostKey | None, mine: Listener | None, seen: Seen
) -> tuple[int, str, str] | None:
    """How near the route came, the field that kept it away, and why it did not take the request."""
    if all(parent.proxy != place.key.proxy for parent in resolved.parents):
        return None
    if _is_candidate(resolved, place, host, mine):
        if resolved.dropped:
            finding = resolved.dropped[0]
            return _SAME_HOST, finding.where, f"part of it cannot be served: {finding}"
        return None
    match = _fitting(resolved, seen)
    if match is None:
        return None
    if not any(covers(hostname, seen.hostname) for hostname in resolved.route.hostnames or ("",)):
        hostnames = ", ".join(resolved.route.hostnames)
        why = f"it would match, but its hostnames ({hostnames}) do not cover {seen.hostname or 'an empty host'}"
        return _OTHER_HOST, "spec.hostnames", why
    return next(iter(_not_here(resolved, place, host, mine, seen)), None)


def _not_here(
    resolved: ResolvedRoute, place: Place, host: HostKey | None, mine: Listener | None, seen: Seen
) -> Iterator[tuple[int, str, str]]:
    """Why a route that would match, hostname and all, is not part of the virtual host."""
    here = [one for one in resolved.attachments if one.frontend == place.key]
    for one in here:
        covered = [hostname for hostname in one.hosts if covers(hostname, seen.hostname)]
        if not covered:
            continue
        if mine is not None and not one.is_to(mine):
            owner = f"{called(mine.origin.ref, mine.name)} ({mine.hostname or 'any host'})"
            theirs = called(one.owner, one.listener)
            why = f"it would match, but is attached to {theirs}; the host belongs to {owner}"
            yield _SAME_HOST, "spec.parentRefs", why
        elif host is not None:
            why = (
                f"it would match, but its host {covered[0] or '*'} is less specific than {host.hostname or '*'}, "
                f"which has routes of its own"
            )
            yield _SAME_HOST, "spec.hostnames", why
    for parent in resolved.parents:
        if parent.proxy == place.key.proxy and parent.refused:
            finding = parent.refused[0]
            yield _NOT_ATTACHED, finding.where, f"it would match, but is not attached: {finding}"
    if not here:
        ports = sorted({one.frontend.port for one in resolved.attachments if one.frontend.proxy == place.key.proxy})
        if ports:
            listed = ", ".join(str(port) for port in ports)
            yield _OTHER_PORT, "spec.parentRefs", f"it would match, but is attached to port {listed} only"


def _is_candidate(resolved: ResolvedRoute, place: Place, host: HostKey | None, mine: Listener | None) -> bool:
    if host is None or mine is None or not resolved.is_on(mine, place.key):
        return False
    return host in hosts_of(resolved.key, resolved)


def _fitting(resolved: ResolvedRoute, seen: Seen) -> Match | None:
    """A match of the route that the request fits."""
    matches = (match for rule in resolved.route.rules for match in rule.matches)
    return next((match for match in matches if not any(misses(match, seen))), None)
