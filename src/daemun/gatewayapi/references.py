"""References to other objects, and the consent they need across namespaces. No other module decides this (law 8)."""

from collections.abc import Iterator
from typing import NamedTuple

from daemun.api.grant import ReferenceGrant
from daemun.base.names import Name, Ref
from daemun.flow import Index, Reader


class GrantKey(NamedTuple):
    """Who refers to which kind where: the narrowest thing a grant can be found by, so that one grant reruns few."""

    from_group: str
    from_kind: str
    from_namespace: str
    to_group: str
    to_kind: str
    to_namespace: str


GrantIndex = Index[GrantKey, Name, ReferenceGrant]


def grant_keys(name: Name, grant: ReferenceGrant) -> Iterator[GrantKey]:
    """Every pair that a grant speaks of."""
    for source in grant.spec.from_:
        for target in grant.spec.to:
            yield GrantKey(source.group, source.kind, source.namespace, target.group, target.kind, name.namespace)


def permitted(
    reader: Reader, grants: GrantIndex, referrer: Ref, target: Ref, stood_for: frozenset[Ref] = frozenset()
) -> bool:
    """Whether `referrer` may refer to `target` (Gateway API, ReferenceGrant).

    A route of a mesh's consumers may send requests to what it is `stood_for`: that is where they were going.
    """
    if referrer.namespace == target.namespace or target in stood_for:
        return True
    key = GrantKey(referrer.group, referrer.kind, referrer.namespace, target.group, target.kind, target.namespace)
    for grant in reader.find(grants, key):
        for to in grant.spec.to:
            if (to.group, to.kind) == (target.group, target.kind) and to.name in (None, target.name):
                return True
    return False


def grant_to_write(referrer: Ref, target: Ref) -> str:
    """The mend for a missing grant, in one sentence."""
    return (
        f"Write a ReferenceGrant in namespace {target.namespace} from {referrer.kind} of namespace "
        f"{referrer.namespace} to {target.kind} {target.name}."
    )
