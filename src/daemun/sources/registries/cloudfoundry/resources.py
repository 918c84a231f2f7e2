"""What the Cloud Controller's v3 API answers with, as far as it is read."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Named(msgspec.Struct):
    """An organization, or a space."""

    guid: str
    name: str = ""


class Domain(msgspec.Struct):
    """A domain. Routes of an `internal` one are for other containers."""

    guid: str
    name: str
    internal: bool = False


class _Metadata(msgspec.Struct):
    labels: dict[str, str | None] | None = None


class _Data(msgspec.Struct):
    guid: str = ""


class _Relation(msgspec.Struct):
    data: _Data | None = None


class _Relations(msgspec.Struct):
    space: _Relation | None = None


class App(msgspec.Struct):
    """An app."""

    guid: str
    name: str
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    relationships: _Relations = msgspec.field(default_factory=_Relations)

    @property
    def space(self) -> str:
        """The GUID of its space."""
        relation = self.relationships.space
        return relation.data.guid if relation and relation.data else ""


class _Process(msgspec.Struct):
    type: str = "web"


class _AppOfRoute(msgspec.Struct):
    guid: str
    process: _Process | None = None


class Destination(msgspec.Struct):
    """A process that a route leads to, at a port of its containers."""

    app: _AppOfRoute
    port: int | None = None
    weight: int | None = None


class Route(msgspec.Struct):
    """A route, with where it leads."""

    guid: str
    path: str = ""
    destinations: list[Destination] = msgspec.field(default_factory=list)


class Port(msgspec.Struct):
    """A port of a container, and the ones of its cell that lead there."""

    internal: int = 0
    external: int | None = None
    external_tls_proxy_port: int | None = None


class Instance(msgspec.Struct):
    """An instance of a process. `routable` is what its readiness check says, if there are such."""

    index: int = 0
    state: str = ""
    routable: bool | None = None
    host: str | None = None
    instance_internal_ip: str | None = None
    instance_ports: list[Port] | None = None

    @property
    def takes_requests(self) -> bool:
        """Whether it runs, and is ready."""
        return self.state == "RUNNING" and self.routable is not False


class Stats(msgspec.Struct):
    """All instances of a process."""

    resources: list[Instance]


def places(included: Mapping[str, Any]) -> dict[str, str]:
    """From the GUIDs of spaces that are included in a list to ORGANIZATION/SPACE."""
    try:
        organizations = msgspec.convert(included.get("organizations", []), list[Named])
        names = {one.guid: one.name for one in organizations}
        found: dict[str, str] = {}
        for space in included.get("spaces", []):
            one = msgspec.convert(space, Named)
            relation = msgspec.convert(space.get("relationships", {}).get("organization", {}), _Relation)
            found[one.guid] = f"{names.get(relation.data.guid if relation.data else '', '')}/{one.name}"
    except (msgspec.ValidationError, AttributeError):
        return {}
    return found
