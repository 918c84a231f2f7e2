"""The status of RateLimitConfigs, in Gloo's shape, and what is wrong with them for people."""

from collections.abc import Iterator

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.status.problems import Problems, from_findings
from daemun.gloo.limits.configs import ResolvedLimits


def status_rule(_: Reader, __: Name, config: ResolvedLimits) -> Iterator[tuple[Ref, Status]]:
    """From a RateLimitConfig to its status."""
    yield config.ref, GlooStatus.of(map(str, config.errors))


def problem_rule(_: Reader, __: Name, config: ResolvedLimits) -> Iterator[tuple[Ref, Problems]]:
    """From a RateLimitConfig to what is wrong with it."""
    if config.errors:
        yield config.ref, from_findings(config.ref, config.errors)
