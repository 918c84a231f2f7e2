"""Upstreams: which of them requests can be sent to, what is wrong with the others, and how routes come to know."""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from daemun.api.core import Secret, Service
from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.listener_filters import GrpcJsonTranscoder
from daemun.api.gloo.settings import AWSOptions
from daemun.api.gloo.upstream import KubeUpstreamSpec, Upstream, UpstreamSpec
from daemun.base.names import CORE, GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gatewayapi.routes.backends import Found, Resolver, port_of
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY, fault
from daemun.gatewayapi.tls.flaws import flaw
from daemun.gloo.functions import aws, azure, gcp
from daemun.gloo.functions import prepared as functions
from daemun.gloo.functions.prepared import Prepared, prepared
from daemun.gloo.functions.rest import NO_FUNCTIONS, Functions
from daemun.gloo.secrets import kept
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.settings.upstream_defaults import NONE, Defaults
from daemun.gloo.upstreams import ec2
from daemun.gloo.upstreams.registered import REGISTRY, lookups_of, registry_of
from daemun.gloo.upstreams.registries import Nameable, Troubles
from daemun.gloo.upstreams.signing import WHERE, Signing, secret_of
from daemun.ir.backend import BackendKey, Protocol, upstream_key
from daemun.ir.injected import FunctionKey
from daemun.ir.instances import Lookup
from daemun.ir.mesh import Mesh
from daemun.ir.registries import CONSUL, Trouble

TYPES = ("kube", "static", "pipe", "aws", "azure", "consul", "awsEc2", "gcp")
"""The fields of which an Upstream has one: it says what kind of thing it is."""
_SERVED = "kube, static, pipe, aws, azure, gcp, consul or awsEc2"
INVALID = "Invalid"
_ANNOTATION = f"metadata.annotations[{REGISTRY}]"


class SecretParts(NamedTuple):
    """What a Secret that an Upstream names has in it for TLS."""

    pair: bool
    authority: bool


class ResolvedUpstream(msgspec.Struct, frozen=True, gc=False):
    """An Upstream with what it refers to. With `faults` nothing is sent to it; `notes` are of no such weight.

    In which `mesh` it is, is known when it is sent to.
    """

    ref: Ref
    generation: int
    spec: UpstreamSpec
    secrets: Mapping[Name, SecretParts]
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    signing: Signing | None = None
    lookups: tuple[Lookup, ...] = ()
    aws: AWSOptions = AWSOptions()
    """What Settings say of functions of AWS."""
    keys: Mapping[str, FunctionKey] = MappingProxyType({})
    """The keys of functions of Azure, by the functions' names."""
    transcoder: GrpcJsonTranscoder | None = None
    """How its gRPC services are called with JSON."""
    functions: Functions = NO_FUNCTIONS
    """Functions of a REST service."""
    mesh: Mesh | None = None

    def secret(self, ref: ResourceRef) -> Name:
        """The Secret that the Upstream means: in its own namespace if it names none."""
        return Name(ref.namespace or self.ref.namespace, ref.name)


class FindUpstream(typing.Protocol):
    """From a policy, the field, the reference and how it is spoken to, to the backend, or to why there is none."""

    def __call__(
        self, reader: Reader, by: Ref, where: str, ref: ResourceRef, protocol: Protocol = "http"
    ) -> BackendKey | Finding: ...


class Door(NamedTuple):
    """All that routes know of an Upstream, so that no change of anything else concerns them."""

    fault: str
    says_protocol: bool


class Checks(msgspec.Struct, frozen=True):
    """What is known where clusters are made; handed in, because that stands above this package.

    `faults` are what makes an Upstream unusable, `notes` the fields that are set but not served.
    """

    faults: Callable[[ResolvedUpstream], Iterable[Finding]]
    notes: Callable[[UpstreamSpec], Iterable[Finding]]


class Inputs(msgspec.Struct, frozen=True):
    """The collections that an Upstream's references are found in, and what Settings say."""

    services: Collection[Name, Service]
    secrets: Collection[Name, Secret]
    defaults: Collection[Name, Defaults]
    registered: Nameable
    functions: functions.Inputs


