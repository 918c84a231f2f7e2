"""Istio's authority: a certificate for a key that is made here, by the token of a ServiceAccount.

(istio.io/api, `security/v1alpha1/ca.proto`: `IstioCertificateService`.) Istiod decides by the token who we are; what
the request itself says of names counts for nothing. The key never leaves but to proxies, by SDS.
"""

import asyncio
import datetime
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from daemun.ir.identity import Credential, Identity
from daemun.sources.registries.registry import RegistryError

_METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
_SECONDS = 10.0
_LIFE_SECONDS = 24 * 3600
_LEAST_SECONDS = 1.0
"""Between two certificates, however short they live."""
_TOKEN_MEND = "Give the file with a token for the audience of istiod (istio-ca)."  # noqa: S105 - no token
_SAID = {
    grpc.StatusCode.UNAUTHENTICATED: ("does not take the token", _TOKEN_MEND),
    grpc.StatusCode.PERMISSION_DENIED: ("permits it not", ""),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("does not answer", ""),
}


class Istiod(msgspec.Struct, frozen=True):
    """Where istiod is, HOST:PORT, and the files with our token and with whom its own certificate must come from."""

    address: str
    token: Path
    authority: Path


class IstioIssuer:
    """Asks istiod."""

    def __init__(self, istiod: Istiod) -> None:
        self._at = istiod

    async def close(self) -> None:
        """Nothing stays open between two certificates."""

    async def follow(self, _: Identity) -> AsyncGenerator[Credential, None]:
        """A certificate, and the next one when half of the time of the last is over."""
        while True:
            credential = await self._ask()
            yield credential
            await asyncio.sleep(max(_LEAST_SECONDS, _left(credential.certificate) / 2))

    async def _ask(self) -> Credential:
        key, request = await asyncio.to_thread(_request)
        try:
            token, authority = await asyncio.to_thread(self._read)
        except OSError as error:
            raise RegistryError(f"{error.filename} cannot be read: {error.strerror}", _TOKEN_MEND) from None
        message = _Request(csr=request.decode(), validity_duration=_LIFE_SECONDS)
        credentials = grpc.ssl_channel_credentials(authority)
        async with grpc.aio.secure_channel(self._at.address, credentials) as channel:
            call = channel.unary_unary(
                _METHOD, request_serializer=_Request.SerializeToString, response_deserializer=_Response.FromString
            )
            try:
                answer = await call(message, timeout=_SECONDS, metadata=(("authorization", f"Bearer {token}"),))
            except grpc.aio.AioRpcError as error:
                what, mend = _SAID.get(error.code(), (f"does not give a certificate: {error.details()}", ""))
                raise RegistryError(f"istiod at {self._at.address} {what}", mend) from None
        return _credential(key, list(answer.cert_chain), self._at.address)

    def _read(self) -> tuple[str, bytes]:
        return self._at.token.read_text().strip(), self._at.authority.read_bytes()


def _request() -> tuple[bytes, bytes]:
    """A new key, and the request for a certificate of it, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, request.public_bytes(Encoding.PEM)


def _credential(key: bytes, chain: list[str], address: str) -> Credential:
    """Istiod's chain: our certificate first, the root last."""
    if len(chain) < 2:
        raise RegistryError(f"istiod at {address} gave no certificate with its root")
    own, root = "".join(one if one.endswith("\n") else f"{one}\n" for one in chain[:-1]), chain[-1]
    try:
        x509.load_pem_x509_certificates(own.encode())
        x509.load_pem_x509_certificates(root.encode())
    except ValueError:
        raise RegistryError(f"istiod at {address} gave what is no certificate") from None
    return Credential(own.encode(), key, root.encode())


def _left(certificate: bytes) -> float:
    """For how many seconds a certificate is still valid: no more than it ever was, if the clock is behind."""
    found = x509.load_pem_x509_certificate(certificate)
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    return (ends - max(begins, datetime.datetime.now(datetime.UTC))).total_seconds()


def _messages() -> tuple[Any, Any]:
    """The two messages of the service, as far as they are used."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="daemun/istio_ca.proto", package="daemun.istio.v1.auth", syntax="proto3"
    )
    asked = file.message_type.add(name="IstioCertificateRequest")
    asked.field.add(name="csr", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    asked.field.add(name="validity_duration", number=3, type=kinds.TYPE_INT64, label=kinds.LABEL_OPTIONAL)
    answer = file.message_type.add(name="IstioCertificateResponse")
    answer.field.add(name="cert_chain", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{one.name}"))
        for one in file.message_type
    ]
    return found[0], found[1]


_Request, _Response = _messages()
