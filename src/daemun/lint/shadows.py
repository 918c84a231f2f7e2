"""Matches that get no requests, since one before them in Envoy's order takes all that they would take."""

from collections.abc import Iterator

from daemun.base.names import Ref
from daemun.envoy.routes import Standing, hosts_of, rank
from daemun.gatewayapi.hostnames import breadth
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import HostKey
from daemun.ir.problem import Problem
from daemun.ir.route import Match
from daemun.ir.shadows import takers
from daemun.translate import Translation

Entry = tuple[Standing, ResolvedRoute, Ref, Match]


def shadowed(translation: Translation) -> Iterator[Problem]:
    """A warning for each match that gets nothing on any of its hosts."""
    by_host: dict[tuple[HostKey, tuple[Ref, str]], list[Entry]] = {}
    for key, route in translation.routes.items():
        if route.route.streams:
            continue
        hosts = set(hosts_of(key, route))
        for attachment in route.attachments:
            for host in attachment.keys():  # noqa: SIM118 - no dictionary
                if host in hosts:
                    here = by_host.setdefault((host, (attachment.owner, attachment.listener)), [])
                    here.extend(_entries(route, host))
    alive: set[tuple[Ref, str]] = set()
    lost: dict[tuple[Ref, str], list[tuple[str, Ref, str]]] = {}
    for (host, _), entries in sorted(by_host.items()):
        entries.sort(key=lambda one: one[0])
        for (_, _, author, match), taker in zip(entries, takers([one[3] for one in entries]), strict=True):
            if taker is None:
                alive.add((author, match.where))
            else:
                winner = entries[taker]
                lost.setdefault((author, match.where), []).append((host.hostname or "*", winner[2], winner[3].where))
    for (author, where), found in sorted(lost.items()):
        if (author, where) not in alive:
            _, by, at = found[0]
            others = ", ".join(dict.fromkeys(name for name, _, _ in found[:3]))
            text = f"it gets no requests: {by} {at} takes them all on host {others}"
            mend = "Remove one of them; `daemun explain` with such a request says why that one counts."
            yield Problem(author, "Shadowed", where, text, mend, warning=True)


def _entries(route: ResolvedRoute, host: HostKey) -> Iterator[Entry]:
    broader = breadth(route.route.hostnames, host.hostname)
    for at, rule in enumerate(route.route.rules):
        for index, match in enumerate(rule.matches):
            yield (broader, rank(route.route, match, at, index)), route, route.route.author(rule), match
