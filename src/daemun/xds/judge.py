"""What is to happen with each leaf of a part that a client does not have: whether it waits, and since when."""

from collections.abc import Mapping
from functools import cached_property

from daemun.base.names import Ref
from daemun.ir.resource import Filter, Leaf, Part
from daemun.xds.leaves import LeafKey, Verdict
from daemun.xds.quarantine import Data
from daemun.xds.stream import Stream
from daemun.xds.warm import Place


class Judge:
    """Judges the leaves of one part. Of those that are `cold` the clock goes on; `waits` is whether any waits."""

    def __init__(
        self, stream: Stream, place: Place, have: Part | None, withheld: Mapping[LeafKey | None, Data], now: float
    ) -> None:
        self._stream = stream
        self._place = place
        self._have = have
        self._withheld = withheld
        self._now = now
        self.cold: set[LeafKey] = set()
        self.waits = False

    def lacks(self, want: Part) -> bool:
        """Whether the client lacks anything that a leaf needs."""
        warmth, filters, barred = self._stream.warmth, self._stream.filters, self._stream.barred
        return bool(
            [one for leaf in want.leaves for one in leaf.needs if not warmth.is_warm(one)]
            or [one for leaf in want.leaves for one in leaf.filters if not filters.has(one)]
            or [leaf for leaf in want.leaves if leaf.side is not None and barred(leaf)]
            or [leaf for leaf in want.leaves if leaf.beside and self._awaited(leaf)]
        )

    def verdict(self, key: LeafKey, leaf: Leaf) -> Verdict:
        """What is to happen with it by itself."""
        stream = self._stream
        if self._withheld.get(key) == leaf.content:
            return Verdict.REPLACE
        clusters = [cluster for cluster in leaf.needs if not stream.warmth.is_warm(cluster)]
        lacking = [one for one in leaf.filters if not stream.filters.has(one)]
        bar = stream.barred(leaf)
        if not clusters and not lacking and bar is None:
            return self._beside(key, leaf) if leaf.beside else Verdict.SEND
        if self._stranded(leaf) and not lacking and bar is None:
            stream.holds.expect(self._place, clusters)
            return Verdict.REPLACE
        self.cold.add(key)
        needed = [*clusters, *lacking, *([bar] if bar else ())]
        over = not stream.holds.hold(self._place, key, leaf.origin.ref, needed, self._now)
        if over or any(map(stream.filters.refused, lacking)) or (bar and leaf.fallback):
            return Verdict.CLOSE if lacking or bar else Verdict.SEND
        return Verdict.HOLD

    def hold(self, key: LeafKey, leaf: Leaf) -> None:
        """It waits, be it for another one: what is to go elsewhere may stay for it."""
        self.waits = True
        self.cold.add(key)
        self._stream.holds.hold(self._place, key, leaf.origin.ref, (), self._now)

    def revoked(self, leaf: Leaf) -> bool:
        """Whether the client must not have this leaf any more: it refuses filters that it needs."""
        return any(map(self._stream.filters.refused, leaf.filters))

    def _beside(self, key: LeafKey, leaf: Leaf) -> Verdict:
        """What is to happen with one that lacks nothing itself."""
        awaited = self._awaited(leaf)
        if not awaited:
            return Verdict.SEND
        self.cold.add(key)
        waits = self._stream.holds.hold(self._place, key, leaf.origin.ref, awaited, self._now)
        return Verdict.HOLD if waits else Verdict.SEND

    def _awaited(self, leaf: Leaf) -> list[str | Filter]:
        """What a new leaf waits for because of others; what is refused does not come."""
        if (leaf.identity, leaf.origin.ref) in self._old:
            return []
        stream = self._stream
        clusters = [one for one in leaf.beside if isinstance(one, str)]
        filters = [one for one in leaf.beside if not isinstance(one, str)]
        return [
            *(one for one in clusters if not stream.warmth.is_warm(one) and not stream.refuses(one)),
            *(one for one in filters if not stream.filters.has(one) and not stream.filters.refused(one)),
        ]

    @cached_property
    def _old(self) -> set[tuple[bytes, Ref]]:
        """What the client has something of: for whom, and of which object."""
        return {(one.identity, one.origin.ref) for one in self._have.leaves} if self._have is not None else set()

    def _stranded(self, leaf: Leaf) -> bool:
        """Whether the client refuses a cluster that the leaf needs and has no other: it stays as it was, or closed.

        What covers others does not: it guards also without a cluster.
        """
        warmth, refuses = self._stream.warmth, self._stream.refuses
        closes = leaf.fallback and not leaf.covers
        return bool(closes) and any(refuses(one) and not warmth.is_warm(one) for one in leaf.needs)