def upstream_rule(
    inputs: Inputs, checks: Checks
) -> Callable[[Reader, Name, Upstream], Iterator[tuple[Name, ResolvedUpstream]]]:
    """The rule from an Upstream to what it comes to."""

    def resolve(reader: Reader, name: Name, upstream: Upstream) -> Iterator[tuple[Name, ResolvedUpstream]]:
        defaults = reader.get(inputs.defaults, SETTINGS) or NONE
        spec = defaults.put(upstream.spec)
        ref = Ref(GLOO, "Upstream", name.namespace, name.name)
        lookups = lookups_of(name, upstream)
        faults = [*_type_faults(spec, lookups), *_registry_faults(reader, inputs.registered, ref, upstream)]
        notes = [note for note in checks.notes(spec) if all(note.where != one.where for one in faults)]
        secrets = secrets_of(reader, inputs.secrets, name.namespace, spec)
        faults += secrets.faults
        notes += secrets.notes
        notes += _kept(reader, inputs.secrets, name, spec, upstream)
        if spec.kube is not None:
            faults += _service_faults(reader, inputs.services, name.namespace, spec.kube)
        if spec.consul is not None and not defaults.consul:
            text = f"the Settings {SETTINGS} do not say where Consul is"
            faults.append(Finding(INVALID, "spec.consul", text, "Give them consul.httpAddress."))
        if spec.aws_ec2 is not None:
            faults += ec2.findings(reader, inputs.secrets, name, spec.aws_ec2, defaults.aws)
        notes += _registry_notes(reader, inputs.registered.troubles, lookups)
        ready = Prepared(spec)
        if not faults:
            ready = prepared(reader, inputs.functions, ref, upstream, spec, defaults.aws)
            spec = ready.spec
            faults += ready.faults
            notes += ready.notes
        generation = upstream.metadata.generation
        resolved = ResolvedUpstream(ref, generation, spec, secrets.parts, tuple(faults), tuple(notes))
        resolved = msgspec.structs.replace(
            resolved,
            signing=ready.signing,
            lookups=lookups,
            aws=defaults.aws if spec.aws is not None else resolved.aws,
            keys=ready.keys,
            transcoder=ready.transcoder,
            functions=ready.functions,
        )
        if not faults:
            resolved = msgspec.structs.replace(resolved, faults=tuple(checks.faults(resolved)))
        yield name, resolved

    return resolve


def _type_faults(spec: UpstreamSpec, lookups: tuple[Lookup, ...]) -> Iterator[Finding]:
    if spec.aws is not None:
        yield from aws.faults(spec.aws)
    elif spec.azure is not None:
        yield from azure.faults(spec.azure)
    elif spec.gcp is not None:
        yield from gcp.faults(spec.gcp)
    elif spec.kube is None and spec.static is None and spec.pipe is None and not lookups:
        yield Finding(INVALID, "spec", "the Upstream has no type", f"Give it {_SERVED}.")


def _registry_faults(reader: Reader, inputs: Nameable, ref: Ref, upstream: Upstream) -> Iterator[Finding]:
    """What makes the Registry that an Upstream names unusable to it. What is wrong with a Registry itself is not that:
    its last good endpoints stay."""
    target = registry_of(ref.key, upstream)
    if target is None:
        return
    has = [kind for kind in TYPES if getattr(upstream.spec, "aws_ec2" if kind == "awsEc2" else kind) is not None]
    if has:
        text = f"the Upstream has {has[0]} and names a Registry"
        yield Finding(INVALID, _ANNOTATION, text, "Leave one of the two out.")
    elif not permitted(reader, inputs.granted, ref, target):
        text = f"{target} is in another namespace, which has not granted it"
        yield Finding("RefNotPermitted", _ANNOTATION, text, grant_to_write(ref, target))
    elif reader.get(inputs.objects, target.key) is None:
        yield absent(INVALID, _ANNOTATION, target)


