"""Parameters: what `parametersRef` of a Gateway and of its class say about the proxies.

This is the one place where parameters come from. They are a ConfigMap whose keys are the fields of `Parameters`, each
with its value in YAML; the Gateway's keys win over its class's.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from daemun.api.core import ConfigMap
from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import CORE, Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.settings import Settings
from daemun.ir.placement import Parameters

_TYPES = {one.encode_name: one.type for one in msgspec.structs.fields(Parameters)}
_ATTRIBUTES = {one.encode_name: one.name for one in msgspec.structs.fields(Parameters)}
_WHERE_CLASS = "spec.parametersRef"
_WHERE_GATEWAY = "spec.infrastructure.parametersRef"


class ResolvedParameters(msgspec.Struct, frozen=True):
    """The parameters of a Gateway, and why they cannot be used, if so."""

    parameters: Parameters
    findings: tuple[Finding, ...] = ()


def class_findings(
    reader: Reader, maps: Collection[Name, ConfigMap], settings: Settings, one: GatewayClass
) -> tuple[Finding, ...]:
    """What is wrong with the parameters of a class."""
    return _read(_of_class(reader, maps, settings, one), _WHERE_CLASS).findings


def parameter_rule(
    classes: Collection[Name, GatewayClass], maps: Collection[Name, ConfigMap], settings: Settings
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Name, ResolvedParameters]]]:
    """The rule from a Gateway to its parameters."""

    def parameters(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Name, ResolvedParameters]]:
        if not settings.clustered:
            return
        of_class = reader.get(classes, Name("", gateway.spec.gateway_class_name))
        general = _of_class(reader, maps, settings, of_class) if of_class else _Found()
        infrastructure = gateway.spec.infrastructure
        own = _Found()
        if infrastructure and infrastructure.parameters_ref:
            ref = infrastructure.parameters_ref
            own = _find(reader, maps, settings, ref.group, ref.kind, Name(name.namespace, ref.name))
        if general.values or general.fault or own.values or own.fault:
            one, other = _read(general, "spec.gatewayClassName"), _read(own, _WHERE_GATEWAY)
            merged = _merged(one.parameters, other.parameters)
            yield name, ResolvedParameters(merged, (*one.findings, *other.findings))

    return parameters


class _Found(msgspec.Struct, frozen=True):
    """The keys of an object with parameters, as values, or why there are none."""

    what: str = ""
    values: Mapping[str, object] = {}
    fault: Finding | None = None


def _of_class(reader: Reader, maps: Collection[Name, ConfigMap], settings: Settings, one: GatewayClass) -> _Found:
    ref = one.spec.parameters_ref
    if ref is None:
        return _Found()
    return _find(reader, maps, settings, ref.group, ref.kind, Name(ref.namespace or "", ref.name))


def _find(
    reader: Reader, maps: Collection[Name, ConfigMap], settings: Settings, group: str, kind: str, at: Name
) -> _Found:
    if settings.read_yaml is None or (group, kind) != (CORE, "ConfigMap"):
        mend = "Remove it." if settings.read_yaml is None else "Use a ConfigMap."
        return _Found(fault=_invalid(f"{kind} of group {group!r} is not a kind of parameters", mend))
    found = reader.get(maps, at)
    if found is None:
        return _Found(fault=_invalid(f"there is no ConfigMap {at}", "Write it, or remove the reference."))
    values: dict[str, object] = {}
    for key, text in sorted(found.data.items()):
        try:
            values[key] = settings.read_yaml(text)
        except ValueError as error:
            return _Found(fault=_invalid(f"ConfigMap {at}, key {key}: {error}", "Write it in plain YAML."))
    return _Found(f"ConfigMap {at}", values)


def _read(found: _Found, where: str) -> ResolvedParameters:
    """The keys, each converted by itself: all that is wrong is said at once."""
    if found.fault is not None:
        return ResolvedParameters(Parameters(), (msgspec.structs.replace(found.fault, where=where),))
    good: dict[str, object] = {}
    findings = []
    for key, value in found.values.items():
        at = f"{found.what}, key {key}"
        if key not in _TYPES:
            known = ", ".join(_TYPES)
            findings.append(Finding("InvalidParameters", where, f"{at} is not known", f"There are: {known}."))
            continue
        try:
            good[_ATTRIBUTES[key]] = msgspec.convert(value, _TYPES[key])
        except msgspec.ValidationError as error:
            text = str(error).replace(" - at `$", " at `")
            findings.append(Finding("InvalidParameters", where, f"{at}: {text}", "Correct it."))
    return ResolvedParameters(msgspec.structs.replace(Parameters(), **good), tuple(findings))


def _merged(general: Parameters, own: Parameters) -> Parameters:
    said = {name: value for name in _ATTRIBUTES.values() if (value := getattr(own, name)) is not None}
    return msgspec.structs.replace(general, **said)


def _invalid(text: str, mend: str) -> Finding:
    return Finding("InvalidParameters", "", text, mend)
