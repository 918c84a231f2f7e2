"""ReferenceGrant: a namespace's consent to be referred to from another (Gateway API v1.6)."""

from typing import Annotated

from msgspec import Meta, field

from daemun.api.meta import Api, List, Resource
from daemun.api.scalars import Group, Kind, NamespaceName, ObjectName


class ReferenceGrantFrom(Api, frozen=True):
    """Who may refer."""

    group: Group
    kind: Kind
    namespace: NamespaceName


class ReferenceGrantTo(Api, frozen=True):
    """To what; without a name to every object of the kind."""

    group: Group
    kind: Kind
    name: ObjectName | None = None


class ReferenceGrantSpec(Api, frozen=True):
    """Every `from` may refer to every `to` in the grant's own namespace."""

    from_: Annotated[List[ReferenceGrantFrom], Meta(min_length=1, max_length=16)] = field(name="from")
    to: Annotated[List[ReferenceGrantTo], Meta(min_length=1, max_length=16)]


class ReferenceGrant(Resource, frozen=True):
    """Consent, given in the namespace that is referred to."""

    spec: ReferenceGrantSpec
