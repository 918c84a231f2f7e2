"""Gloo's annotations on Services: what would stand in an Upstream for them.

`gloo.solo.io/upstream_config` is JSON of fields of an Upstream's spec, `gloo.solo.io/h2_service` says whether HTTP/2 is
spoken, and `gloo.solo.io/sslService.secret` (or `.tlsCert`, `.tlsKey` and `.rootCa`, files of the proxy's machine) that
TLS is, on all ports or, as `port:value`, on one. The names of ports say whether HTTP/2 is spoken, too. Settings can say
for all Services what they do not say themselves.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from daemun.api.core import Secret, Service, ServicePort
from daemun.api.decode import unknown_field
from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.oneof import one_of_each
from daemun.api.gloo.ssl import SSLFiles, UpstreamSslConfig
from daemun.api.gloo.upstream import KubeUpstreamSpec, UpstreamSpec
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.status.problems import Problems, from_findings
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.settings.upstream_defaults import NONE, Defaults
from daemun.gloo.upstreams.upstream import INVALID, TYPES, Checks, ResolvedUpstream, secrets_of
from daemun.ir.backend import Protocol

_PREFIX = "gloo.solo.io/"
CONFIG = _PREFIX + "upstream_config"
DEEP = CONFIG + ".deep_merge"
_H2 = _PREFIX + "h2_service"
_TLS = _PREFIX + "sslService."
_FILES: Mapping[str, str] = MappingProxyType({"tlsCert": "tls_cert", "tlsKey": "tls_key", "rootCa": "root_ca"})
_WHERE = "metadata.annotations"
_UNDERSCORE = re.compile(r"_([a-z0-9])")
_FREE = frozenset({"metadata", "labels", "values", "typedConfig", "typed_config"})
"""Fields whose keys are the user's own."""
_HTTP2_NAMES = ("grpc", "h2", "http2")


class Annotated(msgspec.Struct, frozen=True, gc=False):
    """A Service with annotations: by port what an Upstream for it would be, and what is wrong with it."""

    ref: Ref
    ports: Mapping[int, ResolvedUpstream]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong, whichever port it is about."""
        return tuple(dict.fromkeys(one for port in self.ports.values() for one in port.faults))

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is not served."""
        return tuple(dict.fromkeys(one for port in self.ports.values() for one in port.notes))


def service_rule(
    defaults: Collection[Name, Defaults],
) -> Callable[[Reader, Name, Service], Iterator[tuple[Name, Service]]]:
    """The rule from a Service to the same with the annotations that Settings say for all."""

    def with_defaults(reader: Reader, name: Name, service: Service) -> Iterator[tuple[Name, Service]]:
        of_all = (reader.get(defaults, SETTINGS) or NONE).annotations
        if of_all:
            meta = service.metadata
            meta = msgspec.structs.replace(meta, annotations=_joined(of_all, meta.annotations))
            service = msgspec.structs.replace(service, metadata=meta)
        yield name, service

    return with_defaults