def _registry_notes(reader: Reader, troubles: Troubles, lookups: tuple[Lookup, ...]) -> Iterator[Finding]:
    """What a registry fails to say of an Upstream's services."""
    for one in lookups:
        where = {CONSUL: "spec.consul", ec2.KEY: ec2.WHERE}.get(one.registry.partition("/")[0], _ANNOTATION)
        found = reader.get(troubles, Trouble(one.registry, one.service, one.place))
        if found is not None:
            yield Finding(found.reason, where, found.text, found.mend)


class Secrets(NamedTuple):
    """What the Secrets that an Upstream names have for TLS, and what is wrong with the others."""

    parts: dict[Name, SecretParts]
    faults: list[Finding]
    notes: list[Finding]


def secrets_of(reader: Reader, secrets: Collection[Name, Secret], namespace: str, spec: UpstreamSpec) -> Secrets:
    """The Secrets of an Upstream in this namespace."""
    found = Secrets({}, [], [])
    for where, ref in secret_refs(spec):
        target = Name(ref.namespace or namespace, ref.name)
        held = reader.get(secrets, target)
        finding = _secret_fault(where, target, held)
        if finding is not None:
            found.faults.append(finding)
        elif held is not None:
            found.parts[target] = _parts(held)
            found.notes.extend(_secret_notes(where, target, held))
    return found


def secret_refs(spec: UpstreamSpec) -> Iterator[tuple[str, ResourceRef]]:
    """Every Secret that an Upstream names for TLS, by the field that names it."""
    configs = [("spec.sslConfig", spec.ssl_config), ("spec.httpConnectSslConfig", spec.http_connect_ssl_config)]
    for priority, level in enumerate(spec.failover.prioritized_localities if spec.failover else ()):
        for place, locality in enumerate(level.locality_endpoints):
            for index, endpoint in enumerate(locality.lb_endpoints):
                at = f"prioritizedLocalities[{priority}].localityEndpoints[{place}].lbEndpoints[{index}]"
                configs.append((f"spec.failover.{at}.upstreamSslConfig", endpoint.upstream_ssl_config))
    for where, config in configs:
        if config is not None and config.secret_ref is not None:
            yield f"{where}.secretRef", config.secret_ref


def _secret_fault(where: str, target: Name, secret: Secret | None) -> Finding | None:
    """Nothing is sent where TLS cannot be what was asked for."""
    if secret is None:
        return absent(INVALID, where, Ref(CORE, "Secret", *target))
    parts = _parts(secret)
    if parts.pair and (text := fault(secret)):
        return Finding(INVALID, where, f"Secret {target}: {text}")
    if parts.authority and (broken := cacerts.fault(secret)):
        return Finding(INVALID, where, f"{broken[0]} of Secret {target} {broken[1]}")
    if not any(parts):
        text = f"Secret {target} has neither {CERTIFICATE} with {PRIVATE_KEY} nor {cacerts.KEY}"
        return Finding(INVALID, where, text)
    return None


def _secret_notes(where: str, target: Name, secret: Secret) -> Iterator[Finding]:
    """What is wrong with a Secret that is used nevertheless."""
    if _parts(secret).authority:
        for one in cacerts.troubles([(f"Secret {target}", where, secret)]):
            yield msgspec.structs.replace(one, reason=INVALID)
    if found := flaw(secret, CERTIFICATE):
        yield Finding(INVALID, where, f"{CERTIFICATE} of Secret {target} {found}", "Renew it.")


def _kept(
    reader: Reader, secrets: Collection[Name, Secret], name: Name, spec: UpstreamSpec, upstream: Upstream
) -> Iterator[Finding]:
    """That credentials are broken, and count as they were before."""
    for field, one in (("aws", spec.aws), ("azure", spec.azure), ("awsEc2", spec.aws_ec2)):
        ref = one.secret_ref if one is not None else None
        if ref is not None:
            yield from kept(reader, secrets, f"spec.{field}.secretRef", Name(ref.namespace or name.namespace, ref.name))
    if of_signing := secret_of(upstream):
        yield from kept(reader, secrets, f"{WHERE}.secret", Name(name.namespace, of_signing))


