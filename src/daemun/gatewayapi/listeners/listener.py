"""One listener at a time: its protocol, its certificates, and the kinds of routes it takes."""

from collections.abc import Iterator
from typing import cast

import msgspec

from daemun.api import gateway as api
from daemun.api.core import Secret
from daemun.api.meta import List
from daemun.api.status import RouteGroupKindStatus
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.references import GrantIndex
from daemun.gatewayapi.resolved import ResolvedListener
from daemun.gatewayapi.routes.kinds import KINDS_OF_PROTOCOL
from daemun.gatewayapi.tls import certificates
from daemun.gatewayapi.tls import options as tlsoptions
from daemun.gatewayapi.tls.certrefs import certificate_fault
from daemun.gatewayapi.tls.flaws import flaw
from daemun.ir.listener import Listener, ListenerProtocol
from daemun.ir.origin import Origin

_PROTOCOLS = f"Use {', '.join(KINDS_OF_PROTOCOL)}."


class Inputs(msgspec.Struct, frozen=True):
    """The collections that listeners refer to."""

    secrets: Collection[Name, Secret]
    grants: GrantIndex


def resolve_listener(
    reader: Reader, inputs: Inputs, owner: Ref, index: int, spec: api.Listener, bound_port: int
) -> ResolvedListener:
    """A listener by itself, before its neighbours are looked at."""
    where = f"spec.listeners[{index}]"
    offered = KINDS_OF_PROTOCOL.get(spec.protocol, ())
    not_accepted: list[Finding] = []
    not_resolved: list[Finding] = []
    kinds = tuple(_kinds(where, spec, offered, not_resolved))
    secrets: tuple[str, ...] = ()
    terminates = spec.protocol == "HTTPS" or (
        spec.protocol == "TLS" and spec.tls is not None and spec.tls.mode == "Terminate"
    )
    if not offered:
        not_accepted.append(
            Finding("UnsupportedProtocol", f"{where}.protocol", f"{spec.protocol} is not served", _PROTOCOLS)
        )
    elif terminates:
        secrets = tuple(_secrets(reader, inputs, owner, where, spec, not_resolved))
    listener = None
    options = tlsoptions.read(f"{where}.tls.options", spec.protocol, _options(spec) if terminates else {})
    not_accepted += options.faults
    if offered:
        listener = Listener(
            name=spec.name,
            chain=_chain(owner, spec.name),
            origin=Origin(owner, where),
            port=spec.port,
            protocol=cast("ListenerProtocol", spec.protocol),
            hostname=spec.hostname or "",
            secrets=secrets,
            clients=options.clients,
            terminates=terminates,
            handshake=options.handshake,
        )
    return ResolvedListener(
        owner=owner,
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


def _chain(owner: Ref, name: str) -> str:
    """A name for the whole proxy, which is its Gateway's; the API's names have no slash."""
    return name if owner.kind == "Gateway" else f"{owner.key}/{name}"


def notes(listeners: List[api.Listener]) -> Iterator[Finding]:
    """What listeners ask for and is left alone without harm: it must not be passed over in silence."""
    for index, listener in enumerate(listeners):
        yield from tlsoptions.read(f"spec.listeners[{index}].tls.options", listener.protocol, _options(listener)).notes


def _options(listener: api.Listener) -> dict[str, str]:
    return listener.tls.options if listener.tls else {}


def _must_staple(listener: api.Listener) -> bool:
    options = tlsoptions.read("", listener.protocol, _options(listener))
    return options.handshake is not None and options.handshake.stapling == "MUST_STAPLE"


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
    reader: Reader, inputs: Inputs, owner: Ref, where: str, spec: api.Listener, findings: list[Finding]
) -> Iterator[str]:
    refs = spec.tls.certificate_refs if spec.tls else ()
    if not refs:
        findings.append(
            Finding(
                "InvalidCertificateRef",
                f"{where}.tls.certificateRefs",
                "a listener that ends TLS needs a certificate",
                "Name a Secret of type kubernetes.io/tls.",
            )
        )
    must_staple = _must_staple(spec)
    for index, ref in enumerate(refs):
        here = f"{where}.tls.certificateRefs[{index}]"
        target = Ref(ref.group, ref.kind, ref.namespace or owner.namespace, ref.name)
        reason = "InvalidCertificateRef"
        finding = certificate_fault(reader, inputs.secrets, inputs.grants, owner, here, target, reason)
        if finding is not None:
            findings.append(finding)
            continue
        secret = reader.get(inputs.secrets, target.key)
        assert secret is not None  # noqa: S101 - or there was a finding
        text = certificates.staple_fault(secret, needed=must_staple)
        if text:
            without = "so nothing is served of it" if must_staple else "so the certificate is shown without"
            findings.append(Finding(reason, here, f"{target}: {text}, {without}"))
        findings += (
            Finding(reason, here, f"{key} of {target} {found}", "Renew it.")
            for key in (certificates.CERTIFICATE, certificates.STAPLE)
            if (found := flaw(secret, key))
        )
        if not (text and must_staple):
            yield str(target.key)
