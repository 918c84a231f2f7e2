"""Matches that get no requests, since one before them in Envoy's order takes all that they would take."""

from collections.abc import Iterator

from daemun.base.names import Ref
from daemun.envoy.routes import Rank, hosts_of, rank
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import HostKey
from daemun.ir.problem import Problem
from daemun.ir.route import Match, ValueMatch
from daemun.translate import Translation

_COMPARED = 200
"""In longer lists a match is compared with those of its own path only, and not with the wide ones before it."""
_ALL_PATHS = (".*", "/.*", "^/.*$", "^.*$", "^/.*", "^.*")

Entry = tuple[Rank, ResolvedRoute, Ref, Match]


def shadowed(translation: Translation) -> Iterator[Problem]:
    """A warning for each match that gets nothing on any of its hosts."""
    by_host: dict[tuple[HostKey, tuple[Ref, str]], list[Entry]] = {}
    for key, route in translation.routes.items():
        if route.route.streams:
            continue
        hosts = set(hosts_of(key, route))
        entries = list(_entries(route))
        for attachment in route.attachments:
            for host in attachment.keys():  # noqa: SIM118 - no dictionary
                if host in hosts:
                    by_host.setdefault((host, (attachment.owner, attachment.listener)), []).extend(entries)
    alive: set[tuple[Ref, str]] = set()
    lost: dict[tuple[Ref, str], list[tuple[str, Ref, str]]] = {}
    for (host, _), entries in sorted(by_host.items()):
        entries.sort(key=lambda one: one[0])
        for author, where, winner in _judged(entries):
            if winner is None:
                alive.add((author, where))
            else:
                lost.setdefault((author, where), []).append((host.hostname or "*", winner[2], winner[3].where))
    for (author, where), found in sorted(lost.items()):
        if (author, where) not in alive:
            _, by, at = found[0]
            others = ", ".join(dict.fromkeys(name for name, _, _ in found[:3]))
            text = f"it gets no requests: {by} {at} takes them all on host {others}"
            mend = "Remove one of them; `daemun explain` with such a request says why that one counts."
            yield Problem(author, "Shadowed", where, text, mend, warning=True)


def _entries(route: ResolvedRoute) -> Iterator[Entry]:
    for at, rule in enumerate(route.route.rules):
        for index, match in enumerate(rule.matches):
            yield rank(route.route, match, at, index), route, route.route.author(rule), match


def _judged(entries: list[Entry]) -> Iterator[tuple[Ref, str, Entry | None]]:
    """Each match, with the one that takes all of its requests if there is one."""
    seen: dict[tuple[str, str, bool], list[Entry]] = {}
    wide: list[Entry] = []
    for entry in entries:
        match = entry[3]
        path = (match.path_type, match.path, match.any_case)
        before = [*seen.get(path, ()), *(wide if len(entries) <= _COMPARED else wide[:8])]
        winner = next((one for one in before if _takes_all(one[3], match)), None)
        yield entry[2], match.where, winner
        seen.setdefault(path, []).append(entry)
        if match.path_type in ("Prefix", "Start") or (match.path_type == "Regex" and match.path in _ALL_PATHS):
            wide.append(entry)


def _takes_all(first: Match, later: Match) -> bool:
    """Whether every request that fits the later match fits the first one too. In doubt not."""
    if first.method and first.method != later.method:
        return False
    values = (_within(first.headers, later.headers), _within(first.query, later.query))
    return all(values) and _path_within(first, later)


def _within(first: tuple[ValueMatch, ...], later: tuple[ValueMatch, ...]) -> bool:
    return all(one in later for one in first)


def _path_within(first: Match, later: Match) -> bool:
    if "Connect" in (first.path_type, later.path_type):
        return first.path_type == later.path_type
    if (first.path_type, first.path, first.any_case) == (later.path_type, later.path, later.any_case):
        return True
    if first.path_type == "Regex":
        return first.path in _ALL_PATHS
    if later.path_type == "Regex":
        return False
    path, wide = later.path, first.path
    if first.any_case:
        path, wide = path.lower(), wide.lower()
    elif later.any_case:
        return first.path == "/"
    if first.path_type == "Start":
        return path.startswith(wide)
    if first.path_type == "Prefix":
        bare = wide.rstrip("/")
        # What only begins with characters goes on where a path element does not end.
        return not bare or path.startswith(f"{bare}/") or (path.rstrip("/") == bare and later.path_type != "Start")
    return False