def _parts(secret: Secret) -> SecretParts:
    return SecretParts(
        bool(secret.get(CERTIFICATE) or secret.get(PRIVATE_KEY)),
        bool(secret.get(cacerts.KEY)),
    )


def service_of(namespace: str, kube: KubeUpstreamSpec) -> Name:
    """The Service of an Upstream that is in this namespace."""
    return Name(kube.service_namespace or namespace, kube.service_name)


def _service_faults(
    reader: Reader, services: Collection[Name, Service], namespace: str, kube: KubeUpstreamSpec
) -> list[Finding]:
    """What makes the Service of an Upstream unusable."""
    name = service_of(namespace, kube)
    service = reader.get(services, name)
    if service is None:
        return [absent(INVALID, "spec.kube.serviceName", Ref(CORE, "Service", *name))]
    if service.spec.type == "ExternalName":
        text = f"Service {name} is an ExternalName, which is not routed to"
        return [Finding(INVALID, "spec.kube.serviceName", text, "Write a static Upstream.")]
    if port_of(service, kube.service_port, "tcp") is None:
        has = ", ".join(f"{one.port}/{one.protocol}" for one in service.spec.ports) or "none"
        text = f"Service {name} has no TCP port {kube.service_port} (it has {has})"
        return [Finding(INVALID, "spec.kube.servicePort", text)]
    return []


def door_rule(_: Reader, name: Name, upstream: ResolvedUpstream) -> Iterator[tuple[Name, Door]]:
    """From an Upstream to what routes know of it."""
    spec = upstream.spec
    says = spec.use_http2 is not None or spec.protocol_selection == "USE_DOWNSTREAM_PROTOCOL"
    yield name, Door(str(upstream.faults[0]) if upstream.faults else "", says)


def upstream_backends(doors: Collection[Name, Door]) -> Resolver:
    """How Upstreams are backends. The port of a reference says nothing: an Upstream has its own."""

    def resolve(reader: Reader, where: str, target: Ref, _: int | None, protocol: Protocol) -> Found:
        if protocol == "udp":
            text = f"{target} takes no datagrams: Upstreams are for TCP"
            return Found(None, Finding("InvalidKind", where, text, "Name a Service."))
        found = _enter(reader, doors, where, target, protocol)
        return Found(None, found) if isinstance(found, Finding) else Found(found)

    return resolve


def upstream_of(doors: Collection[Name, Door], grants: GrantIndex) -> FindUpstream:
    """How a policy's reference to an Upstream is resolved: across namespaces with a grant, as those of routes."""

    def resolve(
        reader: Reader, by: Ref, where: str, ref: ResourceRef, protocol: Protocol = "http"
    ) -> BackendKey | Finding:
        target = Ref(GLOO, "Upstream", ref.namespace or by.namespace, ref.name)
        if not permitted(reader, grants, by, target):
            text = f"{target} is in another namespace, which has not granted it"
            return Finding("RefNotPermitted", where, text, grant_to_write(by, target))
        return _enter(reader, doors, where, target, protocol)

    return resolve


def any_upstream_of(doors: Collection[Name, Door]) -> FindUpstream:
    """How a classic object's reference to an Upstream is resolved: nobody's consent is asked for there."""

    def resolve(
        reader: Reader, by: Ref, where: str, ref: ResourceRef, protocol: Protocol = "http"
    ) -> BackendKey | Finding:
        target = Ref(GLOO, "Upstream", ref.namespace or by.namespace, ref.name)
        return _enter(reader, doors, where, target, protocol)

    return resolve


def _enter(
    reader: Reader, doors: Collection[Name, Door], where: str, target: Ref, protocol: Protocol
) -> BackendKey | Finding:
    door = reader.get(doors, target.key)
    if door is None:
        return absent("BackendNotFound", where, target)
    if door.fault:
        text = f"{target} cannot be used, so nothing is sent there ({door.fault.rstrip('.')})"
        return Finding("BackendNotFound", where, text, "See its status.")
    # A gRPC call needs HTTP/2 where the Upstream does not say what it speaks.
    return upstream_key(target.key, "h2c" if protocol == "h2c" and not door.says_protocol else "http")