def _joined(of_all: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """What a Service says itself counts more, of configurations each field. One that cannot be read stays."""
    both = {**of_all, **own}
    if CONFIG in of_all and CONFIG in own:
        fields: dict[str, Any] = {}
        for text in (of_all[CONFIG], own[CONFIG]):
            try:
                fields |= _in_camels(msgspec.json.decode(text, type=dict[str, Any]))
            except msgspec.MsgspecError:
                return {**both, CONFIG: text}
        both[CONFIG] = msgspec.json.encode(fields).decode()
    return both


def global_faults(annotations: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with the configuration that Settings say for all Services."""
    for one in _config(annotations)[1]:
        yield Finding(one.reason, "spec.upstreamOptions.globalAnnotations", one.text, one.mend)


def annotated_rule(
    secrets: Collection[Name, Secret], checks: Checks
) -> Callable[[Reader, Name, Service], Iterator[tuple[Name, Annotated]]]:
    """The rule from a Service to what its annotations ask for; none for most Services."""

    def read(reader: Reader, name: Name, service: Service) -> Iterator[tuple[Name, Annotated]]:
        annotations = service.metadata.annotations
        if not _asks(service):
            return
        ref = Ref(CORE, "Service", *name)
        base, broken = _config(annotations)
        ports: dict[int, ResolvedUpstream] = {}
        for port in service.spec.ports:
            spec = _for_port(base, name, port.port, annotations)
            found = secrets_of(reader, secrets, name.namespace, spec)
            one = ResolvedUpstream(ref, service.metadata.generation, spec, found.parts, (*broken, *found.faults))
            if not one.faults:
                one = msgspec.structs.replace(one, faults=tuple(checks.faults(one)))
            ports[port.port] = msgspec.structs.replace(
                one, faults=tuple(map(_here, one.faults)), notes=tuple(map(_here, [*checks.notes(spec), *found.notes]))
            )
        yield name, Annotated(ref, ports)

    return read


def _config(annotations: Mapping[str, str]) -> tuple[UpstreamSpec, tuple[Finding, ...]]:
    """The Upstream in the annotation, or why it cannot be read."""
    try:
        value: Any = _in_camels(msgspec.json.decode(annotations.get(CONFIG, "{}")))
        spec = msgspec.convert(value, UpstreamSpec)
    except msgspec.MsgspecError as error:
        text = f"{CONFIG} cannot be read: {str(error)[:1].lower()}{str(error)[1:]}"
        return UpstreamSpec(), (Finding(INVALID, _WHERE, text, "Write the spec of an Upstream in JSON."),)
    unknown = unknown_field(value, UpstreamSpec)
    if unknown:
        return spec, (Finding(INVALID, _WHERE, f"{CONFIG}: an Upstream has no field {unknown}", "Remove it."),)
    if any(kind in value for kind in TYPES):
        text = f"{CONFIG} says what kind of Upstream it is, but it is the Service's"
        return spec, (Finding(INVALID, _WHERE, text, f"Leave out {', '.join(TYPES)}."),)
    clash = next(one_of_each(spec), None)
    if clash is not None:
        return spec, (Finding(INVALID, _WHERE, ": ".join(filter(None, (CONFIG, *clash)))),)
    return spec, ()


def _in_camels(value: Any) -> Any:
    """Protobuf's JSON takes `use_http2` for `useHttp2`; what is not a field of the API stays as it is."""
    if isinstance(value, list):
        return [_in_camels(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        (key if key in _FREE else _UNDERSCORE.sub(lambda found: found[1].upper(), key)): (
            one if key in _FREE else _in_camels(one)
        )
        for key, one in value.items()
    }


def _for_port(base: UpstreamSpec, name: Name, port: int, annotations: Mapping[str, str]) -> UpstreamSpec:
    """The Upstream for one port. What the configuration says counts more than the other annotations."""
    kube = KubeUpstreamSpec(name.name, name.namespace, port)
    tls, over = _tls(port, annotations), base.ssl_config
    if tls is not None and over is not None and annotations.get(DEEP) == "true":
        over = msgspec.convert(msgspec.to_builtins(tls) | msgspec.to_builtins(over), UpstreamSslConfig)
    return msgspec.structs.replace(base, kube=kube, ssl_config=over or tls)


def _tls(port: int, annotations: Mapping[str, str]) -> UpstreamSslConfig | None:
    secret = _value(annotations.get(f"{_TLS}secret", ""), port)
    one_way = _value(annotations.get(f"{_TLS}oneWayTls", ""), port).lower() == "true" or None
    if secret:
        return UpstreamSslConfig(secret_ref=ResourceRef(secret), one_way_tls=one_way)
    found = {field: _value(annotations.get(_TLS + key, ""), port) for key, field in _FILES.items()}
    return UpstreamSslConfig(ssl_files=SSLFiles(**found), one_way_tls=one_way) if any(found.values()) else None


def _value(text: str, port: int) -> str:
    """What an annotation says for a port: `port:value` is for that one alone."""
    number, colon, rest = text.partition(":")
    if colon and number.isdecimal():
        return rest if int(number) == port else ""
    return text


def _here(one: Finding) -> Finding:
    """A finding about an Upstream that stands in an annotation."""
    if one.where == _WHERE:
        return one
    field = one.where.removeprefix("spec").lstrip(".")
    text = f"{field} {one.text}" if field else one.text
    return Finding(one.reason, _WHERE, text, one.mend)


def upstream_for(service: Service, port: int) -> UpstreamSpec:
    """An Upstream that is to a port of a Service what its annotations make of it, wherever that Upstream is."""
    annotations = service.metadata.annotations
    spec = _for_port(_config(annotations)[0], service.name, port, annotations)
    tls = spec.ssl_config
    if tls is not None and tls.secret_ref is not None and not tls.secret_ref.namespace:
        ref = msgspec.structs.replace(tls.secret_ref, namespace=service.metadata.namespace)
        spec = msgspec.structs.replace(spec, ssl_config=msgspec.structs.replace(tls, secret_ref=ref))
    return spec


def spoken(service: Service, port: ServicePort) -> Protocol | None:
    """What the annotation, or else the name of the port, says that is spoken there."""
    told = service.metadata.annotations.get(_H2)
    if told is not None:
        return "h2c" if told.strip().lower() == "true" else "http"
    return "h2c" if port.app_protocol is None and port.name.startswith(_HTTP2_NAMES) else None


def closed(annotated: Collection[Name, Annotated]) -> Callable[[Reader, Service, int], Finding | None]:
    """What closes a port of a Service: annotations that cannot be heeded might be about TLS."""

    def why(reader: Reader, service: Service, port: int) -> Finding | None:
        if not _asks(service):
            return None
        found = reader.get(annotated, service.name)
        one = found.ports.get(port) if found else None
        return one.faults[0] if one is not None and one.faults else None

    return why


def _asks(service: Service) -> bool:
    """Whether annotations say more than what is spoken."""
    annotations = service.metadata.annotations
    return bool(annotations) and any(key == CONFIG or key.startswith(_TLS) for key in annotations)


def problem_rule(_: Reader, __: Name, one: Annotated) -> Iterator[tuple[Ref, Problems]]:
    """From a Service to what is wrong with its annotations."""
    found = from_findings(one.ref, one.faults) + from_findings(one.ref, one.notes, warning=True)
    if found:
        yield one.ref, found
