"""Policies for one thing: whose field counts, and what counts as not set."""

import pytest

from daemun.api.gloo.routing import BufferPerRoute, CsrfPolicy, RetryPolicy, RouteAbort, RouteFaults
from daemun.base.names import Ref
from daemun.gloo.policies.merge import merged
from daemun.gloo.policies.policy import Option, Policy, is_empty
from daemun.ir.route import Use

FIRST, SECOND, THIRD = (Ref("gateway.solo.io", "RouteOption", "default", name) for name in ("a", "b", "c"))


def option(name: str, *, unit: str = "", empty: bool = False, fault: str = "", guards: bool = False) -> Option:
    use = None if fault else Use(name, "", name)
    return Option(name, unit or name, use, fault, guards, empty)


def policy(ref: Ref, *options: Option) -> Policy:
    return Policy(ref, 1, ("", "", ""), (), options)


def test_a_field_is_the_first_ones_that_has_it() -> None:
    found = merged([policy(FIRST, option("x")), policy(SECOND, option("x"), option("y")), policy(THIRD, option("y"))])
    assert [use.kind for use in found.uses] == ["x", "y"]
    assert found.contributors == (FIRST, SECOND)


def test_an_empty_field_gives_way_but_not_to_an_empty_one() -> None:
    empty = option("x", empty=True)
    assert merged([policy(FIRST, empty), policy(SECOND, empty)]).contributors == (FIRST,)
    assert merged([policy(FIRST, empty), policy(SECOND, option("x"))]).contributors == (SECOND,)


def test_fields_that_exclude_each_other_count_as_one() -> None:
    found = merged([policy(FIRST, option("x", unit="one")), policy(SECOND, option("y", unit="one"))])
    assert [use.kind for use in found.uses] == ["x"]


def test_only_what_counts_can_be_a_fault_and_only_a_guard_closes() -> None:
    bad, guard = option("x", fault="bad"), option("y", fault="open", guards=True)
    assert (merged([policy(FIRST, option("x")), policy(SECOND, bad)]).fault) == ""
    assert (merged([policy(FIRST, bad)]).fault, merged([policy(FIRST, bad)]).closed) == ("bad", "")
    assert merged([policy(FIRST, bad, guard)]).closed == "open"


@pytest.mark.parametrize(
    "value",
    ["", "0s", 0, False, (), {}, RetryPolicy(), CsrfPolicy(), RouteFaults(), BufferPerRoute(disabled=False)],
)
def test_gos_zero_values_are_empty(value: object) -> None:
    assert is_empty(value)


@pytest.mark.parametrize("value", ["x", 1, True, ("",), RetryPolicy(num_retries=1), RouteFaults(abort=RouteAbort())])
def test_anything_else_is_not(value: object) -> None:
    assert not is_empty(value)
