"""Certificates of our own: an authority that proxies trust, those of the servers that they connect to (the xDS server
and that of authorization), and the one by which proxies prove to the latter that they are some. Pure, but for keys.

All is one mapping of names to PEM, as the Secret holds it. `renewed` says what it should be at a moment: a certificate
is replaced after two thirds of its life; an authority is announced a day before it signs, so that every proxy knows it
by then, and is remembered for a day after it was replaced.
"""

import datetime
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, AUTHORITY_KEY = "ca.crt", "ca.key"
NEXT, NEXT_KEY = "next-ca.crt", "next-ca.key"
FORMER = "former-ca.crt"
SERVER, SERVER_KEY = "tls.crt", "tls.key"
AUTH, AUTH_KEY = "auth.crt", "auth.key"
LIMITS, LIMITS_KEY = "limits.crt", "limits.key"
PROXY, PROXY_KEY = "proxy.crt", "proxy.key"
TRUST = "trust.crt"
"""Every authority that counts, for who reads the Secret itself."""
SPREAD = datetime.timedelta(days=1)
"""How long an authority is known before it signs, and after it did."""
AUTHORITY_LIFE = datetime.timedelta(days=3 * 365)
SERVER_LIFE = datetime.timedelta(days=90)
_SKEW = datetime.timedelta(minutes=5)

Pems = Mapping[str, bytes]


class Entry(NamedTuple):
    """A certificate, whose it is and what for, and its key."""

    host: str
    name: str
    key: str
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH


class Hosts(NamedTuple):
    """What the servers are called: the xDS server, and if there are such that of authorization and that of limits."""

    xds: str
    auth: str = ""
    limits: str = ""

    def entries(self) -> list[Entry]:
        """What is to be there."""
        found = [Entry(self.xds, SERVER, SERVER_KEY)]
        if self.auth:
            found.append(Entry(self.auth, AUTH, AUTH_KEY))
        if self.limits:
            found.append(Entry(self.limits, LIMITS, LIMITS_KEY))
        if asked := self.auth or self.limits:
            found.append(Entry(f"proxy.{asked}", PROXY, PROXY_KEY, ExtendedKeyUsageOID.CLIENT_AUTH))
        return found


class Authority(msgspec.Struct, frozen=True):
    """A certificate authority, able to sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def bundle(pems: Pems) -> str:
    """All authorities that may have signed the server's certificate, now or soon."""
    return "".join(pems[name].decode() for name in (AUTHORITY, NEXT, FORMER) if name in pems)


def renewed(pems: Pems, hosts: Hosts, now: datetime.datetime) -> Pems:
    """The certificates as they should be: the same if nothing is due. What cannot be read is made anew."""
    found = _renewed(pems, hosts, now)
    return {**found, TRUST: bundle(found).encode()}


def _renewed(pems: Pems, hosts: Hosts, now: datetime.datetime) -> Pems:
    authority = _authority(pems, AUTHORITY, AUTHORITY_KEY)
    if authority is None or authority.certificate.not_valid_after_utc <= now or _ahead(authority.certificate, now):
        made = _new_authority(now)
        return _all_signed(_entries(made, AUTHORITY, AUTHORITY_KEY), made, hosts, now)
    following = _authority(pems, NEXT, NEXT_KEY)
    if following is not None and _begun(following.certificate) + SPREAD <= now:
        kept = {FORMER: pems[AUTHORITY]} | _entries(following, AUTHORITY, AUTHORITY_KEY)
        return _all_signed(kept, following, hosts, now)
    after = dict(pems)
    if following is None and _due(authority.certificate, now):
        after |= _entries(_new_authority(now), NEXT, NEXT_KEY)
    if FORMER in after and _begun(authority.certificate) + 2 * SPREAD <= now:
        del after[FORMER]
    for one in hosts.entries():
        if not _serves(_authority(after, one.name, one.key), authority, one.host, now):
            after |= _signed(authority, one, now)
    return after


def _all_signed(pems: Pems, authority: Authority, hosts: Hosts, now: datetime.datetime) -> Pems:
    """With new certificates of all."""
    made = dict(pems)
    for one in hosts.entries():
        made |= _signed(authority, one, now)
    return made


def _authority(pems: Pems, name: str, key_name: str) -> Authority | None:
    try:
        certificate = x509.load_pem_x509_certificate(pems[name])
        key = load_pem_private_key(pems[key_name], None)
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Authority(certificate, key)


def _serves(server: Authority | None, authority: Authority, host: str, now: datetime.datetime) -> bool:
    """Whether a server's certificate is good for a while yet."""
    if server is None or _due(server.certificate, now) or _ahead(server.certificate, now):
        return False
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
        names = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return host in names.get_values_for_type(x509.DNSName)


def _due(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begin + (end - begin) * 2 / 3


def _ahead(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    """Whether it is not valid yet: it was made by a clock that was put right since."""
    return now < certificate.not_valid_before_utc


def _begun(certificate: x509.Certificate) -> datetime.datetime:
    """When it was made."""
    return certificate.not_valid_before_utc + _SKEW


def _new_authority(now: datetime.datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A name of its own: among several authorities a client finds the right one by its name.
    name = _name(f"Daemun xDS authority {serial:x}"[:60])
    builder = _builder(name, name, key, serial, now, AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _signed(authority: Authority, entry: Entry, now: datetime.datetime) -> dict[str, bytes]:
    """A new certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    serial = x509.random_serial_number()
    builder = _builder(_name(entry.host[:60]), issuer, key, serial, now, SERVER_LIFE)
    public = authority.key.public_key()
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(entry.host)]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([entry.usage]), critical=False)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    certificate = builder.sign(authority.key, hashes.SHA256())
    return _entries(Authority(certificate, key), entry.name, entry.key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    serial: int,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + life)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _entries(one: Authority, name: str, key_name: str) -> dict[str, bytes]:
    key = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {name: one.certificate.public_bytes(Encoding.PEM), key_name: key}
