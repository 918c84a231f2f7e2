"""What other APIs add to the rules of routes: their policies, and their kinds of filters (ExtensionRef)."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from daemun.api.meta import LocalObjectReference
from daemun.base.names import Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding
from daemun.ir.route import Use


class Extended(NamedTuple):
    """The features in use that are added to a rule, by which policies; and why it cannot be served, if so.

    `broken` is for people, and `not_resolved` are the filters that lead nowhere. `answers` are those for which the rule
    answers by itself: it can then do nothing else with its requests.
    """

    uses: tuple[Use, ...] = ()
    policies: tuple[Ref, ...] = ()
    broken: str = ""
    not_resolved: tuple[Finding, ...] = ()
    answers: tuple[str, ...] = ()


Extend = Callable[[Reader, Ref, tuple[tuple[str, LocalObjectReference], ...]], Extended]
"""From a route, and the ExtensionRefs of one of its rules with their places, to what is added to the rule."""


def unknown(where: str, ref: LocalObjectReference) -> Finding:
    """Of a filter that nobody knows."""
    text = f"{ref.kind} of group {ref.group!r} is not a kind of filter"
    return Finding("InvalidKind", where, text, "Remove the filter.")


def refused(findings: Iterable[Finding]) -> Extended:
    """A rule with filters that cannot be used: its requests get an error (Gateway API, HTTPRouteFilter)."""
    found = tuple(findings)
    return Extended(broken=found[0].text if found else "", not_resolved=found)
