"""What all Kubernetes objects share: metadata, label selectors, references."""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, field

from daemun.api.scalars import Group, Kind, NamespaceName, ObjectName, Port, SectionName
from daemun.base.names import CORE, GATEWAY, Name

T = TypeVar("T")
List = tuple[T, ...]
"""Lists are tuples: a resource never changes once it was read."""


class Api(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """The base of every type that mirrors an API: camelCase on the outside, snake_case inside.

    Resources are trees, so the garbage collector need not look for cycles in them.
    """


class ObjectMeta(Api, frozen=True):
    """The part of metadata that Daemun uses."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 1
    creation_timestamp: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class Resource(Api, frozen=True):
    """An object with metadata."""

    metadata: ObjectMeta

    @property
    def name(self) -> Name:
        """The object's name within its kind."""
        return Name(self.metadata.namespace, self.metadata.name)

    @property
    def age(self) -> tuple[str, str, str]:
        """Sorts the oldest first, then by namespace and name: Gateway API's rule for every conflict."""
        meta = self.metadata
        return (meta.creation_timestamp, meta.namespace, meta.name)


class SelectorRequirement(Api, frozen=True):
    """One `matchExpressions` entry of a label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: List[str] = ()


class LabelSelector(Api, frozen=True):
    """A label selector; an empty one selects everything."""

    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: List[SelectorRequirement] = ()

    def selects(self, labels: dict[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        if any(labels.get(key) != value for key, value in self.match_labels.items()):
            return False
        return all(_holds(requirement, labels) for requirement in self.match_expressions)


def _holds(requirement: SelectorRequirement, labels: dict[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


class LocalObjectReference(Api, frozen=True):
    """A reference to an object in the same namespace."""

    group: Group
    kind: Kind
    name: ObjectName


class ObjectReference(Api, frozen=True):
    """A reference to an object of any kind, in this or another namespace."""

    group: Group
    kind: Kind
    name: ObjectName
    namespace: NamespaceName | None = None


class SecretObjectReference(Api, frozen=True):
    """A reference to a Secret (or, by name, to a kind that holds the same)."""

    name: ObjectName
    group: Group = CORE
    kind: Kind = "Secret"
    namespace: NamespaceName | None = None


class BackendObjectReference(Api, frozen=True):
    """A reference to something that can be sent requests: a Service by default."""

    name: ObjectName
    group: Group = CORE
    kind: Kind = "Service"
    namespace: NamespaceName | None = None
    port: Port | None = None


class ParentReference(Api, frozen=True):
    """What a route attaches to: a Gateway by default, or one of its listeners."""

    name: ObjectName
    group: Group = GATEWAY
    kind: Kind = "Gateway"
    namespace: NamespaceName | None = None
    section_name: SectionName | None = None
    port: Port | None = None


class ParametersReference(Api, frozen=True):
    """A reference to an object that configures a GatewayClass."""

    group: Group
    kind: Kind
    name: Annotated[str, Meta(min_length=1, max_length=253)]
    namespace: NamespaceName | None = None
