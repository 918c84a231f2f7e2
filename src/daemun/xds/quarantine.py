"""Finding the one leaf that Envoy rejects, and keeping it out of everybody else's way.

Envoy says that a response was bad, not which piece of it. So the pieces it had not acknowledged before are
*suspects*: they are withheld (an earlier leaf or a fallback takes their place) and tested in ever smaller groups,
first half first. Earlier groups that were good stay in, so pieces that only clash with each other are found, too.
What is rejected alone is a *culprit* and stays withheld as long as its data is what was rejected; it is tried again
when it changes, and now and then, because some rejections pass (a port in use).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER
from daemun.xds.client import Client
from daemun.xds.events import Event, Rejected, Restored
from daemun.xds.leaves import LeafKey
from daemun.xds.words import in_use, reason

FIRST_RETRY = 5.0
LAST_RETRY = 60.0
"""Seconds until a culprit is tried again: the first delay, doubled each time up to the last."""
SOON = 0.1
"""The first delay where a port is in use: whoever has it may be about to leave it."""

Data = bytes | str
"""What identifies the content of a suspect: a leaf's bytes, a resource's version."""


class Suspect(NamedTuple):
    """A leaf of a resource; or the resource as a whole (no part, no key), when none of its leaves can be blamed."""

    resource: str
    part: str | None
    key: LeafKey | None


class Culprit(msgspec.Struct):
    """A suspect that Envoy rejected by itself."""

    data: Data
    origin: Origin
    message: str
    delay: float
    retry_at: float | None
    """None while a test of it is under way or queued."""
    hearsay: bool = False
    """Another client has rejected it: this one was not asked yet."""


class Quarantine:
    """The suspects and culprits of one type in one stream. What its `client` neither has nor is being sent cannot be
    tested.
    """

    def __init__(self, client: Client, events: list[Event]) -> None:
        self._type_url = client.type_url
        self._events = events
        self._client = client
        self._withheld: dict[tuple[str, str | None], dict[LeafKey | None, Data]] = {}
        self._groups: list[list[Suspect]] = []
        self._queued: Counter[str] = Counter()
        self._culprits: dict[str, dict[Suspect, Culprit]] = {}
        self.tested: frozenset[str] = frozenset()
        """The resources with suspects in the response that is made now: unless they are sent, it is no test."""

    # What is withheld

    def withheld(self, resource: str, part: str) -> dict[LeafKey | None, Data]:
        """The leaves of a part that must not be sent, if they are still these."""
        return self._withheld.get((resource, part), {})

    def frozen(self, resource: str, version: str) -> bool:
        """Whether the resource as a whole must not be sent in this version."""
        return self._withheld.get((resource, None), {}).get(None) == version

    def testing(self, resource: str | None = None) -> bool:
        """Whether tests are still to be made, at all or of this resource."""
        return self._queued[resource] > 0 if resource is not None else bool(self._groups)

    def blames(self, resource: str) -> bool:
        """Whether anything of this resource is rejected."""
        return resource in self._culprits

    def said(self, one: Suspect, data: Data) -> str:
        """What Envoy said of this, if it is known to reject it."""
        culprit = self._culprits.get(one.resource, {}).get(one)
        return culprit.message if culprit and culprit.data == data else ""

    def culprits(self) -> Iterator[Rejected]:
        """All that is rejected."""
        for resource, found in self._culprits.items():
            for culprit in found.values():
                yield Rejected(culprit.origin, self._type_url, resource, culprit.message)

    # Tests

    def suspect(self, suspects: dict[Suspect, Data], message: str) -> None:
        """Envoy rejected these together: withhold them all, and test them in two groups; one alone by itself.

        Resources that Envoy's text names are tested after the others, which are probably good.
        """
        every = list(suspects)
        named = {one.resource for one in every if one.resource in message}
        left = [one for one in every if one.resource not in named]
        if not left or len(left) == len(every):
            left = every[: len(every) // 2]
        chosen = set(left)
        self._queue({one: suspects[one] for one in every if one not in chosen})
        if left:
            self._queue({one: suspects[one] for one in left})

    def again(self, one: Suspect, data: Data) -> None:
        """Test it once more: something else may be at fault."""
        self._queue({one: data})

    def recall(self, suspects: dict[Suspect, bytes]) -> None:
        """The client is said to have refused each of these: withhold and test them, but those that are known."""
        for one, data in suspects.items():
            if one not in self._culprits.get(one.resource, {}) and self._withheld_as(one) is None:
                self._queue({one: data})

    def next_resources(self) -> set[str]:
        """The resources of the suspects that are tested next."""
        return {one.resource for one in self._groups[-1]} if self._groups else set()

    def next_group(self, current: Callable[[Suspect], Data | None]) -> list[Suspect]:
        """The next suspects to test, without those that are gone; they are withheld no longer."""
        group = self._groups.pop()
        for one in group:
            self._queued[one.resource] -= 1
            if not self._queued[one.resource]:
                del self._queued[one.resource]
            self._release(one)
        self.tested = frozenset(one.resource for one in group)
        return [one for one in group if current(one) is not None]

    def retry(self, now: float, current: Callable[[Suspect], Data | None]) -> None:
        """Queue a test of each culprit whose time has come: one by one, but all that is hearsay at once."""
        hearsay: dict[Suspect, Data] = {}
        for resource in [one for one in self._culprits if one in self._client]:
            for one, culprit in self._culprits[resource].items():
                if culprit.retry_at is None or culprit.retry_at > now:
                    continue
                data = current(one)
                if culprit.hearsay and data is not None and not self._client.brought(resource):
                    culprit.retry_at = None
                    hearsay[one] = data
                else:
                    self._try(one, culprit, data)
        if hearsay:
            self._queue(hearsay)

    def doubt(self, now: float) -> None:
        """The client has all else, so what is hearsay can be tested; but not what it brought with it.

        Clusters that it refuses would hold up all others, and those the listeners of a client that starts.
        """
        at = now + (FIRST_RETRY if self._type_url == CLUSTER else 0.0)
        for resource in self._culprits:
            if resource not in self._client or self._client.brought(resource):
                continue
            for culprit in self._culprits[resource].values():
                if culprit.hearsay and culprit.retry_at is not None:
                    culprit.retry_at = min(culprit.retry_at, at)

    def deadline(self) -> float | None:
        """When `retry` has something to do."""
        every = (one for name, found in self._culprits.items() if name in self._client for one in found.values())
        return min((one.retry_at for one in every if one.retry_at is not None), default=None)

    # Verdicts

    def condemn(self, one: Suspect, data: Data, origin: Origin, message: str, now: float) -> None:
        """Envoy rejected this by itself."""
        message = reason(message)
        first = SOON if in_use(message) else FIRST_RETRY
        before = self._culprits.get(one.resource, {}).get(one)
        delay = min(before.delay * 2, LAST_RETRY) if before and before.data == data else first
        self._culprits.setdefault(one.resource, {})[one] = Culprit(data, origin, message, delay, now + delay)
        self._withhold(one, data)
        if before is None or before.data != data or before.message != message:
            self._events.append(Rejected(origin, self._type_url, one.resource, message))

    def review(self, resource: str, current: Callable[[Suspect], Data | None]) -> None:
        """The resource has changed: culprits that are gone are forgotten, those that were mended tested."""
        for one, culprit in list(self._culprits.get(resource, {}).items()):
            data, withheld = current(one), self._withheld_as(one)
            if data is None or (data != culprit.data and resource not in self._client):
                self._acquit(one)
            elif data != culprit.data and data != withheld:
                self._try(one, culprit, data)
            elif data == culprit.data and withheld is not None:
                self._withhold(one, data)  # mended and unmended again before it was tested

    def acked(self, resource: str) -> None:
        """The client took the resource: what was in it is not withheld any more and was good."""
        for one in list(self._culprits.get(resource, {})):
            if self._withheld_as(one) is None:
                self._acquit(one)

    def drop(self, resource: str) -> None:
        """The client has no use for the resource any more."""
        for one in list(self._culprits.get(resource, {})):
            self._acquit(one)

    def forget(self) -> None:
        """The client has long asked for all that it has a use for."""
        for resource in list(self._culprits):
            if resource not in self._client:
                self.drop(resource)

    def places(self) -> Iterator[tuple[str, str]]:
        """The parts (resource, part) of which something is rejected."""
        for found in self._culprits.values():
            yield from {(one.resource, one.part): None for one in found if one.part is not None}

    def adopt(self, other: "Quarantine", current: Callable[[Suspect], Data | None]) -> None:
        """Take over what another stream of this proxy has found: it need not be found again."""
        for resource, found in other._culprits.items():  # noqa: SLF001 - the same class
            for one, culprit in found.items():
                soon = culprit.retry_at
                if soon is None:
                    soon = 0.0
                copy = Culprit(culprit.data, culprit.origin, culprit.message, culprit.delay, soon, hearsay=True)
                self._culprits.setdefault(resource, {})[one] = copy
                self._withhold(one, culprit.data)
                self._events.append(Rejected(culprit.origin, self._type_url, resource, culprit.message))
            self.review(resource, current)

    # How it is kept

    def _try(self, one: Suspect, culprit: Culprit, data: Data | None) -> None:
        culprit.retry_at = None
        if data is not None:
            self._queue({one: data})

    def _queue(self, group: dict[Suspect, Data]) -> None:
        for one, data in group.items():
            self._withhold(one, data)
            self._queued[one.resource] += 1
        self._groups.append(list(group))

    def _withhold(self, one: Suspect, data: Data) -> None:
        self._withheld.setdefault((one.resource, one.part), {})[one.key] = data

    def _withheld_as(self, one: Suspect) -> Data | None:
        return self._withheld.get((one.resource, one.part), {}).get(one.key)

    def _release(self, one: Suspect) -> None:
        leaves = self._withheld.get((one.resource, one.part), {})
        leaves.pop(one.key, None)
        if not leaves:
            self._withheld.pop((one.resource, one.part), None)

    def _acquit(self, one: Suspect) -> None:
        culprit = self._culprits[one.resource].pop(one)
        if not self._culprits[one.resource]:
            del self._culprits[one.resource]
        self._release(one)
        # Several leaves of a resource can have one origin: it is restored when the last of them is.
        rest = self._culprits.get(one.resource, {}).values()
        if all(other.origin != culprit.origin for other in rest):
            self._events.append(Restored(culprit.origin, self._type_url, one.resource))
