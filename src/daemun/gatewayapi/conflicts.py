"""HTTPRoute against GRPCRoute: on one listener the two kinds may not share hosts; the older route stays.

(Gateway API, GRPCRoute.spec.hostnames: "the implementation MUST accept exactly one of these two routes".)
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from daemun.base.names import Name, Ref
from daemun.flow import Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.hostnames import intersection, parents
from daemun.gatewayapi.kinds import ROUTE_KINDS
from daemun.gatewayapi.parents import Candidate
from daemun.gatewayapi.resolved import Attachment


class HostUse(NamedTuple):
    """A kind of route that has hosts at or below `host` on a listener; `host` is None for any hosts at all."""

    gateway: Name
    listener: str
    kind: str
    host: str | None
    below: bool = False


@functools.lru_cache(maxsize=4096)
def _any_host(gateway: Name, listener: str, kind: str) -> HostUse:
    """Shared by all the routes that ask for it."""
    return HostUse(gateway, listener, kind, None)


UseIndex = Index[HostUse, Ref, Candidate]


def host_uses(ref: Ref, candidate: Candidate) -> Iterator[HostUse]:
    """Where a candidate is found: by each of its hosts, by everything above them, and by its listeners."""
    for attachment in candidate.attachments:
        at = (attachment.gateway, attachment.listener, ref.kind)
        yield _any_host(*at)
        for host in attachment.hosts:
            yield HostUse(*at, host)
            for above in parents(host)[1:]:
                yield HostUse(*at, above, below=True)


def rival(reader: Reader, uses: UseIndex, mine: Candidate, attachment: Attachment) -> Finding | None:
    """The older route of another kind that has one of this route's hosts already."""
    for kind in ROUTE_KINDS:
        if kind.kind == mine.ref.kind:
            continue
        at = (attachment.gateway, attachment.listener, kind.kind)
        if not reader.count(uses, _any_host(*at)):
            continue
        for host in attachment.hosts:
            for other in _at_host(reader, uses, at, host):
                if _older(other, mine) and _stays(reader, uses, other, attachment, host):
                    text = f"the older {other.ref} shares host {host or '*'} on listener {attachment.listener}"
                    mend = "An HTTPRoute and a GRPCRoute cannot share hosts on one listener."
                    return Finding("NotAllowedByListeners", "spec.hostnames", text, mend)
    return None


def _at_host(reader: Reader, uses: UseIndex, at: tuple[Name, str, str], host: str) -> Iterator[Candidate]:
    """The routes of a kind on a listener whose hosts may be those of `host`."""
    for above in parents(host):
        yield from reader.find(uses, HostUse(*at, above))
    if not host or host.startswith("*."):
        yield from reader.find(uses, HostUse(*at, host, below=True))


def _older(other: Candidate, mine: Candidate) -> bool:
    return (*other.resource.age, other.ref.kind) < (*mine.resource.age, mine.ref.kind)


def _stays(reader: Reader, uses: UseIndex, other: Candidate, attachment: Attachment, host: str) -> bool:
    """Whether the other route shares the host on this listener, and did not itself lose to one that is older still."""
    for at in other.attachments:
        if (at.gateway, at.listener) == (attachment.gateway, attachment.listener):
            shared = any(intersection(theirs, host) is not None for theirs in at.hosts)
            return shared and rival(reader, uses, other, at) is None
    return False
