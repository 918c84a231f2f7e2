"""An account in a region: whoever wants machines of it is told by one question for all, which is asked again and again.

EC2 limits how often it is asked, by account and region, and not how much an answer has. So what all of them have in
common is asked for (a tag's values, while they are few), and each takes its own.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping

from daemun.fetch.client import Fetcher
from daemun.sources.aws.own import Own
from daemun.sources.aws.query import Element, Service
from daemun.sources.aws.roles import STS, Signer
from daemun.sources.registries.registry import RegistryError
from daemun.sources.signatures import Credentials

Filters = Mapping[str, frozenset[str]]
"""What machines must have, by the names of EC2's filters: of each name one of the values."""
_EC2 = "2016-11-15"
"""The version of its API."""
_PAGE, _MOST_PAGES, _MOST_VALUES = 1000, 100, 200
_GATHERING = 0.1
"""Seconds that a question waits for others, which begin when everything does."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
"""Seconds after a failure in which nobody asks again."""


class Account:
    """Asks with credentials, or as a role that they may take on. `enter` it, and `leave`: the last one ends all."""

    def __init__(self, region: str, credentials: Credentials | Own, role: str, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._machines = Service("ec2", region, _EC2, fetcher)
        self._signer = Signer(credentials, role, Service("sts", region, STS, fetcher))
        self._users = 0
        self._wanted: list[Filters] = []
        self._turn = asyncio.Lock()
        self._held: list[Element] = []
        self._asked: Filters | None = None  # what was held is all that fits these
        self._at = 0.0
        self._pause, self._again = _FIRST_PAUSE, 0.0
        self._failed: RegistryError | None = None

    def enter(self) -> None:
        """One more registry or Upstream uses the account."""
        self._users += 1

    async def leave(self) -> None:
        """One less does; the last one ends its connections."""
        self._users -= 1
        if not self._users:
            await self._fetcher.close()

    @contextlib.contextmanager
    def wanting(self, filters: Filters) -> Iterator[None]:
        """In the block somebody wants machines with these."""
        self._wanted.append(filters)
        try:
            yield
        finally:
            self._wanted.remove(filters)

    async def machines(self, filters: Filters, seconds: float) -> tuple[list[Element], float]:
        """Machines, among them all with these, as they were at most so many seconds ago; and how long ago it was.
        Raises RegistryError.
        """
        async with self._turn:
            wait = self._again - time.monotonic()
            if self._failed is not None and wait > 0:
                raise RegistryError(self._failed.text, self._failed.mend, wait)
            if self._asked is None or not _within(filters, self._asked) or time.monotonic() >= self._at + seconds:
                await self._refresh()
            return self._held, time.monotonic() - self._at

    async def _refresh(self) -> None:
        await asyncio.sleep(_GATHERING)
        asked, at = _common(self._wanted), time.monotonic()
        try:
            self._held = await self._describe(asked)
        except RegistryError as error:
            self._again = time.monotonic() + max(self._pause, error.after)
            self._pause, self._failed = min(2 * self._pause, _LONGEST_PAUSE), error
            raise
        self._asked, self._at = asked, at
        self._pause, self._failed = _FIRST_PAUSE, None

    async def _describe(self, filters: Filters) -> list[Element]:
        params = {"MaxResults": str(_PAGE)}
        for index, (name, values) in enumerate(sorted(filters.items()), 1):
            params[f"Filter.{index}.Name"] = name
            params |= {f"Filter.{index}.Value.{at}": _literal(value) for at, value in enumerate(sorted(values), 1)}
        found: list[Element] = []
        for _ in range(_MOST_PAGES):
            answer = await self._signer.ask(lambda by: self._machines.ask(by, "DescribeInstances", params))
            found += answer.all("reservationSet", "item", "instancesSet", "item")
            if not (token := answer.text("nextToken")):
                return found
            params["NextToken"] = token
        raise RegistryError(f"more than {_PAGE * _MOST_PAGES} machines are meant", "Give filters that leave fewer.")


def _within(filters: Filters, asked: Filters) -> bool:
    """Whether all machines with the filters were asked for."""
    return all(name in filters and filters[name] <= values for name, values in asked.items())


def _common(wanted: list[Filters]) -> Filters:
    """What the machines have that anybody wants; little is left of it where they have little in common."""
    names = frozenset.intersection(*(frozenset(one) for one in wanted)) if wanted else frozenset()
    found = {name: frozenset[str]().union(*(one[name] for one in wanted)) for name in names}
    return {name: values for name, values in found.items() if len(values) <= _MOST_VALUES}


def _literal(text: str) -> str:
    """A value of a filter that means itself: EC2 has wildcards in them."""
    return "".join(f"\\{char}" if char in "*?\\" else char for char in text)
