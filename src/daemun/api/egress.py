"""Egress, Daemun's own kind: hosts outside that requests may go to, of which the request itself says which one."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from daemun.api.meta import Api, List, ObjectReference, Resource, SecretObjectReference
from daemun.api.scalars import Port

Address: TypeAlias = Annotated[str, Meta(min_length=2, max_length=45, pattern=r"^[0-9A-Fa-f.:]+$")]
_NAME = r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
EgressHost: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=rf"^({_NAME}|[0-9a-f.:]+)$")]
"""A name, `*.` and a name for all that end so, or an IP address, which is meant only where it is written."""


class EgressTls(Api, frozen=True):
    """TLS to the host that is asked for: it is greeted with its name, and its certificate must bear that.

    It is trusted if the certificate comes from these, or else from the `System`'s authorities.
    """

    ca_certificate_refs: Annotated[List[ObjectReference], Meta(max_length=8)] = ()
    well_known_ca_certificates: Literal["System"] | None = field(default=None, name="wellKnownCACertificates")
    client_certificate_ref: SecretObjectReference | None = None


class NameServer(Api, frozen=True):
    """Who is asked for the addresses of names."""

    address: Address
    port: Port = 53


class EgressSpec(Api, frozen=True):
    """Where requests may go.

    Without `ports` it is 443 with TLS, else 80; without `nameServers` those of the proxy's machine are asked.
    """

    hosts: Annotated[List[EgressHost], Meta(min_length=1, max_length=64)]
    ports: Annotated[List[Port], Meta(max_length=16)] = ()
    tls: EgressTls | None = None
    name_servers: Annotated[List[NameServer], Meta(max_length=3)] = ()


class Egress(Resource, frozen=True):
    """Hosts outside, as a backend of routes. A request goes to the one that its Host names; what is not here is 403."""

    spec: EgressSpec
