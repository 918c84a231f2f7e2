"""The status of Gateway API's kinds, as it is written. Times are put on by whoever writes it, not here.

That of Gloo's kinds is in `gloo.status`.
"""

from typing import Literal

from msgspec import UNSET, UnsetType

from daemun.api.gloo.status import GlooStatus
from daemun.api.meta import Api, List, ParentReference


class Condition(Api, frozen=True, omit_defaults=False):
    """One condition. `status` is a string in Kubernetes, so that it can be unknown."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observed_generation: int


class RouteGroupKindStatus(Api, frozen=True, omit_defaults=False):
    """A kind of route that a listener takes."""

    group: str
    kind: str


class ListenerStatus(Api, frozen=True, omit_defaults=False):
    """What became of one listener of a Gateway or ListenerSet."""

    name: str
    supported_kinds: List[RouteGroupKindStatus]
    attached_routes: int
    conditions: List[Condition]


class GatewayStatusAddress(Api, frozen=True, omit_defaults=False):
    """An address at which the Gateway answers."""

    type: str
    value: str


class GatewayStatus(Api, frozen=True, omit_defaults=False):
    """What became of a Gateway. How many ListenerSets it has is said by those that may have some."""

    addresses: List[GatewayStatusAddress]
    conditions: List[Condition]
    listeners: List[ListenerStatus]
    attached_listener_sets: int | UnsetType = UNSET


class ListenerSetStatus(Api, frozen=True, omit_defaults=False):
    """What became of a ListenerSet."""

    conditions: List[Condition]
    listeners: List[ListenerStatus]


class OwnStatus(Api, frozen=True, omit_defaults=False):
    """What became of an object of Daemun's own that is no policy."""

    conditions: List[Condition]


class RouteParentStatus(Api, frozen=True, omit_defaults=False):
    """What one parent makes of a route."""

    parent_ref: ParentReference
    controller_name: str
    conditions: List[Condition]


class RouteStatus(Api, frozen=True, omit_defaults=False):
    """What became of a route, by parent."""

    parents: List[RouteParentStatus]


class PolicyAncestorStatus(Api, frozen=True, omit_defaults=False):
    """What became of a policy at one Gateway that its target is used by."""

    ancestor_ref: ParentReference
    controller_name: str
    conditions: List[Condition]


class PolicyStatus(Api, frozen=True, omit_defaults=False):
    """What became of a policy, by Gateway."""

    ancestors: List[PolicyAncestorStatus]


class SupportedFeature(Api, frozen=True, omit_defaults=False):
    """The name of a feature of the conformance suite."""

    name: str


class GatewayClassStatus(Api, frozen=True, omit_defaults=False):
    """Whether a class is ours, and what Gateways of it can do."""

    conditions: List[Condition]
    supported_features: List[SupportedFeature]


Status = GatewayStatus | ListenerSetStatus | RouteStatus | PolicyStatus | OwnStatus | GatewayClassStatus | GlooStatus
