"""sslConfig of VirtualServices and TCP hosts: the certificate that answers, and what clients must show."""

from collections.abc import Iterator

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.ssl import SslConfig
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi import certificates
from daemun.gatewayapi.cacerts import KEY as AUTHORITIES
from daemun.gatewayapi.cacerts import certificates as authorities
from daemun.gatewayapi.findings import Finding
from daemun.gloo.classic.scope import Scope
from daemun.ir.tls import ClientValidation, Handshake

_AUTO = "TLS_AUTO"
Secrets = Collection[Name, Secret]


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """What a handshake is answered with."""

    secret: str
    clients: ClientValidation | None = None
    handshake: Handshake | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """TLS that is ended, or why it cannot be (`faults`); `notes` are what is asked for and left alone."""

    certificate: Certificate | None = None
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def ended(reader: Reader, secrets: Secrets, scope: Scope, home: str, where: str, ssl: SslConfig) -> Ended:
    """What an sslConfig comes to. A Secret without namespace is of `home`, that of the object it stands in.

    A Secret may be of any namespace, as with Gloo. With a CA in it clients must show a certificate, unless TLS is
    `oneWayTls` (SslConfig).
    """
    notes = tuple(_notes(where, ssl))
    ref = ssl.secret_ref
    if ref is None:
        text = "certificates come from Secrets only: files on the proxy's machine and SDS servers are not served"
        fault = Finding("NotServed", where, text, "Put the certificate into a Secret, and name it in secretRef.")
        return Ended(None, (fault,), notes)
    here = f"{where}.secretRef"
    name = Name(ref.namespace or home, ref.name)
    secret = reader.get(secrets, name)
    if secret is None:
        return Ended(None, (Finding("SecretNotFound", here, f"Secret {name} does not exist"),), notes)
    bad = certificates.fault(secret)
    if bad:
        return Ended(None, (Finding("Invalid", here, f"Secret {name} cannot be served: {bad}"),), notes)
    clients = None
    one_way = scope.one_way if ssl.one_way_tls is None else ssl.one_way_tls
    held = secret.get(AUTHORITIES)
    if held and not one_way:
        if not authorities(held):
            text = f"{AUTHORITIES} of Secret {name} holds no PEM certificates, or a broken one"
            return Ended(None, (Finding("Invalid", here, text),), notes)
        clients = ClientValidation((Ref(CORE, "Secret", *name),), names=ssl.verify_subject_alt_name)
    return Ended(Certificate(str(name), clients, _handshake(ssl)), (), notes)


def _handshake(ssl: SslConfig) -> Handshake | None:
    said = ssl.parameters
    if said is None and not ssl.alpn_protocols:
        return None
    if said is None:
        return Handshake(alpn=ssl.alpn_protocols)
    return Handshake(
        minimum="" if said.minimum_protocol_version == _AUTO else said.minimum_protocol_version,
        maximum="" if said.maximum_protocol_version == _AUTO else said.maximum_protocol_version,
        ciphers=said.cipher_suites,
        curves=said.ecdh_curves,
        alpn=ssl.alpn_protocols,
    )


def _notes(where: str, ssl: SslConfig) -> Iterator[Finding]:
    """Fields that have no effect here."""
    for field, given in (
        ("disableTlsSessionResumption", ssl.disable_tls_session_resumption),
        ("transportSocketConnectTimeout", ssl.transport_socket_connect_timeout),
        ("ocspStaplePolicy", ssl.ocsp_staple_policy != "LENIENT_STAPLING"),
    ):
        if given:
            yield Finding("NotServed", f"{where}.{field}", "is not served: it has no effect", "Remove it.")
