"""The service: questions of Envoys, gathered while the store decides about those before them."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from google.protobuf.message import DecodeError

from daemun.ratelimit.answers import encoded, without
from daemun.ratelimit.plan import Plan
from daemun.ratelimit.plans import Plans
from daemun.ratelimit.store import Asked, Decided, Store, StoreError
from daemun.service.unary.connection import Call, Serve

METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
HEALTH = "/grpc.health.v1.Health/Check"
MOST_WAITING = 8_192
"""Questions that wait. Beyond them it is said at once that nobody knows: they would be answered too late."""
MOST_AT_ONCE = 512
"""Questions that the store is asked at once: Redis does nothing else meanwhile."""
_INVALID, _INTERNAL, _UNAVAILABLE = 3, 13, 14
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
_QUIET_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Service:
    """Answers `ShouldRateLimit`. `failures` is what could not be told, by why."""

    def __init__(self, plans: Plans, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._plans = plans
        self._store = store
        self._clock = clock
        self._waiting: deque[tuple[Plan, Call]] = deque()
        self._wake = asyncio.Event()
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By domain and outcome: ok, over_limit, error."""
        self.failures: Counter[str] = Counter()
        self.batches = 0
        self.seconds = 0.0
        """What the store took for all of them."""
        self._quiet_until = 0.0

    def methods(self) -> Mapping[str, Serve]:
        """What is served."""
        return {METHOD: self._ask, HEALTH: self._health}

    @property
    def waiting(self) -> int:
        """Questions that wait."""
        return len(self._waiting)

    async def run(self) -> None:
        """Decide, until cancelled. What has come by the time that the store answers is the next batch."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._decide(self._batch())

    def _ask(self, question: bytes, call: Call) -> None:
        try:
            plan = self._plans.of(question)
        except DecodeError:
            call.fail(_INVALID, "this is no RateLimitRequest")
            return
        if not plan.hits:
            if not self._plans.complete:
                self._failed(plan, call, "no limits yet")
                return
            self.decisions[plan.domain, "ok"] += 1
            call.answer(without(plan))
        elif len(self._waiting) >= MOST_WAITING:
            self._failed(plan, call, "overloaded")
        else:
            self._waiting.append((plan, call))
            self._wake.set()

    def _health(self, question: bytes, call: Call) -> None:
        del question
        call.answer(_SERVING if self._plans.complete else _NOT_SERVING)

    def _batch(self) -> dict[Plan, list[Call]]:
        """Questions by their plans, but for those that nobody waits for any more."""
        found: dict[Plan, list[Call]] = {}
        for _ in range(min(len(self._waiting), MOST_AT_ONCE)):
            plan, call = self._waiting.popleft()
            if not call.gone:
                found.setdefault(plan, []).append(call)
        return found

    async def _decide(self, batch: Mapping[Plan, Sequence[Call]]) -> None:
        if not batch:
            return
        began = self._clock()
        try:
            decided = await self._store.decide([Asked(plan, len(calls)) for plan, calls in batch.items()])
        except StoreError as error:
            self._note(str(error))
            for plan, calls in batch.items():
                for call in calls:
                    self._failed(plan, call, str(error))
            return
        finally:
            self.batches += 1
            self.seconds += self._clock() - began
        for (plan, calls), one in zip(batch.items(), decided, strict=True):
            self._answer(plan, calls, one)

    def _answer(self, plan: Plan, calls: Sequence[Call], decided: Decided) -> None:
        self.decisions[plan.domain, "ok"] += decided.admitted
        self.decisions[plan.domain, "over_limit"] += len(calls) - decided.admitted
        for place, call in enumerate(calls):
            call.answer(encoded(plan, decided, place))

    def _failed(self, plan: Plan, call: Call, why: str) -> None:
        self.decisions[plan.domain, "error"] += 1
        self.failures[why] += 1
        call.fail(_UNAVAILABLE, why)

    def _note(self, why: str) -> None:
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            _log.error("%s; proxies do what their policy says", why)
