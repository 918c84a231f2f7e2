"""Egress: what one comes to, how it is a backend of routes, and its status."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.api.egress import Egress as Written
from daemun.api.egress import EgressSpec, EgressTls
from daemun.api.meta import LocalObjectReference
from daemun.api.status import OwnStatus, Status
from daemun.base.addresses import is_ip
from daemun.base.guard import Guard, meant
from daemun.base.names import DAEMUN, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent, place
from daemun.gatewayapi.routes.backends import Call, Called, Found, Resolver
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.conditions import condition
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls.certrefs import certificate_fault
from daemun.ir.backend import BackendKey, Protocol
from daemun.ir.egress import HTTP, HTTPS, Allowed, Egress
from daemun.ir.origin import Origin
from daemun.ir.route import Use
from daemun.ir.tls import BackendTLS

KIND = "Egress"


class ResolvedEgress(msgspec.Struct, frozen=True, gc=False):
    """An Egress with what it refers to. Without `egress` nothing is sent there."""

    ref: Ref
    generation: int
    egress: Egress | None
    not_accepted: tuple[Finding, ...] = ()
    not_resolved: tuple[Finding, ...] = ()


Forward = Callable[[Reader, str, Name], tuple[Found, tuple[Use, ...]]]
"""From an Egress, and the field that wants it, to the backend that it is and what is done to requests for it."""


class Way(NamedTuple):
    """All that routes know of an Egress: why nothing can be sent there, or which hosts are allowed."""

    fault: str
    allowed: Allowed


def egress_rule(
    inputs: cacerts.Inputs, guard: Guard, settings: Settings
) -> Callable[[Reader, Name, Written], Iterator[tuple[Name, ResolvedEgress]]]:
    """The rule from an Egress to what it comes to."""

    def resolve(reader: Reader, name: Name, written: Written) -> Iterator[tuple[Name, ResolvedEgress]]:
        ref, spec = Ref(DAEMUN, KIND, *name), written.spec
        refused = tuple(refusals(spec, guard))
        tls, missing, findings = _tls(reader, inputs, settings, ref, spec.tls)
        certificate, unfit = _certificate(reader, inputs, ref, spec.tls)
        port = HTTPS if spec.tls else HTTP
        allowed = Allowed(ref, spec.hosts, spec.ports or (port,), port)
        servers = tuple((one.address, one.port) for one in spec.name_servers)
        found = None if refused or missing or unfit else Egress(allowed, tls, certificate, servers)
        resolved = (*missing, *findings, *unfit)
        yield name, ResolvedEgress(ref, written.metadata.generation, found, refused, resolved)

    return resolve


def refusals(spec: EgressSpec, guard: Guard) -> Iterator[Finding]:
    """Hosts and name servers that no request may go to."""
    for index, host in enumerate(spec.hosts):
        where = place("spec.hosts", index)
        known = host if is_ip(host) else meant(host)
        if ":" in host and not is_ip(host):
            yield Finding("Invalid", where, f"{host} is no address", "Name a port in spec.ports.")
        elif why := guard.refuses(known) if known else "":
            text = f"{host} is not for requests: {why}"
            yield Finding("Invalid", where, text, "Name a host outside, or allow the address when Daemun is started.")
        elif is_ip(host) and spec.tls:
            text = f"{host} is an address, and with TLS a host is known by its name"
            yield Finding("Invalid", where, text, "Name the host.")
    for index, server in enumerate(spec.name_servers):
        where = f"{place('spec.nameServers', index)}.address"
        why = guard.refuses(server.address)
        if why:
            yield Finding("Invalid", where, f"{server.address} cannot be asked: {why}", "Name a DNS server.")


def _tls(
    reader: Reader, inputs: cacerts.Inputs, settings: Settings, ref: Ref, spec: EgressTls | None
) -> tuple[BackendTLS | None, tuple[Finding, ...], tuple[Finding, ...]]:
    """TLS if it is asked for, why it cannot be had, and what else is wrong with whom to trust."""
    if spec is None:
        return None, (), ()
    # The name is not known before a request says it.
    tls = BackendTLS(Origin(ref, "spec.tls"), "", ())
    where = "spec.tls.caCertificateRefs"
    if not spec.ca_certificate_refs:
        if not settings.system_authorities:
            text = "the machine has no file of well-known CA certificates"
            return None, (Finding("Invalid", where, text, "Install ca-certificates, or name ConfigMaps."),), ()
        return msgspec.structs.replace(tls, system=settings.system_authorities), (), ()
    refs = [
        (place(where, index), Ref(one.group, one.kind, one.namespace or ref.namespace, one.name))
        for index, one in enumerate(spec.ca_certificate_refs)
    ]
    bundle, findings = cacerts.resolve(reader, inputs, ref, refs, "InvalidKind")
    if not bundle:
        return None, (Finding("NoValidCACertificate", where, "none of them can be used"),), findings
    return msgspec.structs.replace(tls, bundle=bundle), (), findings


def _certificate(
    reader: Reader, inputs: cacerts.Inputs, ref: Ref, spec: EgressTls | None
) -> tuple[str, tuple[Finding, ...]]:
    """The Secret with the certificate that hosts are shown, and why it cannot be."""
    one = spec.client_certificate_ref if spec else None
    if one is None:
        return "", ()
    target = Ref(one.group, one.kind, one.namespace or ref.namespace, one.name)
    where, reason = "spec.tls.clientCertificateRef", "InvalidClientCertificateRef"
    fault = certificate_fault(reader, inputs.secrets, inputs.grants, ref, where, target, reason)
    return ("", (fault,)) if fault else (str(target.key), ())


def way_rule(_: Reader, name: Name, one: ResolvedEgress) -> Iterator[tuple[Name, Way]]:
    """From an Egress to what routes know of it."""
    if one.egress is not None:
        yield name, Way("", one.egress.allowed)
    else:
        first = next(iter((*one.not_accepted, *one.not_resolved)))
        yield name, Way(str(first), Allowed(one.ref, (), (), 0))


def egress_backends(ways: Collection[Name, Way]) -> Resolver:
    """How an Egress is a backend: of requests, which say where they go."""

    def resolve(reader: Reader, where: str, target: Ref, number: int | None, protocol: Protocol) -> Found:
        if protocol in {"tcp", "udp"}:
            text = f"{target} is for requests: a stream names no host"
            return Found(None, Finding("InvalidKind", where, text, "Name a Service or an Upstream."))
        way = reader.get(ways, target.key)
        if way is None:
            return Found(None, absent("BackendNotFound", where, target))
        if way.fault:
            text = f"{target} cannot be used, so nothing is sent there ({way.fault.rstrip('.')})"
            return Found(None, Finding("BackendNotFound", where, text, "See its status."))
        if number is not None and number not in way.allowed.ports:
            has = ", ".join(map(str, way.allowed.ports))
            return Found(None, Finding("BackendNotFound", where, f"{target} does not allow port {number} (but {has})"))
        return Found(BackendKey(target.namespace, target.name, number or 0, protocol, kind="egress"))

    return resolve


def egress_calls(ways: Collection[Name, Way], others: Call) -> Call:
    """What is done to requests for an Egress: those for other hosts are refused."""

    def call(
        reader: Reader, where: str, key: BackendKey | None, refs: tuple[tuple[str, LocalObjectReference], ...]
    ) -> Called:
        called = others(reader, where, key, refs)
        if key is None or key.kind != "egress":
            return called
        return Called((*called.uses, *_refusing(reader, ways, where, key)), called.findings)

    return call


def _refusing(reader: Reader, ways: Collection[Name, Way], where: str, key: BackendKey) -> Iterator[Use]:
    way = reader.get(ways, Name(key.namespace, key.name))
    if way is not None:
        yield Use(KIND, msgspec.structs.replace(way.allowed, ports=(key.port,)) if key.port else way.allowed, where)


def forwarding(ways: Collection[Name, Way]) -> Forward:
    """How an Egress is found by name alone."""
    found = egress_backends(ways)

    def forward(reader: Reader, where: str, name: Name) -> tuple[Found, tuple[Use, ...]]:
        one = found(reader, where, Ref(DAEMUN, KIND, *name), None, "http")
        return one, tuple(_refusing(reader, ways, where, one.key)) if one.key else ()

    return forward


def status_rule(
    rejections: Rejections, unread: Unread
) -> Callable[[Reader, Name, ResolvedEgress], Iterator[tuple[Ref, Status]]]:
    """The rule from an Egress to its status."""

    def status(reader: Reader, _: Name, one: ResolvedEgress) -> Iterator[tuple[Ref, Status]]:
        wrong = (*one.not_accepted, *rejected(reader, rejections, one.ref))
        accepted = condition("Accepted", one.generation, "Accepted", wrong)
        resolved = condition("ResolvedRefs", one.generation, "ResolvedRefs", unread.said(reader, one.not_resolved))
        yield one.ref, OwnStatus((accepted, resolved))

    return status


def problem_rule(rejections: Rejections) -> Callable[[Reader, Name, ResolvedEgress], Iterator[tuple[Ref, Problems]]]:
    """The rule from an Egress to what is wrong with it."""

    def problems(reader: Reader, _: Name, one: ResolvedEgress) -> Iterator[tuple[Ref, Problems]]:
        wrong = (*one.not_accepted, *one.not_resolved, *rejected(reader, rejections, one.ref))
        if wrong:
            yield one.ref, from_findings(one.ref, wrong)

    return problems
