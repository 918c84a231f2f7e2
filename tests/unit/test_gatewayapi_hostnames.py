"""Hostnames against what they stand for: sets of hosts."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.gatewayapi.hostnames import breadth, covers, intersection, parents, specificity

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


def characters(asked: list[str], host: str) -> tuple[int, int]:
    """Gateway API's words: in a matching hostname without a wildcard, then in any matching one."""
    fitting = [hostname for hostname in asked if covers(hostname, host)]
    exact = [len(hostname) for hostname in fitting if not hostname.startswith("*.")]
    return max(exact, default=0), max(map(len, fitting), default=0)


@given(hostnames, st.lists(hostnames, max_size=3), st.lists(hostnames, max_size=3))
def test_the_smaller_breadth_has_more_characters(host: str, one: list[str], other: list[str]) -> None:
    asked = [[hostname for hostname in each if covers(hostname, host)] for each in (one, other)]
    mine, theirs = (breadth(each, host) for each in asked)
    assert (mine < theirs) == (characters(asked[0], host) > characters(asked[1], host))
    assert (mine == 0) == (host in asked[0] or not host)
