"""Hostnames: exact (`a.example.com`), wildcard (`*.example.com`: any number of labels, not the apex), any (empty)."""

from collections.abc import Collection


def covers(outer: str, inner: str) -> bool:
    """Whether every host that `inner` stands for is one that `outer` stands for."""
    if not outer or outer == inner:
        return True
    return outer.startswith("*.") and inner.removeprefix("*").endswith(outer[1:])


def intersection(one: str, other: str) -> str | None:
    """The hosts that both stand for: the narrower of the two, or None when they have none in common."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def specificity(hostname: str) -> tuple[int, int]:
    """Larger for the hostname that wins: exact before wildcard before any, then the longer one."""
    if not hostname:
        return (0, 0)
    return (1 if hostname.startswith("*.") else 2, len(hostname))


def parents(hostname: str) -> list[str]:
    """The hostname itself and every wildcard above it, up to any host: what covers it."""
    if not hostname:
        return [""]
    above = []
    rest = hostname.removeprefix("*.") if hostname.startswith("*.") else hostname.partition(".")[2]
    if hostname.startswith("*."):
        rest = rest.partition(".")[2]
    while rest:
        above.append(f"*.{rest}")
        rest = rest.partition(".")[2]
    return [hostname, *above, ""]


def breadth(asked: Collection[str], host: str) -> int:
    """How much less specific than `host` the hostnames are for which a route, or none for any, has it.

    Routes with different hostnames meet at one that is the listener's, if theirs are broader. Then what they themselves
    say decides between them (Gateway API, HTTPRoute.spec.hostnames), and the smaller number wins.
    """
    if not host or host in asked:
        return 0
    above = parents(host)
    return next((steps for steps, hostname in enumerate(above) if hostname in asked), len(above) - 1)
