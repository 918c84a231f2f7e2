"""What a version tells of the leaves that its client refuses.

Clients say on connecting which versions they have. Whoever knows nothing of a resource would have to try all of it, and
withhold what is good in it while looking for what is rejected. So a version with such leaves names them, by digests;
and, if only those are otherwise than they are wanted, the version that was wanted.
"""

from collections.abc import Collection
from typing import NamedTuple

from daemun.base.digest import digest

MOST = 16
"""Leaves that a version names. With more of them it names none."""
_MARK, _AND = "!", "."
_BITS = (1 << 64) - 1


class Marks(NamedTuple):
    """What a version tells: the content that it stands for, the version that was wanted (or nothing), the leaves."""

    sent: str
    wanted: str
    refused: frozenset[str]


def mark(content: bytes) -> str:
    """What a leaf is named by."""
    return f"{digest(content) & _BITS:016x}"


def marked(sent: str, wanted: str, refused: Collection[bytes]) -> str:
    """The version of this content, where these leaves are refused."""
    if not 0 < len(refused) <= MOST:
        return sent
    return _MARK.join((sent, wanted, _AND.join(sorted(map(mark, refused)))))


def marks(version: str) -> Marks | None:
    """What a version tells, if it names any leaves. It may be anything that a client says."""
    sent, *more = version.split(_MARK)
    if len(more) != 2 or not more[1]:
        return None
    return Marks(sent, more[0], frozenset(more[1].split(_AND)))


def plain(version: str) -> str:
    """What a version says of the content alone."""
    return version.partition(_MARK)[0]


def same(now: str, before: str) -> bool:
    """Whether a client with the version `before` need not be told `now`: content that is all good needs no new name."""
    return now in (before, plain(before))
