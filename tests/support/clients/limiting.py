"""Questions to the rate limit service, and limits to ask about."""

import asyncio
import time
from collections.abc import Sequence

from envoy.service.ratelimit.v3 import rls_pb2

from daemun.ir.quotas import Descriptor, Limits, Quota
from daemun.ratelimit.plan import Count, Hit, Plan, told
from daemun.service.unary.connection import Connection, Serve

METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
OK, OVER = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT


def question(*descriptors: Sequence[tuple[str, str]], domain: str = "shop", hits: int = 0) -> bytes:
    """A RateLimitRequest with these entries in its descriptors."""
    message = rls_pb2.RateLimitRequest(domain=domain, hits_addend=hits)
    for entries in descriptors:
        one = message.descriptors.add()
        for key, value in entries:
            one.entries.add(key=key, value=value)
    return bytes(message.SerializeToString())


def by_user(quota: Quota, domain: str = "shop") -> Limits:
    """A limit for each user."""
    return Limits("by-user", domain, (Descriptor("user", quota=quota),))


def plan_of(*hits: tuple[str, Quota, int]) -> Plan:
    """A plan with these counts."""
    return Plan(tuple(Hit(Count(name.encode(), quota, told(quota)), much) for name, quota, much in hits), ())


async def within_an_hour(seconds: float = 90.0) -> None:
    """Wait, if need be, until no hour ends within so many seconds: a fixed window would end with it."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        await asyncio.sleep(left + 0.1)


class Peer:
    """The other end of a connection without I/O."""

    def __init__(self, methods: dict[str, Serve]) -> None:
        self.connection = Connection(methods, lambda: None)

    def take(self) -> bytes:
        """What was sent."""
        out, self.connection.out = b"".join(self.connection.out), []
        return out
