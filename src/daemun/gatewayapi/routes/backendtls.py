"""BackendTLSPolicy: which Services are spoken to over TLS, how, and which policy counts where several want the same."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.api.core import ServicePort
from daemun.api.policy import SYSTEM, BackendTLSPolicy, BackendTLSPolicyValidation
from daemun.base.names import CORE, GATEWAY, Name, Ref
from daemun.flow import Index, Reader
from daemun.gatewayapi.findings import Finding, place
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls import options as tlsoptions
from daemun.ir.origin import Origin
from daemun.ir.tls import BackendTLS, SubjectName


class Target(NamedTuple):
    """What a policy is for: a Service, or its port named `section`."""

    service: Name
    section: str


class ResolvedPolicy(msgspec.Struct, frozen=True, gc=False):
    """A BackendTLSPolicy by itself, before others for the same Services are looked at.

    `tls` is None when nothing it names can be trusted. Its backends are closed then: never spoken to in plain text.
    """

    ref: Ref
    generation: int
    age: tuple[str, str, str]
    targets: tuple[tuple[str, Target], ...]
    tls: BackendTLS | None
    not_accepted: tuple[Finding, ...] = ()
    not_resolved: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


ByService = Index[Name, Name, ResolvedPolicy]


def services_of(_: Name, policy: ResolvedPolicy) -> Iterator[Name]:
    """The Services that a policy is for; for an index."""
    yield from {target.service for _, target in policy.targets}


def policy_rule(
    inputs: cacerts.Inputs, settings: Settings
) -> Callable[[Reader, Name, BackendTLSPolicy], Iterator[tuple[Name, ResolvedPolicy]]]:
    """The rule from a policy to what it comes to."""

    def resolve(reader: Reader, name: Name, policy: BackendTLSPolicy) -> Iterator[tuple[Name, ResolvedPolicy]]:
        ref = Ref(GATEWAY, "BackendTLSPolicy", name.namespace, name.name)
        spec = policy.spec
        options = tlsoptions.of_backend("spec.options", spec.options)
        notes = list(options.notes)
        targets: list[tuple[str, Target]] = []
        for index, one in enumerate(spec.target_refs):
            where = place("spec.targetRefs", index)
            if (one.group, one.kind) == (CORE, "Service"):
                targets.append((where, Target(Name(name.namespace, one.name), one.section_name or "")))
            else:
                text = f"{one.kind} of group {one.group!r} is not a kind of backend"
                notes.append(Finding("TargetNotFound", where, text, "Name a Service."))
        tls, not_accepted, not_resolved = _validation(reader, inputs, settings, ref, spec.validation)
        if options.faults:
            bad = tuple(msgspec.structs.replace(one, reason="Invalid") for one in options.faults)
            tls, not_accepted = None, (*not_accepted, *bad)
        elif tls is not None and options.handshake is not None:
            tls = msgspec.structs.replace(tls, handshake=options.handshake)
        yield (
            name,
            ResolvedPolicy(
                ref=ref,
                generation=policy.metadata.generation,
                age=policy.age,
                targets=tuple(targets),
                tls=tls,
                not_accepted=not_accepted,
                not_resolved=not_resolved,
                notes=tuple(notes),
            ),
        )

    return resolve


Validation = tuple[BackendTLS | None, tuple[Finding, ...], tuple[Finding, ...]]
"""TLS if it is possible, and why the policy is not accepted or not resolved."""


def _validation(
    reader: Reader, inputs: cacerts.Inputs, settings: Settings, policy: Ref, spec: BackendTLSPolicyValidation
) -> Validation:
    tls = BackendTLS(Origin(policy, "spec.validation"), spec.hostname, tuple(_names(spec)))
    if spec.well_known_ca_certificates is not None:
        where = "spec.validation.wellKnownCACertificates"
        if spec.well_known_ca_certificates != SYSTEM:
            text = f"{spec.well_known_ca_certificates} is not known"
            return None, (Finding("Invalid", where, text, f"Use {SYSTEM}, or name ConfigMaps."),), ()
        if not settings.system_authorities:
            text = "the machine has no file of well-known CA certificates"
            return None, (Finding("Invalid", where, text, "Install ca-certificates, or name ConfigMaps."),), ()
        return msgspec.structs.replace(tls, system=settings.system_authorities), (), ()
    refs = [
        (place("spec.validation.caCertificateRefs", index), Ref(ref.group, ref.kind, policy.namespace, ref.name))
        for index, ref in enumerate(spec.ca_certificate_refs)
    ]
    bundle, findings = cacerts.resolve(reader, inputs, policy, refs, "InvalidKind")
    if not bundle:
        none = Finding("NoValidCACertificate", "spec.validation.caCertificateRefs", "none of them can be used")
        return None, (none,), findings
    return msgspec.structs.replace(tls, bundle=bundle), (), findings


def _names(spec: BackendTLSPolicyValidation) -> Iterator[SubjectName]:
    """The names of which the backend must prove one. With subjectAltNames the hostname is for the handshake alone."""
    if not spec.subject_alt_names:
        yield SubjectName("DNS", spec.hostname)
    for one in spec.subject_alt_names:
        if one.hostname is not None:
            yield SubjectName("DNS", one.hostname)
        elif one.uri is not None:
            yield SubjectName("URI", one.uri)


def in_force(policies: list[ResolvedPolicy], service: Name, port: ServicePort) -> ResolvedPolicy | None:
    """The policy that counts for a port of a Service: one for just this port before one for all, then the oldest.

    One that cannot be used counts too, or its Service would be spoken to in plain text for a mistake.
    """
    for section in dict.fromkeys((port.name, "")) if policies else ():
        fitting = [one for one in policies if any(target == (service, section) for _, target in one.targets)]
        if fitting:
            return min(fitting, key=lambda one: one.age)
    return None


def concerning(policies: list[ResolvedPolicy], service: Name, port: ServicePort, known: set[str]) -> tuple[Name, ...]:
    """The policies that have something to say about a port, heard or not, and those for a section that is not `known`.

    Their status tells of the Gateways that use the port.
    """
    return tuple(
        one.ref.key
        for one in policies
        if any(
            target.service == service and (target.section in ("", port.name) or target.section not in known)
            for _, target in one.targets
        )
    )


def rivals(reader: Reader, by_service: ByService, policy: ResolvedPolicy) -> Iterator[tuple[str, ResolvedPolicy]]:
    """The older policies for the same targets, by the field in which this one names the target."""
    for where, target in policy.targets:
        older = (
            one
            for one in reader.find(by_service, target.service)
            if one.age < policy.age and any(theirs == target for _, theirs in one.targets)
        )
        first = min(older, key=lambda one: one.age, default=None)
        if first is not None:
            yield where, first
