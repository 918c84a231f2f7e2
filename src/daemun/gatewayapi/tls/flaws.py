"""What is wrong with a Secret or ConfigMap that serves nevertheless: only time and what was there before can tell.

An edge that has a clock and a memory hands such an object on in the place of the one that is written
(`daemun.plane.keeping`).
"""

from msgspec import field

from daemun.api.core import ConfigMap, Secret


class FlawedSecret(Secret, frozen=True):
    """A Secret, with what is wrong by key. The values are those that count: older ones where those written are bad."""

    flaws: dict[str, str] = field(default_factory=dict)


class FlawedConfigMap(ConfigMap, frozen=True):
    """A ConfigMap, with what is wrong by key."""

    flaws: dict[str, str] = field(default_factory=dict)


def flaw(held: Secret | ConfigMap, key: str) -> str:
    """What is wrong with a key; empty if nothing is known."""
    return held.flaws.get(key, "") if isinstance(held, FlawedSecret | FlawedConfigMap) else ""
