"""Buckets of tokens, as Gloo's API has them and Envoy's local rate limits take them."""

from collections.abc import Iterable

from envoy.type.v3 import token_bucket_pb2

from daemun.api.gloo.ratelimit import TokenBucket
from daemun.base.durations import nanoseconds
from daemun.features.feature import Fault
from daemun.features.times import duration, duration_faults

_LEAST = 50_000_000
"""Envoy fills no bucket more often (nanoseconds)."""


def bucket_faults(bucket: TokenBucket, where: str) -> Iterable[Fault]:
    """A bucket that Envoy would not take."""
    if not bucket.max_tokens:
        yield f"{where}.maxTokens", "is missing", "Say how many requests may pass at once."
    if bucket.tokens_per_fill == 0:
        yield f"{where}.tokensPerFill", "is 0, so that nothing passes once the bucket is empty", "Use at least 1."
    found = list(duration_faults(bucket.fill_interval, f"{where}.fillInterval"))
    yield from found
    if not found and bucket.fill_interval and nanoseconds(bucket.fill_interval) < _LEAST:
        yield f"{where}.fillInterval", f"{bucket.fill_interval} is too short", "Use at least 50ms."


def put_bucket(bucket: TokenBucket, proto: token_bucket_pb2.TokenBucket) -> None:
    """As Envoy has it: one token a second, if nothing is said."""
    proto.max_tokens = bucket.max_tokens
    proto.tokens_per_fill.value = bucket.tokens_per_fill or 1
    proto.fill_interval.CopyFrom(duration(bucket.fill_interval or "1s"))
