"""Several policies for one thing: a field is the first one's that has it, as a whole (Gloo's shallow merge)."""

from collections.abc import Iterable

import msgspec

from daemun.base.names import Ref
from daemun.gloo.policies import Option, Policy
from daemun.ir.route import Use


class Merged(msgspec.Struct, frozen=True, gc=False):
    """What policies come to together, and which of them have a part in it.

    `fault` says what is wrong with one of the fields, and `closed` what is with one that guards.
    """

    uses: tuple[Use, ...] = ()
    fault: str = ""
    closed: str = ""
    contributors: tuple[Ref, ...] = ()


def merged(policies: Iterable[Policy]) -> Merged:
    """The fields of policies, the most important policy first."""
    taken: dict[str, tuple[Ref, Option]] = {}
    for policy in policies:
        mine: dict[str, tuple[Ref, Option]] = {}
        for option in policy.options:
            held = taken.get(option.unit)
            if held is None or (held[1].empty and not option.empty):
                mine[option.unit] = (policy.ref, option)
        taken.update(mine)
    chosen = list(taken.values())
    return Merged(
        uses=tuple(option.use for _, option in chosen if option.use is not None),
        fault=next((option.fault for _, option in chosen if option.fault), ""),
        closed=next((option.fault for _, option in chosen if option.fault and option.guards), ""),
        contributors=tuple(dict.fromkeys(ref for ref, _ in chosen)),
    )
