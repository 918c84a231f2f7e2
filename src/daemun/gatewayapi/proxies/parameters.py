"""Parameters: what `parametersRef` of a Gateway and of its class say about the proxies.

Several kinds of objects can hold them (`ParameterKind`). A ConfigMap is one: its keys are the fields of `Parameters`,
each with its value in YAML; the Gateway's keys win over its class's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from daemun.api.core import ConfigMap
from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.settings import Settings
from daemun.ir.placement import Overrides, Parameters

S = TypeVar("S", bound=msgspec.Struct)
_TYPES = {one.encode_name: one.type for one in msgspec.structs.fields(Parameters)}
_ATTRIBUTES = {one.encode_name: one.name for one in msgspec.structs.fields(Parameters)}
_WHERE_CLASS = "spec.parametersRef"
_WHERE_GATEWAY = "spec.infrastructure.parametersRef"


class ResolvedParameters(msgspec.Struct, frozen=True):
    """The parameters of a Gateway.

    `findings` say why they cannot be used, `notes` what of them has no effect. What is `self_managed` somebody else
    runs: nothing is made for it.
    """

    parameters: Parameters = Parameters()
    overrides: Overrides = Overrides()
    self_managed: bool = False
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class ParameterKind(msgspec.Struct, frozen=True):
    """A kind of object that can hold parameters.

    `find` gives the object's content, `read` makes parameters of it, `over` puts that of a Gateway over that of its
    class where both are of this kind. `annotation` of a Gateway is another way to name one in its namespace.
    """

    group: str
    kind: str
    find: Callable[[Reader, Name], Any]
    read: Callable[[Any, str], ResolvedParameters]
    over: Callable[[Any, Any], Any] | None = None
    annotation: str = ""


Kinds = tuple[ParameterKind, ...]


class _Layer(msgspec.Struct, frozen=True):
    """What one reference leads to: an object's content, or why there is none."""

    where: str
    kind: ParameterKind | None = None
    content: Any = None
    fault: Finding | None = None

    def read(self) -> ResolvedParameters:
        """As parameters."""
        if self.kind is None or self.fault is not None:
            return ResolvedParameters(findings=(self.fault,) if self.fault else ())
        return self.kind.read(self.content, self.where)


def class_findings(reader: Reader, kinds: Kinds, one: GatewayClass) -> tuple[Finding, ...]:
    """What is wrong with the parameters of a class."""
    found = [layer.read() for layer in _of_class(reader, kinds, one, _WHERE_CLASS)]
    return tuple(finding for read in found for finding in read.findings)


def parameter_rule(
    classes: Collection[Name, GatewayClass], kinds: Kinds, settings: Settings
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Name, ResolvedParameters]]]:
    """The rule from a Gateway to its parameters."""

    def parameters(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Name, ResolvedParameters]]:
        if not settings.clustered:
            return
        of_class = reader.get(classes, Name("", gateway.spec.gateway_class_name))
        layers = list(_of_class(reader, kinds, of_class, "spec.gatewayClassName")) if of_class else []
        layers.extend(_of_gateway(reader, kinds, name, gateway))
        if layers:
            yield name, _joined(layers)

    return parameters


def _of_class(reader: Reader, kinds: Kinds, one: GatewayClass, where: str) -> Iterator[_Layer]:
    if one.spec.parameters_ref is not None:
        ref = one.spec.parameters_ref
        yield _find(reader, kinds, where, Ref(ref.group, ref.kind, ref.namespace or "", ref.name))


def _of_gateway(reader: Reader, kinds: Kinds, name: Name, gateway: Gateway) -> Iterator[_Layer]:
    infrastructure = gateway.spec.infrastructure
    if infrastructure and infrastructure.parameters_ref:
        ref = infrastructure.parameters_ref
        yield _find(reader, kinds, _WHERE_GATEWAY, Ref(ref.group, ref.kind, name.namespace, ref.name))
    for kind in kinds:
        named = gateway.metadata.annotations.get(kind.annotation) if kind.annotation else None
        if named is not None:
            where = f"metadata.annotations[{kind.annotation}]"
            yield _find(reader, kinds, where, Ref(kind.group, kind.kind, name.namespace, named))


