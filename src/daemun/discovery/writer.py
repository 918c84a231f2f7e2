"""Carries out orders about Upstreams, each until it is done or there is another."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from daemun.base.names import Name
from daemun.flow import Collection, Delta
from daemun.ir.discovery import Order
from daemun.kube.errors import KubeError
from daemun.kube.pauses import growing

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_log = logging.getLogger(__name__)


class Upstreams(Protocol):
    """Where Upstreams are."""

    workers: int
    """How many orders may be carried out at once."""

    async def carry_out(self, name: Name, order: Order) -> None:
        """Do it. Raises KubeError or OSError if that fails."""
        ...


class UpstreamWriter:
    """Writes while it leads. Nothing is remembered of what was written: whoever reads the Upstreams brings it back, and
    the order is gone.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        orders: Collection[Name, Order],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._upstreams, self._orders, self._jitter = upstreams, orders, jitter
        self._leading = False
        self._due: dict[Name, None] = {}
        self._failures: dict[Name, int] = {}
        self._woken = asyncio.Event()
        orders.subscribe(self._changed)

    @property
    def pending(self) -> int:
        """How many orders are still to be carried out, those that failed among them."""
        return len(self._due) + len(self._failures)

    def lead(self, leading: bool) -> None:
        """Begin to write, or stop."""
        self._leading = leading
        self._failures.clear()
        self._due = dict.fromkeys(self._orders) if leading else {}
        self._woken.set()

    async def run(self) -> None:
        """Write, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._upstreams.workers):
                group.create_task(self._work())

    def _changed(self, delta: Delta[Name, Order]) -> None:
        for name, (_, new) in delta.items():
            self._failures.pop(name, None)
            if isinstance(new, Order):
                self._touch(name)
            else:
                self._due.pop(name, None)

    def _touch(self, name: Name) -> None:
        if self._leading:
            self._due[name] = None
            self._woken.set()

    async def _work(self) -> None:
        while True:
            while not self._due:
                self._woken.clear()
                await self._woken.wait()
            name = next(iter(self._due))
            del self._due[name]
            order = self._orders.get(name)
            if order is None:
                continue
            try:
                await self._upstreams.carry_out(name, order)
            except (KubeError, OSError) as error:
                self._failed(name, error)
            else:
                self._failures.pop(name, None)

    def _failed(self, name: Name, error: Exception) -> None:
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        if failures == 1:
            _log.warning("The Upstream %s, which is made of what is discovered, cannot be written: %s", name, error)
        pause = growing(failures, FIRST_PAUSE, LONGEST_PAUSE, self._jitter())

        def again() -> None:
            if self._failures.get(name) == failures:
                self._touch(name)

        asyncio.get_running_loop().call_later(pause, again)
