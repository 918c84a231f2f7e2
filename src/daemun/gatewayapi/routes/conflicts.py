"""HTTPRoute against GRPCRoute: on one listener the two kinds may not share hosts; the older route stays.

(Gateway API, GRPCRoute.spec.hostnames: "the implementation MUST accept exactly one of these two routes".)
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from daemun.base.names import Ref
from daemun.flow import Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.hostnames import intersection, parents
from daemun.gatewayapi.resolved import Attachment
from daemun.gatewayapi.routes.kinds import RIVALS
from daemun.gatewayapi.routes.parents import Candidate


class HostUse(NamedTuple):
    """A kind of route that has hosts at or below `host` on a listener; `host` is None for any hosts at all."""

    owner: Ref
    listener: str
    kind: str
    host: str | None
    below: bool = False


@functools.lru_cache(maxsize=4096)
def _shared(owner: Ref, listener: str, kind: str, host: str | None = None, *, below: bool = False) -> HostUse:
    """What many routes ask for: any host, or what is above theirs."""
    return HostUse(owner, listener, kind, host, below)


UseIndex = Index[HostUse, Ref, Candidate]


def host_uses(ref: Ref, candidate: Candidate) -> Iterator[HostUse]:
    """Where a candidate is found: by each of its hosts, by everything above them, and by its listeners."""
    for attachment in candidate.attachments:
        at = (attachment.owner, attachment.listener, ref.kind)
        yield _shared(*at)
        for host in attachment.hosts:
            yield HostUse(*at, host)
            for above in parents(host)[1:]:
                yield _shared(*at, above, below=True)


def rival(reader: Reader, uses: UseIndex, mine: Candidate, attachment: Attachment) -> Finding | None:
    """The older route of another kind that has one of this route's hosts already, and did not itself lose to one.

    Routes are decided oldest first, without recursion: a chain of routes that overlap can be as long as a tenant likes.
    """
    at = (attachment.owner, attachment.listener)
    older: dict[Ref, list[Candidate]] = {}
    todo = [mine]
    known = {mine.ref: mine}
    while todo:
        one = todo.pop()
        older[one.ref] = list(_older_rivals(reader, uses, one, at))
        new = {other.ref: other for other in older[one.ref] if other.ref not in known}
        known.update(new)
        todo.extend(new.values())
    stays: dict[Ref, bool] = {}
    for one in sorted(known.values(), key=_age):
        stays[one.ref] = not any(stays[other.ref] for other in older[one.ref])
    winner = next((other for other in older[mine.ref] if stays[other.ref]), None)
    if winner is None:
        return None
    theirs = _hosts(winner, at)
    host = next(host for host in attachment.hosts if any(intersection(one, host) is not None for one in theirs))
    text = f"the older {winner.ref} shares host {host or '*'} on listener {attachment.listener}"
    mend = "An HTTPRoute and a GRPCRoute cannot share hosts on one listener."
    return Finding("NotAllowedByListeners", "spec.hostnames", text, mend)


def _older_rivals(reader: Reader, uses: UseIndex, mine: Candidate, at: tuple[Ref, str]) -> Iterator[Candidate]:
    """The older routes of other kinds that share a host with this one on a listener."""
    hosts = _hosts(mine, at)
    for kind in RIVALS[mine.ref.kind]:
        if not reader.count(uses, _shared(*at, kind)):
            continue
        for host in hosts:
            for other in _at_host(reader, uses, (*at, kind), host):
                if _age(other) < _age(mine) and any(intersection(one, host) is not None for one in _hosts(other, at)):
                    yield other


def _at_host(reader: Reader, uses: UseIndex, at: tuple[Ref, str, str], host: str) -> Iterator[Candidate]:
    """The routes of a kind on a listener whose hosts may be those of `host`."""
    for above in parents(host):
        yield from reader.find(uses, HostUse(*at, above))
    if not host or host.startswith("*."):
        yield from reader.find(uses, HostUse(*at, host, below=True))


def _age(one: Candidate) -> tuple[str, ...]:
    return (*one.resource.age, one.ref.kind)


def _hosts(one: Candidate, at: tuple[Ref, str]) -> tuple[str, ...]:
    return next((found.hosts for found in one.attachments if (found.owner, found.listener) == at), ())
