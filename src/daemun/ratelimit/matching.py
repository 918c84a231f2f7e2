"""Which limits a request meets: Envoy's tree of descriptors, and Gloo's weights and sets.

A descriptor of a request meets the limit of the node of the tree that its entries lead to, one after the other; a value
that the tree names goes before a node for any value. A set is met by all that have its entries, in any order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

from daemun.ir.quotas import SET, Descriptor, Limits, Quota, SetDescriptor
from daemun.ratelimit.plan import Count, told

Entries = tuple[tuple[str, str], ...]
"""The keys and values of a descriptor."""
_PREFIX = b"daemun.limit:"


class Match:
    """A limit that a descriptor meets. It is a heavy one or one that always holds, or it gives way."""

    __slots__ = ("always", "count", "in_set", "weight")

    def __init__(self, count: Count, weight: int, always: bool, in_set: bool) -> None:
        self.count, self.weight, self.always, self.in_set = count, weight, always, in_set


class _Node:
    """The limit here, if there is one, and the nodes below by key and value."""

    __slots__ = ("below", "limit")

    def __init__(self, limit: Descriptor | None, below: Sequence[Descriptor]) -> None:
        self.limit = limit
        self.below: dict[tuple[str, str], _Node] = {}
        for one in below:
            self.below.setdefault((one.key, one.value), _Node(one, one.descriptors))


class Matcher:
    """The limits of one object."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._root = _Node(None, limits.descriptors)
        self._sets = tuple((_wanted(one), one) for one in limits.sets if one.quota is not None)

    def matches(self, entries: Entries) -> Iterator[Match]:
        """The limits that a descriptor of a request meets."""
        if entries[:1] == (SET,):
            yield from self._of_sets(entries[1:])
        else:
            yield from self._of_tree(entries)

    def _of_tree(self, entries: Entries) -> Iterator[Match]:
        node: _Node | None = self._root
        for key, value in entries:
            node = node.below.get((key, value)) or node.below.get((key, "")) if node else None
        limit = node.limit if node else None
        if limit is not None and limit.quota is not None:
            count = count_of(self.limits.name, "tree", entries, limit.quota)
            yield Match(count, limit.weight, limit.always, in_set=False)

    def _of_sets(self, entries: Entries) -> Iterator[Match]:
        has = dict(entries)
        met = False
        for wanted, one in self._sets:
            if one.quota is None or (met and not one.always) or not _fits(wanted, has):
                continue
            met = met or not one.always
            own = tuple((key, has[key]) for key in sorted(wanted))
            yield Match(count_of(self.limits.name, "set", own, one.quota), 0, one.always, in_set=True)


class Domain:
    """The limits of all objects of a domain. Those that a descriptor cannot meet are not looked at."""

    def __init__(self, limits: Iterable[Limits]) -> None:
        self._trees: dict[tuple[str, str], list[Matcher]] = {}
        self._sets: dict[tuple[str, str], list[Matcher]] = {}
        self._open: list[Matcher] = []
        """Those with a set that names no value."""
        for matcher in map(Matcher, limits):
            for one in dict.fromkeys((one.key, one.value) for one in matcher.limits.descriptors):
                self._trees.setdefault(one, []).append(matcher)
            named = [next((entry for entry in one.entries if entry[1]), None) for one in matcher.limits.sets]
            if None in named:
                self._open.append(matcher)
                continue
            for entry in dict.fromkeys(named):
                if entry is not None:
                    self._sets.setdefault(entry, []).append(matcher)

    def matches(self, entries: Entries) -> list[Match]:
        """The limits that a descriptor of a request meets."""
        if not entries:
            return []
        if entries[0] == SET:
            found = [one for entry in entries[1:] for one in self._sets.get(entry, ())] + self._open
        else:
            found = [*self._trees.get(entries[0], ())]
            if entries[0][1]:
                found += self._trees.get((entries[0][0], ""), ())
        return [match for one in dict.fromkeys(found) for match in one.matches(entries)]


def holding(found: Sequence[Sequence[Match]]) -> list[list[Count]]:
    """Of the limits that the descriptors of a request meet those that hold: the heaviest, and those that always do.

    Sets have no weights, and take no part in it.
    """
    weights = [one.weight for own in found for one in own if not one.in_set]
    heaviest = max(weights, default=0)
    return [[one.count for one in own if one.in_set or one.always or one.weight == heaviest] for own in found]


def count_of(name: str, kind: str, entries: Entries, quota: Quota) -> Count:
    """The count of these entries. It stays the same when a quota has other requests, and is new with another window."""
    window = f"{quota.seconds}{'~' if quota.sliding else ''}"
    # Every part has its length before it, so that no two lists of parts are the same bytes.
    parts = (name, kind, window, *(part for entry in entries for part in entry))
    text = b"".join(b"%d:%b" % (len(part), part) for part in (one.encode(errors="surrogatepass") for one in parts))
    return Count(_PREFIX + blake2b(text, digest_size=16).digest(), quota, told(quota))


def _wanted(one: SetDescriptor) -> Mapping[str, str]:
    return dict(one.entries)


def _fits(wanted: Mapping[str, str], has: Mapping[str, str]) -> bool:
    return all(key in has and value in ("", has[key]) for key, value in wanted.items())
