"""ListenerSet: listeners that are added to a Gateway by somebody else (Gateway API v1.6)."""

from typing import Annotated

from msgspec import Meta

from daemun.api.gateway import Listener
from daemun.api.meta import Api, List, Resource
from daemun.api.scalars import Group, Kind, NamespaceName, ObjectName
from daemun.base.names import GATEWAY


class ParentGatewayReference(Api, frozen=True):
    """The Gateway that gets the listeners."""

    name: ObjectName
    group: Group = GATEWAY
    kind: Kind = "Gateway"
    namespace: NamespaceName | None = None


class ListenerSetSpec(Api, frozen=True):
    """The listeners, and where they go."""

    parent_ref: ParentGatewayReference
    listeners: Annotated[List[Listener], Meta(min_length=1, max_length=64)]


class ListenerSet(Resource, frozen=True):
    """More listeners for a Gateway that allows it."""

    spec: ListenerSetSpec
