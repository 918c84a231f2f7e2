"""Certificates and what they are checked with, which travel to Envoy by SDS and by nothing else."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from daemun.api.core import ConfigMap, Secret
from daemun.base import wire
from daemun.base.names import CORE, GLOO, Name, Ref
from daemun.envoy.anchors import anchor
from daemun.flow import Collection, Reader
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY, fault, staple
from daemun.gloo.secrets import Azure, Headers, expect
from daemun.gloo.settings.scope import SETTINGS
from daemun.ir.auth import PROXIES
from daemun.ir.identity import Credential, Identity, identity_of
from daemun.ir.injected import FunctionKey, function_key_of, header_of
from daemun.ir.listener import Frontend, FrontendKey, ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import LISTENER, SECRET, Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey, Use
from daemun.ir.tls import bundle_of
from daemun.ir.uses import ListenerUses


class ProxySecret(NamedTuple):
    """What a proxy needs: the key pair in a Secret (`namespace/name`), a bundle of CA certificates (`ir.tls`), the
    value of a header (`ir.injected`), or part of who it is in a mesh (`ir.identity`).
    """

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


def secrets_of_route(_: RouteKey, resolved: ResolvedRoute) -> Iterator[ProxySecret]:
    """The values of headers that a route needs, at each proxy it is attached to."""
    named = {name for rule in resolved.route.rules for use in rule.every_use() for name in _of_headers(use)}
    if named:
        proxies = {attachment.frontend.proxy for attachment in resolved.attachments}
        yield from {ProxySecret(proxy, name) for proxy in proxies for name in named}


def secrets_of_uses(_: ListenerKey, uses: ListenerUses) -> Iterator[ProxySecret]:
    """The values of headers that policies of a listener need."""
    named = {name for use in uses.on_hosts() for name in _of_headers(use)}
    yield from {ProxySecret(proxy, name) for proxy in uses.proxies for name in named}


def _of_headers(use: Use) -> Iterator[str]:
    for one in use.headers:
        yield from one.resources()


def secret_rule(
    secrets: Collection[Name, Secret],
    config_maps: Collection[Name, ConfigMap],
    own: Collection[Name, Secret],
    identities: Collection[Identity, Credential],
) -> Callable[[Reader, ProxySecret, ProxySecret], Iterator[tuple[PartKey, Part]]]:
    """The rule from what is needed to a Secret of Envoy's.

    `own` are key pairs of the gate's own, `identities` who it is in meshes.
    """

    def secret(reader: Reader, needed: ProxySecret, _: ProxySecret) -> Iterator[tuple[PartKey, Part]]:
        if header_of(needed.secret) or function_key_of(needed.secret):
            yield from _injected(reader, secrets, needed)
            return
        bundle = bundle_of(needed.secret)
        proto = secret_pb2.Secret(name=needed.secret)
        if (in_mesh := identity_of(needed.secret)) is not None:
            identity, is_pair = in_mesh
            credential = reader.get(identities, identity)
            if credential is None or not (credential.certificate if is_pair else credential.authorities):
                return
            if is_pair:
                proto.tls_certificate.certificate_chain.inline_bytes = credential.certificate
                proto.tls_certificate.private_key.inline_bytes = credential.key
            else:
                proto.validation_context.trusted_ca.inline_bytes = credential.authorities
            origin = Origin(Ref(GLOO, "Settings", *SETTINGS))
        elif bundle:
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
            pair = reader.get(own if name == PROXIES else secrets, name)
            if pair is None or fault(pair):
                return
            proto.tls_certificate.certificate_chain.inline_bytes = pair.get(CERTIFICATE) or b""
            proto.tls_certificate.private_key.inline_bytes = pair.get(PRIVATE_KEY) or b""
            if (shown := staple(pair)) is not None:
                proto.tls_certificate.ocsp_staple.inline_bytes = shown
            origin = Origin(Ref(CORE, "Secret", name.namespace, name.name))
        yield PartKey(needed.proxy, SECRET, needed.secret), part("", [Leaf(wire.encoded(proto), origin)])

    return secret


def _injected(reader: Reader, secrets: Collection[Name, Secret], needed: ProxySecret) -> Iterator[tuple[PartKey, Part]]:
    """The value of a header, which a listener has fetched, or a function's key, which its cluster has fetched."""
    of_header, of_function = header_of(needed.secret), function_key_of(needed.secret)
    if of_header is not None:
        name, header = of_header
        value = _header(reader, secrets, name, header)
        origin = Origin(Ref(CORE, "Secret", *name))
        if value is not None:
            listener = anchor(header, needed.secret)
            leaf = Leaf(listener.SerializeToString(), origin, secrets=(needed.secret,))
            yield PartKey(needed.proxy, LISTENER, listener.name), part("", [leaf])
    elif of_function is not None:
        value = _key(reader, secrets, of_function)
        origin = Origin(Ref(CORE, "Secret", *of_function.secret))
    else:
        return
    if value is not None:
        proto = secret_pb2.Secret(name=needed.secret)
        proto.generic_secret.secret.inline_string = value
        yield PartKey(needed.proxy, SECRET, needed.secret), part("", [Leaf(wire.encoded(proto), origin)])


def _header(reader: Reader, secrets: Collection[Name, Secret], name: Name, header: str) -> str | None:
    held = reader.get(secrets, name)
    found = expect(held, Headers) if held is not None else None
    return found.headers.get(header) if isinstance(found, Headers) else None


def _key(reader: Reader, secrets: Collection[Name, Secret], of: FunctionKey) -> str | None:
    held = reader.get(secrets, of.secret)
    found = expect(held, Azure) if held is not None else None
    return found.api_keys.get(of.key) if isinstance(found, Azure) else None
