"""One listener at a time: its protocol, its certificates, the kinds it takes, and whether another is in its way."""

from collections.abc import Iterator

import msgspec

from daemun.api import gateway as api
from daemun.api.core import Secret
from daemun.api.status import RouteGroupKindStatus
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi import certificates
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.kinds import KINDS_OF_PROTOCOL
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gatewayapi.resolved import ResolvedListener
from daemun.ir.listener import Listener
from daemun.ir.origin import Origin


class Inputs(msgspec.Struct, frozen=True):
    """The collections that listeners refer to."""

    secrets: Collection[Name, Secret]
    grants: GrantIndex


def resolve_listener(
    reader: Reader, inputs: Inputs, gateway: Ref, index: int, spec: api.Listener, bound_port: int
) -> ResolvedListener:
    """A listener by itself, before its neighbours are looked at."""
    where = f"spec.listeners[{index}]"
    offered = KINDS_OF_PROTOCOL.get(spec.protocol, ())
    not_accepted: list[Finding] = []
    not_resolved: list[Finding] = []
    kinds = tuple(_kinds(where, spec, offered, not_resolved))
    secrets: tuple[str, ...] = ()
    if not offered:
        not_accepted.append(
            Finding("UnsupportedProtocol", f"{where}.protocol", f"{spec.protocol} is not served", "Use HTTP or HTTPS.")
        )
    elif spec.protocol == "HTTPS":
        secrets = tuple(_secrets(reader, inputs, gateway, where, spec, not_resolved))
    listener = None
    if offered:
        listener = Listener(
            name=spec.name,
            origin=Origin(gateway, where),
            port=spec.port,
            protocol="HTTPS" if spec.protocol == "HTTPS" else "HTTP",
            hostname=spec.hostname or "",
            secrets=secrets,
        )
    return ResolvedListener(
        name=spec.name,
        port=spec.port,
        protocol=spec.protocol,
        bound_port=bound_port,
        hostname=spec.hostname or "",
        namespaces=spec.allowed_routes.namespaces,
        kinds=kinds,
        listener=listener,
        not_accepted=tuple(not_accepted),
        not_resolved=tuple(not_resolved),
    )


def _kinds(
    where: str, spec: api.Listener, offered: tuple[str, ...], findings: list[Finding]
) -> Iterator[RouteGroupKindStatus]:
    wanted = spec.allowed_routes.kinds
    if not wanted:
        yield from (RouteGroupKindStatus(GATEWAY, kind) for kind in offered)
        return
    for index, kind in enumerate(wanted):
        if kind.group == GATEWAY and kind.kind in offered:
            yield RouteGroupKindStatus(kind.group, kind.kind)
        elif offered:
            findings.append(
                Finding(
                    "InvalidRouteKinds",
                    f"{where}.allowedRoutes.kinds[{index}]",
                    f"a listener with protocol {spec.protocol} takes no {kind.kind} of group {kind.group!r}",
                    f"It takes {' and '.join(offered)}.",
                )
            )


def _secrets(
    reader: Reader, inputs: Inputs, gateway: Ref, where: str, spec: api.Listener, findings: list[Finding]
) -> Iterator[str]:
    refs = spec.tls.certificate_refs if spec.tls else ()
    if not refs:
        findings.append(
            Finding(
                "InvalidCertificateRef",
                f"{where}.tls.certificateRefs",
                "an HTTPS listener needs a certificate",
                "Name a Secret of type kubernetes.io/tls.",
            )
        )
    for index, ref in enumerate(refs):
        here = f"{where}.tls.certificateRefs[{index}]"
        target = Ref(ref.group, ref.kind, ref.namespace or gateway.namespace, ref.name)
        finding = _certificate_fault(reader, inputs, gateway, here, target)
        if finding is None:
            yield str(target.key)
        else:
            findings.append(finding)


def _certificate_fault(reader: Reader, inputs: Inputs, gateway: Ref, where: str, target: Ref) -> Finding | None:
    if (target.group, target.kind) != ("", "Secret"):
        return Finding("InvalidCertificateRef", where, f"{target.kind} is not a kind of certificate", "Name a Secret.")
    if not permitted(reader, inputs.grants, gateway, target):
        text = f"{target} is in another namespace, which has not granted it"
        return Finding("RefNotPermitted", where, text, grant_to_write(gateway, target))
    secret = reader.get(inputs.secrets, target.key)
    if secret is None:
        return Finding("InvalidCertificateRef", where, f"{target} does not exist")
    fault = certificates.fault(secret)
    return Finding("InvalidCertificateRef", where, f"{target} cannot be served: {fault}") if fault else None


def with_conflicts(listeners: list[ResolvedListener]) -> Iterator[ResolvedListener]:
    """The listeners with what they find in each other's way (Gateway API, "Distinct Listeners").

    Listeners of one Gateway that conflict all lose: none of them can claim to be the one that was meant. One whose
    protocol is not served is in nobody's way ("if an implementation does not support TCP Protocol Listeners …").
    """
    for one in listeners:
        if one.listener is None:
            yield one
            continue
        same_port = [
            other for other in listeners if other is not one and other.listener and other.bound_port == one.bound_port
        ]
        finding = _conflict(one, same_port)
        if finding is None:
            yield one
        elif finding.reason == "PortUnavailable":
            yield msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))
        else:
            yield msgspec.structs.replace(one, conflicted=(finding,))


def _conflict(one: ResolvedListener, same_port: list[ResolvedListener]) -> Finding | None:
    for other in same_port:
        if one.port == other.port and one.protocol != other.protocol:
            text = f"listener {other.name} has protocol {other.protocol} on the same port {one.port}"
            return Finding("ProtocolConflict", "", text, "Give one of them another port.")
        if one.port == other.port and one.hostname == other.hostname:
            host = one.hostname or "any host"
            text = f"listener {other.name} has the same port {one.port} and hostname ({host})"
            return Finding("HostnameConflict", "", text, "Give one of them another hostname or port.")
        if one.port != other.port and one.port != one.bound_port:
            text = f"port {one.port} is bound as {one.bound_port} here, which listener {other.name} has"
            return Finding("PortUnavailable", "", text, "Give one of them another port.")
    return None
