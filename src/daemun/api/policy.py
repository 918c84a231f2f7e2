"""BackendTLSPolicy (Gateway API v1.6): how a backend is spoken to over TLS, and whose certificate it must show."""

from typing import Annotated, Literal

from msgspec import Meta, field

from daemun.api.meta import Api, List, LocalObjectReference, Resource
from daemun.api.scalars import AbsoluteURI, Group, Hostname, Kind, ObjectName, PreciseHostname, SectionName

SYSTEM = "System"
"""The well-known CA certificates of the machine that a proxy runs on."""
WELL_KNOWN = (
    r"^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
    r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$"
)


class PolicyTargetReference(Api, frozen=True):
    """What a policy is for, in its own namespace: a Service, or one of its ports by name."""

    group: Group
    kind: Kind
    name: ObjectName
    section_name: SectionName | None = None


class SubjectAltName(Api, frozen=True):
    """A name that the certificate of a backend may bear."""

    type: Literal["Hostname", "URI"]
    hostname: Hostname | None = None
    uri: AbsoluteURI | None = None


class BackendTLSPolicyValidation(Api, frozen=True):
    """Who may have signed the certificate of a backend, and which names it must bear."""

    hostname: PreciseHostname
    ca_certificate_refs: Annotated[List[LocalObjectReference], Meta(max_length=8)] = ()
    well_known_ca_certificates: Annotated[str, Meta(min_length=1, max_length=253, pattern=WELL_KNOWN)] | None = field(
        default=None, name="wellKnownCACertificates"
    )
    subject_alt_names: Annotated[List[SubjectAltName], Meta(max_length=5)] = ()


class BackendTLSPolicySpec(Api, frozen=True):
    """For which Services, and how."""

    target_refs: Annotated[List[PolicyTargetReference], Meta(min_length=1, max_length=16)]
    validation: BackendTLSPolicyValidation
    options: Annotated[dict[str, str], Meta(max_length=16)] = field(default_factory=dict)


class BackendTLSPolicy(Resource, frozen=True):
    """TLS from the Gateways to a Service."""

    spec: BackendTLSPolicySpec
