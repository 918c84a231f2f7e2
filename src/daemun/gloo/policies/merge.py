"""Several policies for one thing: a field is the first one's that has it, as a whole (Gloo's shallow merge)."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from daemun.api.gloo.transformation import RequestResponseTransformations, TransformationStages
from daemun.base.names import Ref
from daemun.gloo.policies.policy import Option, Policy
from daemun.ir.route import Use


class Merged(msgspec.Struct, frozen=True, gc=False):
    """What policies come to together, and which of them have a part in it.

    `fault` says what is wrong with one of the fields, and `closed` what is with one that guards.
    """

    uses: tuple[Use, ...] = ()
    fault: str = ""
    closed: str = ""
    contributors: tuple[Ref, ...] = ()


def inherited(levels: Iterable[tuple[Sequence[Policy], str]]) -> list[Policy]:
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


def with_transformations(levels: Sequence[Sequence[Policy]]) -> Sequence[Sequence[Policy]]:
    """The policies of a rule and of those that delegate to it, the next one first.

    Transformations that inherit have what is above them in their lists, behind their own.
    """
    if not any(spec.inherit_transformation for one in levels[:-1] for _, spec in _transformations(one)):
        return levels
    above: TransformationStages | None = None
    found: list[Sequence[Policy]] = []
    for level in reversed(levels):
        found.append([_inheriting(policy, above) for policy in level])
        above = next((spec for _, spec in _transformations(found[-1])), above)
    return found[::-1]


def _transformations(level: Iterable[Policy]) -> Iterator[tuple[Option, TransformationStages]]:
    for policy in level:
        for option in policy.options:
            if option.use is not None and isinstance(option.use.spec, TransformationStages):
                yield option, option.use.spec


def _inheriting(policy: Policy, above: TransformationStages | None) -> Policy:
    for option, spec in _transformations([policy]):
        if above is not None and spec.inherit_transformation and option.use is not None:
            use = msgspec.structs.replace(option.use, spec=_joined(spec, above))
            changed = msgspec.structs.replace(option, use=use)
            options = tuple(changed if one is option else one for one in policy.options)
            return msgspec.structs.replace(policy, options=options)
    return policy


def _joined(own: TransformationStages, above: TransformationStages) -> TransformationStages:
    """Gloo joins two of the stages. What is above says whether there is more to inherit."""
    return msgspec.structs.replace(
        own,
        early=_lists(own.early, above.early),
        regular=_lists(own.regular, above.regular),
        inherit_transformation=above.inherit_transformation,
    )


def _lists(
    own: RequestResponseTransformations | None, above: RequestResponseTransformations | None
) -> RequestResponseTransformations | None:
    if own is None or above is None:
        return own or above
    return RequestResponseTransformations(
        request_transforms=(*own.request_transforms, *above.request_transforms),
        response_transforms=(*own.response_transforms, *above.response_transforms),
    )


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
