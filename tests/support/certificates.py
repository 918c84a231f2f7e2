"""Certificates for the stories, made by `cryptography` on the spot."""

import datetime
import ssl
import tempfile
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Pair = tuple[bytes, bytes]
"""A certificate and its key, in PEM."""
_DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates, and makes clients that trust them."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        # Who verifies finds an issuer by its name, so each has its own.
        self._name = _name(f"Test CA {x509.random_serial_number():x}")
        builder = _builder(self._name, self._name, self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate, for whoever is to trust it."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, *hosts: str) -> Pair:
        """A certificate for these hosts (and URIs) and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(host) if "://" in host else x509.DNSName(host) for host in hosts]
        )
        builder = _builder(_name(hosts[0]), self._name, key).add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM), pem

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


def _note_name(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.sni = name  # type: ignore[union-attr]


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


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _DAY).not_valid_after(now + _DAY)