def _find(reader: Reader, kinds: Kinds, where: str, ref: Ref) -> _Layer:
    kind = next((one for one in kinds if (one.group, one.kind) == (ref.group, ref.kind)), None)
    if kind is None:
        mend = f"Use a {' or a '.join(one.kind for one in kinds)}." if kinds else "Remove it."
        text = f"{ref.kind} of group {ref.group!r} is not a kind of parameters"
        return _Layer(where, fault=Finding("InvalidParameters", where, text, mend))
    content = kind.find(reader, ref.key)
    if content is None:
        fault = absent("InvalidParameters", where, ref, "Write it, or remove the reference.")
        return _Layer(where, kind, fault=fault)
    return _Layer(where, kind, content)


def _joined(layers: list[_Layer]) -> ResolvedParameters:
    """All layers as one, the later over the earlier: as their kind has it, or else field by field."""
    joined: list[_Layer] = []
    for layer in layers:
        below = joined[-1] if joined else None
        if below and layer.kind is below.kind and layer.kind and layer.kind.over and not (below.fault or layer.fault):
            joined[-1] = _Layer(layer.where, layer.kind, layer.kind.over(below.content, layer.content))
        else:
            joined.append(layer)
    result = ResolvedParameters()
    for layer in joined:
        read = layer.read()
        result = ResolvedParameters(
            _over(result.parameters, read.parameters),
            _over(result.overrides, read.overrides),
            result.self_managed or read.self_managed,
            (*result.findings, *read.findings),
            (*result.notes, *read.notes),
        )
    return result


def _over(general: S, own: S) -> S:
    said = {name: value for name in general.__struct_fields__ if (value := getattr(own, name)) is not None}
    return msgspec.structs.replace(general, **said)


def in_config_maps(maps: Collection[Name, ConfigMap], settings: Settings) -> Kinds:
    """Parameters in ConfigMaps, where there is somebody who reads YAML."""
    if settings.read_yaml is None:
        return ()
    read_yaml = settings.read_yaml

    def find(reader: Reader, at: Name) -> tuple[Name, Mapping[str, str]] | None:
        found = reader.get(maps, at)
        return None if found is None else (at, found.data)

    def read(content: tuple[Name, Mapping[str, str]], where: str) -> ResolvedParameters:
        at, data = content
        values: dict[str, object] = {}
        for key, text in sorted(data.items()):
            try:
                values[key] = read_yaml(text)
            except ValueError as error:
                wrong = f"ConfigMap {at}, key {key}: {error}"
                finding = Finding("InvalidParameters", where, wrong, "Write it in plain YAML.")
                return ResolvedParameters(findings=(finding,))
        return _read(f"ConfigMap {at}", values, where)

    return (ParameterKind(CORE, "ConfigMap", find, read),)


def _read(what: str, values: Mapping[str, object], where: str) -> ResolvedParameters:
    """The keys, each converted by itself: all that is wrong is said at once."""
    good: dict[str, object] = {}
    findings = []
    for key, value in values.items():
        at = f"{what}, key {key}"
        if key not in _TYPES:
            known = ", ".join(_TYPES)
            findings.append(Finding("InvalidParameters", where, f"{at} is not known", f"There are: {known}."))
            continue
        try:
            good[_ATTRIBUTES[key]] = msgspec.convert(value, _TYPES[key])
        except msgspec.ValidationError as error:
            text = str(error).replace(" - at `$", " at `")
            findings.append(Finding("InvalidParameters", where, f"{at}: {text}", "Correct it."))
    return ResolvedParameters(msgspec.structs.replace(Parameters(), **good), findings=tuple(findings))
