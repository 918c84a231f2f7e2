"""backendRefs: from a name to a backend that requests can be sent to, or to what is wrong with it."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from daemun.api.core import Service, ServicePort
from daemun.api.meta import BackendObjectReference, LocalObjectReference
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gatewayapi.routes.backendtls import ByService, ResolvedPolicy, concerning, in_force
from daemun.ir.backend import BackendKey, Protocol
from daemun.ir.route import Use


class Found(NamedTuple):
    """What a reference leads to, why to nothing if so, and the BackendTLSPolicies that have a say in it."""

    key: BackendKey | None
    finding: Finding | None = None
    policies: tuple[Name, ...] = ()


Resolver = Callable[[Reader, str, Ref, int | None, Protocol], Found]
"""From an object that may be referred to, and the port that the reference names if any, to the backend behind it.

The text is the field that refers to it, and the protocol what is spoken where the object does not say.
"""


class Called(NamedTuple):
    """What is done to requests that call a function of a backend, or why nothing can be sent there."""

    uses: tuple[Use, ...] = ()
    findings: tuple[Finding, ...] = ()


NOT_CALLED = Called()
"""What most backends have of functions."""
Call = Callable[[Reader, str, BackendKey | None, tuple[tuple[str, LocalObjectReference], ...]], Called]
"""From a backend and its filters of other APIs, with the fields that they are in, to what is called of it."""


class Inputs(msgspec.Struct, frozen=True):
    """What backends are found by: each kind of object, (group, kind), in its own way; and what is called of them.

    Those `of_rules` are backends of a route's rules alone, where what is `call`ed of them is done to requests; nobody
    else may name them.
    """

    kinds: Mapping[tuple[str, str], Resolver]
    of_rules: Mapping[tuple[str, str], Resolver]
    grants: GrantIndex
    call: Call


def resolve_backend(
    reader: Reader,
    inputs: Inputs,
    route: Ref,
    where: str,
    ref: BackendObjectReference,
    protocol: Protocol,
    stood_for: frozenset[Ref] = frozenset(),
    *,
    of_rule: bool = False,
) -> Found:
    """The backend behind a reference, or a finding that says why there is none (Gateway API, ResolvedRefs).

    `protocol` is what the kind of route speaks when the backend does not say (GEP-1911). `stood_for` are Services whose
    requests alone the route is for. `of_rule`: it is a backend of a rule.
    """
    resolver = inputs.kinds.get((ref.group, ref.kind))
    if resolver is None and of_rule:
        resolver = inputs.of_rules.get((ref.group, ref.kind))
    if resolver is None:
        text = f"{ref.kind} of group {ref.group!r} is not a kind of backend"
        return Found(None, Finding("InvalidKind", where, text, "Name a Service."))
    target = Ref(ref.group, ref.kind, ref.namespace or route.namespace, ref.name)
    if not permitted(reader, inputs.grants, route, target, stood_for):
        text = f"{target} is in another namespace, which has not granted it"
        return Found(None, Finding("RefNotPermitted", where, text, grant_to_write(route, target)))
    return resolver(reader, where, target, ref.port, protocol)


class Annotations(msgspec.Struct, frozen=True):
    """What annotations of a Service have to say; by default nothing.

    `spoken` is what a port speaks, if they say, and `closed` why nothing can be sent to it, if they are broken.
    """

    spoken: Callable[[Service, ServicePort], Protocol | None] = lambda _, __: None
    closed: Callable[[Reader, Service, int], Finding | None] = lambda _, __, ___: None


def service_backends(services: Collection[Name, Service], by_service: ByService, annotations: Annotations) -> Resolver:
    """How Services are backends, with the BackendTLSPolicies that are for them."""

    def resolve(reader: Reader, where: str, target: Ref, number: int | None, protocol: Protocol) -> Found:
        name = target.key
        service = reader.get(services, name)
        policies = reader.find(by_service, name)
        if service is None:
            missing = absent("BackendNotFound", where, target)
            return Found(None, missing, tuple(one.ref.key for one in policies))
        if service.spec.type == "ExternalName":
            # An ExternalName could name the gateway's own internals or another tenant's (CVE-2021-25740 and its kin).
            text = f"{target} is an ExternalName, which is not routed to"
            return Found(None, Finding("BackendNotFound", where, text))
        port = port_of(service, number, protocol)
        if port is None:
            has = ", ".join(f"{one.port}/{one.protocol}" for one in service.spec.ports) or "none"
            text = f"{target} has no {port_protocol(protocol)} port {number} (it has {has})"
            if number is None:
                text = f"says no port of {target} (it has {has})"
            return Found(None, Finding("BackendNotFound", where, text))
        if protocol == "udp":
            return Found(BackendKey(target.namespace, target.name, port.port, protocol))
        policy = in_force(policies, name, port)
        known = concerning(policies, name, port, {one.name for one in service.spec.ports}) if policies else ()
        if policy is not None and policy.tls is None:
            return Found(None, _closed(where, target, policy), known)
        closed = annotations.closed(reader, service, port.port)
        if closed is not None:
            text = f"{target} has annotations that cannot be heeded, so nothing is sent there ({closed.text})"
            return Found(None, Finding("BackendNotFound", where, text, closed.mend), known)
        told = None if protocol == "tcp" else annotations.spoken(service, port)
        spoken, needs_tls = _protocol(port, told or protocol)
        if needs_tls and policy is None:
            text = f"port {port.port} of {target} has appProtocol {port.app_protocol!r}, which needs TLS to the backend"
            mend = "Write a BackendTLSPolicy for the Service."
            return Found(None, Finding("UnsupportedProtocol", where, text, mend), known)
        return Found(BackendKey(target.namespace, target.name, port.port, spoken, policy is not None), None, known)

    return resolve


def _closed(where: str, target: Ref, policy: ResolvedPolicy) -> Finding:
    """Nothing is sent to a backend whose certificate cannot be checked (Gateway API, CACertificateRefs)."""
    text = f"{policy.ref} for {target} cannot be used, so nothing is sent there"
    return Finding("InvalidBackendTLS", where, text, "See the policy.")


def port_protocol(protocol: Protocol) -> Literal["TCP", "UDP"]:
    """What a Service's port must have as its protocol to be spoken to so."""
    return "UDP" if protocol == "udp" else "TCP"


def port_of(service: Service, number: int | None, protocol: Protocol) -> ServicePort | None:
    """The port of a Service with this number that can be spoken to so."""
    carried = port_protocol(protocol)
    return next((one for one in service.spec.ports if (one.port, one.protocol) == (number, carried)), None)


def _protocol(port: ServicePort, default: Protocol) -> tuple[Protocol, bool]:
    """What the backend speaks, and whether just over TLS (GEP-1911; names of IANA's are in any case).

    A stream is passed on as it is, whatever the port speaks.
    """
    if default == "tcp":
        return default, False
    match (port.app_protocol or "").lower():
        case "kubernetes.io/h2c" | "grpc":
            return "h2c", False
        case "kubernetes.io/ws" | "http":
            return "http", False
        case "kubernetes.io/wss":
            return "http", True
        case "https":
            return default, True
        case _:
            return default, False
