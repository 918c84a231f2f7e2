"""Gloo's stages of filters: each leads to a place in Daemun's order, and none of them loses a filter."""

from typing import get_args

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.common import FilterStage, FilterStagePredicate, FilterStageStage
from daemun.features import http_filters
from daemun.features.drafts import Further
from daemun.features.filter_stages import before

STAGES = [
    FilterStage(stage=stage, predicate=predicate)
    for stage in get_args(FilterStageStage)
    for predicate in get_args(FilterStagePredicate)
]


def place(stage: FilterStage) -> tuple[int, list[str]]:
    """Where a filter in this stage stands among the others."""
    further = Further("extProc", before(stage), hcm_v3.HttpFilter(name="mine"))
    names = [one.name for one in http_filters([further])]
    return names.index("mine"), names


@pytest.mark.parametrize("stage", STAGES, ids=lambda one: f"{one.predicate} {one.stage}")
def test_a_filter_is_never_lost(stage: FilterStage) -> None:
    assert place(stage)[1].count("mine") == 1


def test_stages_are_in_order() -> None:
    for predicate in get_args(FilterStagePredicate):
        at = [place(one)[0] for one in STAGES if one.predicate == predicate]
        assert at == sorted(at)


def test_before_and_after_what_guards() -> None:
    early, names = place(FilterStage(stage="AuthNStage", predicate="Before"))
    assert early < names.index("daemun.jwt.before")
    late, names = place(FilterStage(stage="AuthZStage", predicate="After"))
    assert late > names.index("daemun.rbac")
    assert late > names.index("envoy.filters.http.ext_authz")
