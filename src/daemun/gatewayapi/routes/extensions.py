"""What other APIs add to the rules of routes: their policies, and their kinds of filters (ExtensionRef)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from daemun.api.meta import LocalObjectReference
from daemun.base.names import Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding
from daemun.ir.route import Use


class Extended(NamedTuple):
    """The features in use that are added to a rule, by which policies; and why it cannot be served, if so.

    `broken` is for people, and `error` is then the answer's status, if it is another than usual, and `body` what it
    says. `not_resolved` are the filters that lead nowhere. `answers` are those for which the rule answers by itself: it
    can then do nothing else with its requests. `heights` says on which level each policy is, the highest if on several;
    the rule's own is 0.
    """

    uses: tuple[Use, ...] = ()
    policies: tuple[Ref, ...] = ()
    broken: str = ""
    error: int = 0
    not_resolved: tuple[Finding, ...] = ()
    answers: tuple[str, ...] = ()
    heights: Mapping[Ref, int] = MappingProxyType({})
    body: str = ""


NOTHING = Extended()
"""What most rules have of other APIs."""


class Level(NamedTuple):
    """A rule as other APIs see it: its route, and its ExtensionRefs with their places.

    `yields` says, in the words of their annotation, which fields of its policies those may override that it delegates
    to. `rule` is its own name, if it has one.
    """

    route: Ref
    filters: tuple[tuple[str, LocalObjectReference], ...] = ()
    yields: str = ""
    rule: str = ""


Extend = Callable[[Reader, tuple[Level, ...]], Extended]
"""From a rule and those that delegate to it, the next one first, to what is added to it. What it says of policies and
of filters that lead nowhere is of the rule's own; it cannot be served either where those above it have such filters.
"""


def unknown(where: str, ref: Ref | LocalObjectReference) -> Finding:
    """Of a filter that nobody knows."""
    text = f"{ref.kind} of group {ref.group!r} is not a kind of filter"
    return Finding("InvalidKind", where, text, "Remove the filter.")


def refused(findings: Iterable[Finding]) -> Extended:
    """A rule with filters that cannot be used: its requests get an error (Gateway API, HTTPRouteFilter)."""
    found = tuple(findings)
    return Extended(broken=found[0].text if found else "", not_resolved=found)
