"""Certificates and what they are checked with, which travel to Envoy by SDS and by nothing else."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from daemun.api.core import ConfigMap, Secret
from daemun.base import wire
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi import cacerts
from daemun.gatewayapi.certificates import CERTIFICATE, PRIVATE_KEY, fault, staple
from daemun.ir.listener import Frontend, FrontendKey
from daemun.ir.origin import Origin
from daemun.ir.resource import SECRET, Leaf, Part, PartKey, part
from daemun.ir.tls import bundle_of


class ProxySecret(NamedTuple):
    """What a proxy needs: the key pair in a Secret (`namespace/name`), or a bundle of CA certificates (`ir.tls`)."""

    proxy: str
    secret: str


def secrets_of(key: FrontendKey, frontend: Frontend) -> Iterator[ProxySecret]:
    """The secrets that a port needs; whether it may have them was decided before."""
    for listener in frontend.listeners:
        for secret in listener.all_secrets:
            yield ProxySecret(key.proxy, secret)


def secrets_of_part(key: PartKey, value: Part) -> Iterator[ProxySecret]:
    """The secrets that a cluster needs."""
    for leaf in value.leaves:
        for secret in leaf.secrets:
            yield ProxySecret(key.proxy, secret)


def secret_rule(
    secrets: Collection[Name, Secret], config_maps: Collection[Name, ConfigMap]
) -> Callable[[Reader, ProxySecret, ProxySecret], Iterator[tuple[PartKey, Part]]]:
    """The rule from what is needed to a Secret of Envoy's."""

    def secret(reader: Reader, needed: ProxySecret, _: ProxySecret) -> Iterator[tuple[PartKey, Part]]:
        bundle = bundle_of(needed.secret)
        proto = secret_pb2.Secret(name=needed.secret)
        if bundle:
            found = [one for ref in bundle if (one := cacerts.holder(reader, config_maps, secrets, ref)) is not None]
            if any(cacerts.fault(one) for one in found):
                return
            trusted = (cacerts.certificates(one.get(cacerts.KEY) or b"") for one in found)
            proto.validation_context.trusted_ca.inline_bytes = b"".join(trusted)
            lists = b"".join(cacerts.revocations(one.get(cacerts.REVOKED) or b"") for one in found)
            if lists:
                proto.validation_context.crl.inline_bytes = lists
            origin = Origin(bundle[0])
        else:
            name = Name.of(needed.secret)
            pair = reader.get(secrets, name)
            if pair is None or fault(pair):
                return
            proto.tls_certificate.certificate_chain.inline_bytes = pair.get(CERTIFICATE) or b""
            proto.tls_certificate.private_key.inline_bytes = pair.get(PRIVATE_KEY) or b""
            if (shown := staple(pair)) is not None:
                proto.tls_certificate.ocsp_staple.inline_bytes = shown
            origin = Origin(Ref(CORE, "Secret", name.namespace, name.name))
        yield PartKey(needed.proxy, SECRET, needed.secret), part("", [Leaf(wire.encoded(proto), origin)])

    return secret
