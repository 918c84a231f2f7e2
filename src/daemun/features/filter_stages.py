"""Gloo's stages of HTTP filters: where in Daemun's order a filter stands that a listener puts into one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from daemun.api.gloo.common import FilterStage, FilterStageStage

_STAGES: tuple[str, ...] = get_args(FilterStageStage)
_FIRST: Mapping[str, str] = MappingProxyType(
    {
        "FaultStage": "gzip",
        "CorsStage": "CORS",
        "WafStage": "httpLocalRatelimit",
        "AuthNStage": "jwtStaged",
        "AuthZStage": "rbac",
        "RateLimitStage": "sessionPersistence",
        "AcceptedStage": "sessionPersistence",
        "OutAuthStage": "bufferPerRoute",
        "RouteStage": "bufferPerRoute",
    }
)
"""The kind of the first feature of each stage."""
_END = "RequestHeaderModifier"
"""The first one after all of them."""
ACCEPTED = FilterStage(stage="AcceptedStage")
"""After what guards: where Gloo puts a filter of which nothing is said."""


def before(stage: FilterStage) -> str:
    """The kind of feature before whose filters the stage is. What is in a stage is after the stage's own filters."""
    if stage.predicate == "Before":
        return _FIRST[stage.stage]
    later = _STAGES[_STAGES.index(stage.stage) + 1 :]
    return next((_FIRST[one] for one in later if _FIRST[one] != _FIRST[stage.stage]), _END)
