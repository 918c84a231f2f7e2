"""Client certificates: those that a Gateway shows to its backends, and the checks of those that clients show to it."""

from collections.abc import Iterator

import msgspec

from daemun.api.gateway import FrontendTLSValidation, Gateway
from daemun.base.names import Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding, place
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedListener
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls.certificates import CERTIFICATE
from daemun.gatewayapi.tls.certrefs import certificate_fault
from daemun.gatewayapi.tls.flaws import flaw
from daemun.ir.tls import ClientValidation

_FALLBACK = "AllowInsecureFallback"


def shown_to_backends(
    reader: Reader, inputs: cacerts.Inputs, gateway: Ref, spec: Gateway
) -> tuple[str, tuple[Finding, ...]]:
    """The Secret with the certificate that a Gateway shows to its backends, and what is wrong with it.

    Without a good one none is shown: it is for the backend to refuse that (Gateway API, GatewayBackendTLS).
    """
    ref = spec.spec.tls.backend.client_certificate_ref if spec.spec.tls and spec.spec.tls.backend else None
    if ref is None:
        return "", ()
    where = "spec.tls.backend.clientCertificateRef"
    target = Ref(ref.group, ref.kind, ref.namespace or gateway.namespace, ref.name)
    finding = certificate_fault(
        reader, inputs.secrets, inputs.grants, gateway, where, target, "InvalidClientCertificateRef"
    )
    if finding is not None:
        return "", (finding,)
    secret = reader.get(inputs.secrets, target.key)
    found = flaw(secret, CERTIFICATE) if secret is not None else ""
    reason, text = "InvalidClientCertificateRef", f"{CERTIFICATE} of {target} {found}"
    return str(target.key), (Finding(reason, where, text, "Renew it."),) if found else ()


def certificate_rule(_: Reader, __: object, gateway: ResolvedGateway) -> Iterator[tuple[str, str]]:
    """From a Gateway to the Secret that its proxy shows to backends."""
    if gateway.client_certificate:
        yield gateway.proxy, gateway.client_certificate


def asked_of_clients(
    reader: Reader, inputs: cacerts.Inputs, gateway: Ref, spec: Gateway, one: ResolvedListener
) -> ResolvedListener:
    """The listener, as far as clients must show it certificates. What cannot be checked is not let in.

    An entry for its port counts before the default. Listeners that are not HTTPS are not concerned (Gateway API,
    FrontendTLSConfig).
    """
    wanted = _validation(spec, one.port)
    if one.protocol != "HTTPS" or one.listener is None:
        return one
    asked = one.listener.clients
    if wanted is None:
        if asked is None:
            return one
        text = "its options are about certificates of clients, but no authorities are named for these"
        finding = Finding("NoValidCACertificate", "", text, "Name them in the Gateway's spec.tls.frontend.")
        return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))
    where, validation = wanted
    # The field is the Gateway's: a ListenerSet cannot point to it.
    where = f"{where}.caCertificateRefs" if one.owner == gateway else ""
    refs = [
        (place(where, at) if where else "", Ref(ref.group, ref.kind, ref.namespace or gateway.namespace, ref.name))
        for at, ref in enumerate(validation.ca_certificate_refs)
    ]
    bundle, findings = cacerts.resolve(reader, inputs, gateway, refs, "InvalidCACertificateKind")
    not_resolved = (*one.not_resolved, *findings)
    if not bundle:
        text = f"none of the CA certificates for clients of port {one.port} can be used"
        not_accepted = (*one.not_accepted, Finding("NoValidCACertificate", where, text))
        return msgspec.structs.replace(one, not_accepted=not_accepted, not_resolved=not_resolved)
    clients = msgspec.structs.replace(asked or ClientValidation(()), bundle=bundle)
    if validation.mode == _FALLBACK:
        clients = msgspec.structs.replace(clients, mode="any")
        if clients.names or clients.depth is not None or clients.leaf_only or clients.told:
            text = f"the Gateway lets anybody in ({_FALLBACK}), so its options about certificates guard nothing"
            refused = Finding("UnsupportedValue", "", text, "Use AllowValidOnly, or remove them.")
            return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, refused))
    listener = msgspec.structs.replace(one.listener, clients=clients)
    return msgspec.structs.replace(one, listener=listener, not_resolved=not_resolved)


def _validation(spec: Gateway, port: int) -> tuple[str, FrontendTLSValidation] | None:
    """How clients of a port are checked, and the field that says so."""
    frontend = spec.spec.tls.frontend if spec.spec.tls else None
    if frontend is None:
        return None
    where, config = "spec.tls.frontend.default", frontend.default
    for index, entry in enumerate(frontend.per_port):
        if entry.port == port:
            where, config = f"{place('spec.tls.frontend.perPort', index)}.tls", entry.tls
    return (f"{where}.validation", config.validation) if config.validation else None


def fallbacks(spec: Gateway) -> Iterator[Finding]:
    """The fields that let clients in whatever they show; it must be told (InsecureFrontendValidationMode)."""
    frontend = spec.spec.tls.frontend if spec.spec.tls else None
    if frontend is None:
        return
    configs = [("spec.tls.frontend.default", frontend.default)]
    configs += [
        (f"{place('spec.tls.frontend.perPort', index)}.tls", entry.tls) for index, entry in enumerate(frontend.per_port)
    ]
    for where, config in configs:
        if config.validation and config.validation.mode == _FALLBACK:
            text = "clients are let in without a certificate, or with one that nobody vouches for"
            yield Finding("ConfigurationChanged", f"{where}.validation.mode", text, "Use AllowValidOnly.")
