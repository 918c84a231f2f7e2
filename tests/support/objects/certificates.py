"""Certificates for the stories, made by `cryptography` on the spot."""

import asyncio
import datetime
import ssl
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

Pair = tuple[bytes, bytes]
"""A certificate and its key, in PEM."""
_DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates, and makes clients that trust them. One `under` another is an intermediate authority."""

    def __init__(self, under: "Authority | None" = None, days: tuple[float, float] = (-1, 1)) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._under = under
        # Who verifies finds an issuer by its name, so each has its own.
        self.name = _name(f"Test CA {x509.random_serial_number():x}")
        issuer, signer = (under.name, under._key) if under else (self.name, self._key)
        builder = _builder(self.name, issuer, self._key.public_key(), days)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(signer, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate, for whoever is to trust it."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self, *hosts: str, days: tuple[float, float] = (-1, 1), names: Sequence[x509.GeneralName] = (), **extra: Any
    ) -> Pair:
        """A certificate for these hosts (and URIs) and its key, in PEM, with the authorities in between.

        `days` are those from and until when it is valid, from now; `names` those that are not of the usual kinds.
        `usage` are the only uses it is for; with `must_staple` it says that it needs an OCSP response. `common` is its
        common name, where that is not the first host. With `by_rsa` its key is one of RSA.
        """
        by_rsa = extra.get("by_rsa", False)
        key = rsa.generate_private_key(65537, 2048) if by_rsa else ec.generate_private_key(ec.SECP256R1())
        every = [x509.UniformResourceIdentifier(host) if "://" in host else x509.DNSName(host) for host in hosts]
        builder = _builder(
            _name(extra.get("common", hosts[0] if hosts else "no host")), self.name, key.public_key(), days
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([*every, *names]), critical=False)
        if "usage" in extra:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extra["usage"]), critical=False)
        if extra.get("must_staple"):
            builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate + (self.pem.encode() if self._under else b""), pem

    def certify(self, key: bytes, uri: str, days: tuple[float, float] = (-1, 1)) -> bytes:
        """A certificate in PEM for somebody else's public key, with an identity."""
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        public = load_pem_public_key(key)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        builder = _builder(x509.Name([]), self.name, public, days).add_extension(names, critical=True)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def revoked(self, *pairs: Pair, days: tuple[float, float] = (-1, 1)) -> str:
        """Its list of what it has revoked, in PEM."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(now + days[0] * _DAY).next_update(now + days[1] * _DAY)
        for certificate, _ in pairs:
            serial = x509.load_pem_x509_certificate(certificate).serial_number
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _DAY).build()
            builder = builder.add_revoked_certificate(one)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def staple(self, pair: Pair, *, days: tuple[float, float] = (-1, 1)) -> bytes:
        """That a certificate of it is good (an OCSP response), in DER."""
        now = datetime.datetime.now(datetime.UTC)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=x509.load_pem_x509_certificate(pair[0]),
            issuer=self._certificate,
            algorithm=hashes.SHA1(),  # noqa: S303 - as the protocol has it
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now + days[0] * _DAY,
            next_update=now + days[1] * _DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self._certificate)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def client(self, *protocols: str, pair: Pair | None = None) -> ssl.SSLContext:
        """A client that trusts this authority, speaks these protocols (ALPN) and shows this certificate."""
        context = ssl.create_default_context(cadata=self.pem)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        if pair is not None:
            _load(context, pair)
        return context

    def server(self, *hosts: str) -> ssl.SSLContext:
        """A server with a certificate for these hosts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(self.issue(*hosts)))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def locked(key: bytes, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """The same key, encrypted with a password that nobody has."""
    return load_pem_private_key(key, None).private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"of nobody"))


def server(pair: Pair, clients: Authority | None = None) -> ssl.SSLContext:
    """A server with this certificate, whose clients must show one of an authority if one is given.

    It notes the server name that a client asks for as `sni` of the connection.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=clients.pem if clients else None)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = _note_name
    _load(context, pair)
    return context


def shown_to(writer: asyncio.StreamWriter) -> bytes:
    """The certificate that the other end of a connection has shown, in DER."""
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def _note_name(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.sni = name  # type: ignore[union-attr]  # an attribute of ours


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    """Python takes certificates from files only."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(pair))
        file.flush()
        context.load_cert_chain(file.name)


@cache
def authority() -> Authority:
    """The one that all stories share."""
    return Authority()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, days: tuple[float, float] = (-1, 1)
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now + days[0] * _DAY).not_valid_after(now + days[1] * _DAY)
