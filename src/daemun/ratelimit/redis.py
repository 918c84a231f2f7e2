"""Counts in a Redis that all replicas share. A script decides (script.lua), so that they are exact across replicas."""

import functools
import hashlib
from collections.abc import Sequence
from importlib.resources import files

import msgspec
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

from daemun.ratelimit.plan import Hit
from daemun.ratelimit.store import SLICES, Asked, Decided, StoreError

SECONDS = 0.25
"""How long Redis may take for an answer: Envoy waits for it, and no longer than that by far."""
_CONNECTIONS = 8
_SCRIPT = files(__package__).joinpath("script.lua").read_text()
_DIGEST = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[list[int]]).decode


class RedisStore:
    """At a URL (redis:, rediss:, unix:) or `host:port`. It is connected to when it is needed; nothing is sent twice."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url if "://" in url else f"redis://{url}",
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),  # what was sent may have been counted
            max_connections=_CONNECTIONS,
            protocol=2,  # which every Redis and Valkey speaks, without a word before it
            timeout=seconds,
        )
        self._client = redis.Redis(connection_pool=pool)

    async def decide(self, asked: Sequence[Asked]) -> Sequence[Decided]:
        """As Store."""
        places: dict[bytes, int] = {}
        quotas: list[tuple[int, int, int, int]] = []
        plans: list[list[int]] = []
        for plan, requests in asked:
            said = [requests]
            for hit in plan.hits:
                name = hit.count.name
                place = places.get(name)
                if place is None:
                    quotas.append(_quota(hit))
                    place = places[name] = len(quotas)  # Lua counts from one
                said += (place, hit.hits)
            plans.append(said)
        try:
            answer = await self._run(tuple(places), _encode((quotas, plans)))
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, ReadOnlyError):  # it is no master any more: ask for one anew
                await self._client.connection_pool.disconnect(inuse_connections=False)
            raise StoreError(f"Redis fails: {type(error).__name__}") from None
        return _decided(asked, answer)

    async def close(self) -> None:
        """As Store."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def _run(self, names: tuple[bytes, ...], said: bytes) -> object:
        try:
            return await self._client.evalsha(_DIGEST, len(names), *names, said)
        except NoScriptError:
            return await self._client.eval(_SCRIPT, len(names), *names, said)


@functools.lru_cache(maxsize=4096)
def _quota(hit: Hit) -> tuple[int, int, int, int]:
    quota = hit.count.quota
    return quota.requests, quota.seconds * 1000, SLICES if quota.sliding else 0, int(quota.shadow)


def _decided(asked: Sequence[Asked], answer: object) -> list[Decided]:
    try:
        found = _decode(answer) if isinstance(answer, bytes) else []
    except msgspec.MsgspecError:
        found = []
    if [len(one) for one in found] != [1 + 2 * len(one.plan.hits) for one in asked]:
        raise StoreError("Redis does not answer as it should")
    return [Decided(one[0], list(zip(one[1::2], one[2::2], strict=True))) for one in found]
