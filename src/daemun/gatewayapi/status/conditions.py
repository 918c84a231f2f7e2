"""Conditions, made of findings."""

import functools
from typing import Literal

from daemun.api.status import Condition
from daemun.gatewayapi.findings import Finding, joined

Findings = tuple[Finding, ...]


@functools.lru_cache(maxsize=4096)
def condition(kind: str, generation: int, positive: str, findings: Findings, *, inverted: bool = False) -> Condition:
    """A condition that is as it should be without findings, and otherwise says what was found.

    An `inverted` one (Conflicted) is True when something was found. Most objects are fine and share their conditions.
    """
    if findings:
        return Condition(kind, truth(inverted), findings[0].reason, joined(findings), generation)
    return Condition(kind, truth(not inverted), positive, "", generation)


def truth(value: bool) -> Literal["True", "False"]:
    """A truth value as conditions have it."""
    return "True" if value else "False"
