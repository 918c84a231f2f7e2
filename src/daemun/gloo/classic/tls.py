"""sslConfig of VirtualServices and TCP hosts: the certificate that answers, and what clients must show."""

from typing import NamedTuple

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.ssl import SslConfig
from daemun.base.durations import nanoseconds
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.tls import cacerts, certificates
from daemun.gatewayapi.tls.flaws import flaw
from daemun.gatewayapi.tls.handshakes import checked
from daemun.gatewayapi.tls.options import subject_name
from daemun.gloo.settings.scope import Scope
from daemun.gloo.tls.handshakes import handshake
from daemun.gloo.tls.outside import faults, source_of
from daemun.gloo.upstreams.internals import INTERNAL, MEND, server_fault
from daemun.ir.tls import ClientValidation, Handshake, Outside

_FIELDS = {
    "maximum": "parameters.maximumProtocolVersion",
    "ciphers": "parameters.cipherSuites",
    "curves": "parameters.ecdhCurves",
    "alpn": "alpnProtocols",
}


class Secrets(NamedTuple):
    """Where Secrets are, and which servers may be asked for what is in none of them."""

    held: Collection[Name, Secret]
    settings: Settings


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """What a handshake is answered with: what is in a Secret, or comes from `outside`."""

    secret: str = ""
    outside: Outside | None = None
    clients: ClientValidation | None = None
    handshake: Handshake | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What comes by SDS from us."""
        return (self.secret,) if self.secret else ()


class Ended(msgspec.Struct, frozen=True, gc=False):
    """TLS that is ended, or why it cannot be (`faults`); `notes` are what is wrong besides, or has no effect."""

    certificate: Certificate | None = None
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def ended(reader: Reader, secrets: Secrets, scope: Scope, home: str, where: str, ssl: SslConfig) -> Ended:
    """What an sslConfig comes to. A Secret without namespace is of `home`, that of the object it stands in.

    A Secret may be of any namespace, as with Gloo. With a CA in it clients must show a certificate, unless TLS is
    `oneWayTls` (SslConfig).
    """
    agreed = checked(_handshake(ssl), lambda part: f"{where}.{_FIELDS[part]}", "Invalid")
    notes = agreed.notes
    if agreed.faults:
        return Ended(None, agreed.faults, notes)
    ref = ssl.secret_ref
    wanted = agreed.handshake if agreed.handshake != Handshake() else None
    if ref is None:
        return _from_outside(secrets, scope, where, ssl, wanted, notes)
    here = f"{where}.secretRef"
    name = Name(ref.namespace or home, ref.name)
    secret = reader.get(secrets.held, name)
    if secret is None:
        return Ended(None, (absent("SecretNotFound", here, Ref(CORE, "Secret", *name)),), notes)
    bad = certificates.fault(secret)
    if bad:
        return Ended(None, (Finding("Invalid", here, f"Secret {name} cannot be served: {bad}"),), notes)
    needed = ssl.ocsp_staple_policy == "MUST_STAPLE"
    bad = certificates.staple_fault(secret, needed=needed)
    if bad and needed:
        return Ended(None, (Finding("Invalid", here, f"Secret {name} cannot be served: {bad}"),), notes)
    if bad:
        notes += (Finding("Invalid", here, f"the certificate of Secret {name} is shown without a staple: {bad}"),)
    notes += tuple(
        Finding("Invalid", here, f"{key} of Secret {name} {found}", "Renew it.")
        for key in (certificates.CERTIFICATE, certificates.STAPLE)
        if (found := flaw(secret, key))
    )
    clients = None
    one_way = _one_way(scope, ssl)
    if secret.get(cacerts.KEY) and not one_way:
        broken = cacerts.fault(secret)
        if broken:
            text = f"{broken[0]} of Secret {name} {broken[1]}"
            return Ended(None, (Finding("Invalid", here, text),), notes)
        notes += tuple(
            msgspec.structs.replace(one, reason="Invalid")
            for one in cacerts.troubles([(f"Secret {name}", here, secret)])
        )
        names = tuple(map(subject_name, ssl.verify_subject_alt_name))
        clients = ClientValidation((Ref(CORE, "Secret", *name),), names=names)
    elif ssl.verify_subject_alt_name:
        why = "TLS is one-way" if one_way else f"Secret {name} has no {cacerts.KEY}"
        text = f"names are wanted in certificates that no client is asked for: {why}"
        return Ended(None, (Finding("Invalid", f"{where}.verifySubjectAltName", text, "Remove them, or ask."),), notes)
    return Ended(Certificate(str(name), clients=clients, handshake=wanted), (), notes)


def _one_way(scope: Scope, ssl: SslConfig) -> bool:
    return scope.one_way if ssl.one_way_tls is None else ssl.one_way_tls


def _from_outside(
    secrets: Secrets, scope: Scope, where: str, ssl: SslConfig, wanted: Handshake | None, notes: tuple[Finding, ...]
) -> Ended:
    """What comes from files on the proxy's machine, or from an SDS server: nobody here can look at it."""
    source = source_of(ssl.ssl_files, ssl.sds)
    if source is None or not source.certificate:
        text = "names no certificate to answer with"
        fault = Finding("Invalid", where, text, "Name a Secret, tlsCert and tlsKey, or an SDS server.")
        return Ended(None, (fault,), notes)
    wrong = tuple(Finding("Invalid", at, text, mend) for at, text, mend in faults(ssl.ssl_files, ssl.sds, where))
    if ssl.sds is not None and (why := server_fault(ssl.sds.target_uri, secrets.settings)):
        wrong += (Finding(INTERNAL, f"{where}.sds.targetUri", why, MEND),)
    asks = bool(source.authority) and not _one_way(scope, ssl)
    if ssl.verify_subject_alt_name and not asks:
        text = "names are wanted in certificates that no client is asked for"
        wrong += (Finding("Invalid", f"{where}.verifySubjectAltName", text, "Remove them, or ask."),)
    if wrong:
        return Ended(None, wrong, notes)
    if not asks:
        source = msgspec.structs.replace(source, authority="")
    names = tuple(map(subject_name, ssl.verify_subject_alt_name))
    return Ended(Certificate(outside=Outside(source, asks, names), handshake=wanted), (), notes)


def _handshake(ssl: SslConfig) -> Handshake:
    timeout = ssl.transport_socket_connect_timeout
    return msgspec.structs.replace(
        handshake(ssl.parameters, ssl.alpn_protocols),
        resumes=not ssl.disable_tls_session_resumption,
        stapling=ssl.ocsp_staple_policy,
        seconds=nanoseconds(timeout) / 10**9 if timeout else 0.0,
    )
