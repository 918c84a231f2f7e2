"""Label selectors, and the age that decides conflicts."""

from typing import Any

import msgspec
import pytest

from daemun.api.core import Namespace
from daemun.api.meta import LabelSelector, ObjectMeta

LABELS = {"team": "x", "tier": "front"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"team": "x"}}, True),
        ({"matchLabels": {"team": "x", "tier": "back"}}, False),
        ({"matchLabels": {"other": "x"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["x", "y"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["y"]}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["y"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"team": "x"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors(selector: Any, expected: bool) -> None:
    assert msgspec.convert(selector, LabelSelector).selects(LABELS) is expected


def test_the_oldest_sorts_first_then_namespace_then_name() -> None:
    def made(name: str, namespace: str, at: str) -> Namespace:
        return Namespace(ObjectMeta(name, namespace, creation_timestamp=at))

    ordered = [
        made("z", "z", "2026-01-01"),
        made("b", "a", "2026-01-02"),
        made("a", "b", "2026-01-02"),
        made("b", "b", "2026-01-02"),
    ]
    ages = [one.age for one in ordered]
    assert ages == sorted(set(ages))
