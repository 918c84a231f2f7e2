"""Certificates, which travel to Envoy by SDS and by nothing else."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from daemun.api.core import Secret
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.certificates import CERTIFICATE, PRIVATE_KEY, fault
from daemun.ir.listener import Frontend, FrontendKey
from daemun.ir.origin import Origin
from daemun.ir.resource import SECRET, Leaf, Part, PartKey, part


class ProxySecret(NamedTuple):
    """A Secret (`namespace/name`) that a proxy needs."""

    proxy: str
    secret: str


def secrets_of(key: FrontendKey, frontend: Frontend) -> Iterator[ProxySecret]:
    """The Secrets that a port needs; whether it may have them was decided before."""
    for listener in frontend.listeners:
        for secret in listener.secrets:
            yield ProxySecret(key.proxy, secret)


def secret_rule(
    secrets: Collection[Name, Secret],
) -> Callable[[Reader, ProxySecret, ProxySecret], Iterator[tuple[PartKey, Part]]]:
    """The rule from a needed Secret to Envoy's."""

    def certificate(reader: Reader, needed: ProxySecret, _: ProxySecret) -> Iterator[tuple[PartKey, Part]]:
        name = Name.of(needed.secret)
        secret = reader.get(secrets, name)
        if secret is None or fault(secret):
            return
        proto = secret_pb2.Secret(name=needed.secret)
        proto.tls_certificate.certificate_chain.inline_bytes = secret.get(CERTIFICATE) or b""
        proto.tls_certificate.private_key.inline_bytes = secret.get(PRIVATE_KEY) or b""
        origin = Origin(Ref(CORE, "Secret", name.namespace, name.name))
        yield PartKey(needed.proxy, SECRET, needed.secret), part("", [Leaf(proto.SerializeToString(), origin)])

    return certificate
