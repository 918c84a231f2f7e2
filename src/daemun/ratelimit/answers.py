"""Answers as Envoy reads them (RateLimitResponse)."""

from daemun.base import wire
from daemun.ratelimit.plan import Hit, Plan
from daemun.ratelimit.store import Decided

_OK, _OVER = b"\x08\x01", b"\x08\x02"
_STATUS, _RESET, _HEADER = wire.tag(2), wire.tag(4), wire.tag(3)
_NOTHING = wire.delimited(_STATUS, _OK)
_RETRY_AFTER = wire.delimited(wire.tag(1), b"retry-after")


def without(plan: Plan) -> bytes:
    """That of a request which no limit concerns."""
    return _OK + _NOTHING * len(plan.descriptors)


def encoded(plan: Plan, decided: Decided, place: int) -> bytes:
    """That of the request at this place among those that were asked about at once."""
    let_in = place < decided.admitted
    before = min(place, decided.admitted)
    statuses = [_status(hit, *count, before, let_in) for hit, count in zip(plan.hits, decided.counts, strict=True)]
    out = [_OK if let_in else _OVER]
    for own in plan.descriptors:
        if not own:
            out.append(_NOTHING)
        elif len(own) == 1:
            out.append(statuses[own[0]][2])
        else:
            out.append(min(statuses[at] for at in own)[2])
    if not let_in:
        wait = max(ms for (over, _, _), (_, ms) in zip(statuses, decided.counts, strict=True) if over == 0)
        seconds = str(max(-(-wait // 1000), 1)).encode()
        out.append(wire.delimited(_HEADER, _RETRY_AFTER + wire.delimited(wire.tag(2), seconds)))
    return b"".join(out)


def _status(hit: Hit, had: int, reset: int, before: int, let_in: bool) -> tuple[int, int, bytes]:
    """The status of a count: 0 if it is why the request is refused, what remains, and the field of the answer.

    Of several counts of a descriptor the least of these says most.
    """
    quota = hit.count.quota
    used = had + (before + let_in) * hit.hits
    remaining = max(quota.requests - used, 0)
    over = not let_in and not quota.shadow and hit.hits > quota.requests - used
    seconds = wire.varint(-(-reset // 1000))
    left = b"\x18" + wire.varint(remaining) if remaining else b""
    ends = wire.delimited(_RESET, b"\x08" + seconds)
    return not over, remaining, wire.delimited(_STATUS, b"".join((_OVER if over else _OK, hit.count.told, left, ends)))
