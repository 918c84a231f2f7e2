"""Hostnames against what they stand for: sets of hosts."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.gatewayapi.hostnames import covers, intersection, parents, specificity

LABELS = ("a", "b", "ab")
HOSTS = {
    "elsewhere",
    *(".".join([*labels, "c"]) for depth in range(5) for labels in product((*LABELS, "z"), repeat=depth)),
}
"""Every host that two hostnames could differ in: one label deeper and one label other than theirs."""
hostnames = st.one_of(
    st.just(""),
    st.builds(
        lambda wild, labels: f"{wild}{'.'.join([*labels, 'c'])}",
        st.sampled_from(["", "*."]),
        st.lists(st.sampled_from(LABELS), max_size=3),
    ),
)


def stands_for(hostname: str, host: str) -> bool:
    """Gateway API's words: a wildcard is any labels to the left, at least one; no hostname is every host."""
    if hostname.startswith("*."):
        return host.endswith(hostname[1:]) and host != hostname[2:]
    return not hostname or host == hostname


def hosts(hostname: str) -> set[str]:
    return {host for host in HOSTS if stands_for(hostname, host)}


@given(hostnames, hostnames)
def test_covers_is_inclusion(one: str, other: str) -> None:
    assert covers(one, other) == (hosts(other) <= hosts(one))


@given(hostnames, hostnames)
def test_intersection_is_intersection(one: str, other: str) -> None:
    common = intersection(one, other)
    assert (set() if common is None else hosts(common)) == hosts(one) & hosts(other)
    assert common == intersection(other, one)


@given(hostnames, hostnames)
def test_parents_are_what_covers(hostname: str, other: str) -> None:
    assert (other in parents(hostname)) == covers(other, hostname)


@given(hostnames)
def test_the_first_of_the_parents_is_the_narrowest(hostname: str) -> None:
    """So the first that a listener has is the one that the host belongs to (Gateway API, Listener.hostname)."""
    found = parents(hostname)
    assert all(covers(wider, narrower) for narrower, wider in pairwise(found))


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("", [""]),
        ("c", ["c", ""]),
        ("a.b.c", ["a.b.c", "*.b.c", "*.c", ""]),
        ("*.b.c", ["*.b.c", "*.c", ""]),
        ("*.c", ["*.c", ""]),
    ],
)
def test_parents(hostname: str, expected: list[str]) -> None:
    assert parents(hostname) == expected


def test_specificity() -> None:
    ordered = ["", "*.c", "*.b.c", "c", "a.b.c"]
    ranks = [specificity(hostname) for hostname in ordered]
    assert ranks == sorted(set(ranks))
