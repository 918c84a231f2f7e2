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


def inherited(levels: Iterable[tuple[list[Policy], str]]) -> list[Policy]:
    """The policies of a rule and of those that delegate to it, the next one first, in the order of their importance.

    What is above has the last word, but for the fields that it leaves to those below: `*` for all of them, or names
    with commas between them.
    """
    found: list[Policy] = []
    for own, leaves in levels:
        names = {name.strip().lower() for name in leaves.split(",")} - {""}
        left = found if "*" in names else [_only(policy, names) for policy in found if names]
        found = [*left, *own, *found]
    return found


def _only(policy: Policy, names: set[str]) -> Policy:
    options = tuple(option for option in policy.options if option.name.lower() in names)
    return msgspec.structs.replace(policy, options=options)


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
