"""Derived collections: a rule, run once per input key and again when something it read has changed."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from daemun.flow.bags import count, items, put, take
from daemun.flow.collection import ALL, Collection, Index, Readers
from daemun.flow.values import LIGHT_STEP, MISSING, STEP, Delta, I, K, Missing, V

IK = TypeVar("IK", bound=Hashable)
IV = TypeVar("IV")
RK = TypeVar("RK", bound=Hashable)
RV = TypeVar("RV")
D = TypeVar("D")


class Reader:
    """What a rule may see of other collections. Every read is recorded as a dependency of the rule's input."""

    __slots__ = ("_key", "_node", "_rank", "reads")

    def __init__(self, node: "Derived[Any, Any, Any, Any]", key: Hashable) -> None:
        self._node = node
        self._rank = node.rank
        self._key = key
        self.reads: list[Any] = []
        """Bags, key, bags, key ..., each once."""

    def get(self, of: Collection[RK, RV], key: RK, default: D | None = None) -> RV | D | None:
        """One entry, or `default`."""
        self._note(of.rank, of.readers, key)
        return of.data.get(key, default)

    def find(self, index: Index[I, RK, RV], value: I) -> list[RV]:
        """The entries found under `value`, in the order of their keys."""
        keys = self.find_keys(index, value)
        if not keys:
            return []
        data = index.of.data
        return [data[key] for key in keys]

    def find_keys(self, index: Index[I, RK, RV], value: I) -> list[RK]:
        """The keys found under `value`, in order."""
        self._note(index.of.rank, index.readers, value)
        found = items(index.keys, value)
        return sorted(found) if found else []

    def count(self, index: Index[I, RK, RV], value: I) -> int:
        """How many entries are found under `value`."""
        self._note(index.of.rank, index.readers, value)
        return count(index.keys, value)

    def all(self, of: Collection[RK, RV]) -> Mapping[RK, RV]:
        """The whole collection: a dependency on every change of it, so only for small ones."""
        self._note(of.rank, of.readers, ALL)
        return of.data

    def _note(self, rank: int, readers: Readers, key: Hashable) -> None:
        if rank >= self._rank:
            raise RuntimeError("a rule may read only collections that were made before its own")
        bags = readers[self._node]
        if put(bags, key, self._key):
            self.reads += (bags, key)


Rule = Callable[[Reader, IK, IV], Iterable[tuple[K, V]]]
"""(reader, input key, input) to the entries that this input yields."""


class Derived(Collection[K, V], Generic[IK, IV, K, V]):
    """The entries that a rule yields for every entry of another collection."""

    def __init__(self, of: Collection[IK, IV], rule: Rule[IK, IV, K, V], name: str) -> None:
        super().__init__(of.graph, name)
        self.data: dict[K, V] = {}
        self._of = of
        self._rule = rule
        self._dirty: dict[IK, None] = {}
        self._outputs: dict[IK, tuple[K, ...]] = {}  # but not where it is just one, of the same key
        self._reads: dict[IK, tuple[Any, ...]] = {}  # bags, key, bags, key ...
        self._owners: dict[K, IK] = {}  # only where the keys differ
        of.followers.append(self._follow)
        if of.data:
            self._follow(of.data)

    def _follow(self, delta: Iterable[IK]) -> None:
        self._dirty.update(dict.fromkeys(delta))
        self.graph.wake(self.rank)

    def mark(self, key: Any) -> None:
        """Run the rule for this input again in this batch: something it read has changed."""
        self._dirty[key] = None
        self.graph.wake(self.rank)

    def edges(self) -> int:
        """How many reads are recorded; zero when every input is gone (leaks show here)."""
        return sum(len(reads) // 2 for reads in self._reads.values())

    def run(self, delta: Delta[K, V]) -> Iterator[None]:
        """Run the rule for every dirty input."""
        dirty, self._dirty = self._dirty, {}
        moved: list[tuple[IK, dict[K, V]]] = []
        for number, key in enumerate(dirty, 1):
            if not number % STEP:
                yield
            new = self._call(key)
            if new is None:
                continue
            if key not in self._outputs and key not in self._owners:  # what it yielded before is of its own key, if any
                if not new and key not in self.data:
                    continue
                if len(new) == 1 and key in new:
                    own: Any = key
                    self._put(delta, own, new[own])
                    continue
            # First every old output is released and only then the new ones are placed, so that an output key may
            # move from one input to another within a batch.
            for out in self._placed(key):
                if out not in new and self._owner(out) == key:
                    self._owners.pop(out, None)
                    delta[out] = (self.data.pop(out), MISSING)
            moved.append((key, new))
        for number, (key, new) in enumerate(moved, 1):
            if not number % LIGHT_STEP:
                yield
            self._place(delta, key, new)

    def _call(self, key: IK) -> dict[K, V] | None:
        """The rule's output for one input; None if it raised, which keeps what was there before."""
        value = self._of.data.get(key, MISSING)
        self._forget(key)
        if value is MISSING:
            self.graph.failures.pop((self.name, key), None)
            return {}
        reader = Reader(self, key)
        self.graph.calls += 1
        try:
            new = dict(self._rule(reader, key, value))
        except Exception as error:  # noqa: BLE001 - law 3: one bad input must not stop the others
            self.graph.fail(self.name, key, error)
            return None
        finally:
            # A rule that failed still depends on what it read, or it would never be tried again.
            if reader.reads:
                self._reads[key] = tuple(reader.reads)
        if self.graph.failures:
            self.graph.failures.pop((self.name, key), None)
        return new

    def _place(self, delta: Delta[K, V], key: IK, new: dict[K, V]) -> None:
        kept = []
        for out, value in new.items():
            owner = self._owner(out)
            if owner is not MISSING and owner != key:
                self.graph.fail(self.name, key, ValueError(f"{out!r} is yielded by {owner!r} and by {key!r}"))
                continue
            kept.append(out)
            if out != key:
                self._owners[out] = key
            self._put(delta, out, value)
        if kept and kept != [key]:
            self._outputs[key] = tuple(kept)

    def _put(self, delta: Delta[K, V], out: K, value: V) -> None:
        old: V | Missing = self.data.get(out, MISSING)
        if old is MISSING:
            if out in delta:  # it moved here from another input
                old = delta[out][0]
                if old == value:  # and is what it was: no change
                    self.data[out] = delta.pop(out)[0]  # type: ignore[assignment]  # equal to `value`, so not MISSING
                    return
        elif old == value:
            return
        self.data[out] = value
        delta[out] = (old, value)

    def _placed(self, key: IK) -> tuple[Any, ...]:
        """The outputs of an input, which are no longer remembered then."""
        outputs = self._outputs.pop(key, None)
        if outputs is not None:
            return outputs
        return (key,) if self._owner(key) == key else ()

    def _owner(self, out: Any) -> Any:
        """The input that an output comes from."""
        owner = self._owners.get(out, MISSING)
        return out if owner is MISSING and out in self.data else owner

    def _forget(self, key: IK) -> None:
        reads = self._reads.pop(key, None)
        if reads is None:
            return
        for place in range(0, len(reads), 2):
            take(reads[place], reads[place + 1], key)


def derive(of: Collection[IK, IV], rule: Rule[IK, IV, K, V], name: str | None = None) -> Derived[IK, IV, K, V]:
    """The collection of what `rule` yields for every entry of `of`."""
    return Derived(of, rule, name or str(getattr(rule, "__name__", "derived")))
