"""Option policies, each read by itself: which of its fields are set, and what each of them comes to."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.meta import Resource
from daemun.base.names import GATEWAY, GLOO_GATEWAY, Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.policies.header_secrets import FindHeaders
from daemun.gloo.served.fields import NOT_SERVED
from daemun.gloo.served.unserved import unserved
from daemun.ir.backend import BackendKey
from daemun.ir.injected import SecretHeaders
from daemun.ir.route import Use

_NO_TIME = re.compile(r"0+(\.0*)?(ns|us|µs|ms|s|m|h)")
"""A duration of nothing, for Go a pointer to zero."""


class Option(msgspec.Struct, frozen=True, gc=False):
    """A field that is set. Without a `use` it does nothing, and its `fault`, if it has one, says why.

    One that `guards` then closes what it is set on. An `empty` one (Go's zero value, or a pointer to it) gives way to
    that of another policy. Fields of which an object has only one are one `unit`. One that is `of_port` is there once
    for all listeners of a port.
    """

    name: str
    unit: str
    use: Use | None = None
    fault: str = ""
    guards: bool = False
    empty: bool = False
    of_port: bool = False


class Target(msgspec.Struct, frozen=True, gc=False):
    """What a policy is for: an object, or one listener of it; `where` says so in the policy."""

    ref: Ref
    section: str
    where: str


class Policy(msgspec.Struct, frozen=True, gc=False):
    """A policy: what it is for, its fields, and what is wrong with it.

    For `errors` it is rejected; `warnings` are what it asks for that is not done.
    """

    ref: Ref
    generation: int
    age: tuple[str, str, str]
    targets: tuple[Target, ...]
    options: tuple[Option, ...]
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class Places(msgspec.Struct, frozen=True):
    """A kind of policy: which kinds of objects it is for, and in which places its fields may work."""

    kind: str
    targets: tuple[str, ...]
    places: tuple[str, ...]


ROUTE_OPTION = Places("RouteOption", ("HTTPRoute", "GRPCRoute"), ("on_route",))
VIRTUAL_HOST_OPTION = Places("VirtualHostOption", ("Gateway", "ListenerSet"), ("on_host",))
LISTENER_OPTION = Places("ListenerOption", ("Gateway", "ListenerSet"), ("on_listener", "on_manager"))
HTTP_LISTENER_OPTION = Places("HttpListenerOption", ("Gateway", "ListenerSet"), ("on_manager", "on_host", "on_chain"))
TCP_LISTENER_OPTIONS = Places("options of a tcpGateway", (), ("on_chain", "on_stream"))
DESTINATION_OPTIONS = Places("options of a destination", (), ("on_backend",))

KINDS = (ROUTE_OPTION, VIRTUAL_HOST_OPTION, LISTENER_OPTION, HTTP_LISTENER_OPTION)


class Feature(Protocol):
    """What is asked of a feature; see `features.feature`, which stands above this package."""

    @property
    def guards(self) -> bool:
        """Whether nothing may pass without it."""

    def works(self, *places: str) -> bool:
        """Whether it has the method for one of these places."""

    def upstreams(self, spec: Any) -> Iterable[tuple[str, Any]]:
        """The Upstreams that it refers to, and by which fields."""

    def secrets(self, spec: Any) -> Iterable[tuple[str, Any]]:
        """The Secrets of headers that it refers to, and by which fields."""

    def omits(self, spec: Any, where: str) -> Iterable[tuple[str, str, str]]:
        """What of it is not done."""

    def faults(self, spec: Any, where: str) -> Iterable[tuple[str, str, str]]:
        """What is wrong with it."""


Features = Callable[[str], Feature | None]
"""The features by the names of their fields."""


class Meant(msgspec.Struct, frozen=True):
    """What a field comes to that is more than it says: the spec of its use (None: nothing is done) and its backends."""

    spec: Any = None
    backends: tuple[BackendKey | None, ...] = ()
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class Inputs(msgspec.Struct, frozen=True):
    """What policies are judged by: the features by the names of their fields, and how an Upstream is found.

    From a policy that refers to an Upstream, the field, and the reference, to the backend or to why there is none.
    `headers` does the same for Secrets of headers.
    `meanings` are of fields that come to more than they say by themselves: from the policy, the field and its value.
    """

    features: Features
    upstreams: Callable[[Reader, Ref, str, ResourceRef], BackendKey | Finding]
    headers: FindHeaders
    meanings: Mapping[str, Callable[[Reader, Ref, str, Any], Meant]] = MappingProxyType({})


def policy_rule(of: Places, inputs: Inputs) -> Callable[[Reader, Name, Resource], Iterator[tuple[Name, Policy]]]:
    """The rule from a policy of a kind to what it comes to."""

    def read(reader: Reader, name: Name, resource: Any) -> Iterator[tuple[Name, Policy]]:
        ref = Ref(GLOO_GATEWAY, of.kind, *name)
        reading = Reading(reader, ref, of, inputs)
        targets = tuple(_targets(name, of, resource.spec.target_refs, reading.warnings))
        options = tuple(reading.options(resource.spec.options))
        yield (
            name,
            Policy(
                ref=ref,
                generation=resource.metadata.generation,
                age=resource.age,
                targets=targets,
                options=options,
                errors=tuple(reading.errors),
                warnings=tuple(reading.warnings),
            ),
        )

    return read


def targets_of(_: Name, policy: Policy) -> Iterator[Ref]:
    """The objects that a policy is for; for an index."""
    yield from dict.fromkeys(target.ref for target in policy.targets)


def _targets(name: Name, of: Places, refs: tuple[Any, ...], warnings: list[Finding]) -> Iterator[Target]:
    """Every target, not just the first, as long as it is in the policy's namespace and of a kind it is for."""
    for index, one in enumerate(refs):
        where = f"spec.targetRefs[{index}]"
        if one.group != GATEWAY or one.kind not in of.targets:
            text = f"{of.kind}s are not for {one.kind} of group {one.group!r}"
            warnings.append(Finding("InvalidKind", where, text, f"They are for {' and '.join(of.targets)}."))
        elif (one.namespace or name.namespace) != name.namespace:
            text = f"{one.kind} {one.namespace}/{one.name} is in another namespace"
            warnings.append(Finding("RefNotPermitted", where, text, "A policy is for objects of its own namespace."))
        else:
            section = getattr(one, "section_name", None) or ""
            yield Target(Ref(GATEWAY, one.kind, name.namespace, one.name), section, where)


class Reading:
    """Reads options that an object holds in a field, as those of policies, and gathers what is found on the way."""

    def __init__(self, reader: Reader, ref: Ref, of: Places, inputs: Inputs, field: str = "spec.options") -> None:
        self._reader = reader
        self._ref = ref
        self._of = of
        self._inputs = inputs
        self._field = field
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def options(self, options: msgspec.Struct | None) -> Iterator[Option]:
        """The fields that are set."""
        if options is None:
            return
        units = {name: group[0] for group in getattr(options, "ONE_OF", ()) for name in group}
        for field in msgspec.structs.fields(options):
            value = getattr(options, field.name)
            if value is not None and value not in ((), {}):
                yield self._option(field.encode_name, units.get(field.name, field.name), value)

    def _option(self, name: str, unit: str, value: Any) -> Option:
        where = f"{self._field}.{name}"
        feature = self._inputs.features(name)
        empty = is_empty(value)
        if feature is None or not feature.works(*self._of.places):
            found = unserved(name)
            if found.guards and _is_off(value):
                return Option(name, unit, empty=empty)
            mend = "So nothing passes; remove it to let requests pass." if found.guards else "It has no effect."
            finding = Finding(NOT_SERVED, where, f"is not served: {found.why}", mend)
            (self.errors if found.guards else self.warnings).append(finding)
            fault = self._fault(finding) if found.guards else ""
            return Option(name, unit, None, fault, found.guards, empty)
        backends = tuple(self._backend(f"{where}.{at}", ref) for at, ref in feature.upstreams(value))
        self.warnings.extend(Finding(NOT_SERVED, *fault) for fault in feature.omits(value, where))
        faults = [Finding("Invalid", *fault) for fault in feature.faults(value, where)]
        headers: list[SecretHeaders] = []
        for at, ref in feature.secrets(value):
            found_headers = self._inputs.headers(self._reader, self._ref, f"{where}.{at}", ref)
            if isinstance(found_headers, Finding):
                faults.append(found_headers)
            else:
                headers.append(found_headers)
        self.errors.extend(faults)
        if faults:
            return Option(name, unit, None, self._fault(faults[0]), feature.guards, empty)
        if name in self._inputs.meanings:
            return self._meant(name, unit, where, value, guards=feature.guards)
        of_port = not feature.works("on_route", "on_host")
        use = Use(name, value, where, backends, self._ref, headers=tuple(headers))
        return Option(name, unit, use, empty=empty, of_port=of_port)

    def _meant(self, name: str, unit: str, where: str, value: Any, *, guards: bool) -> Option:
        meant = self._inputs.meanings[name](self._reader, self._ref, where, value)
        self.errors.extend(meant.errors)
        self.warnings.extend(meant.warnings)
        if meant.errors:
            return Option(name, unit, None, self._fault(meant.errors[0]), guards)
        use = Use(name, meant.spec, where, meant.backends, self._ref) if meant.spec is not None else None
        return Option(name, unit, use, empty=use is None or is_empty(value))

    def policy(self, *every: msgspec.Struct | None) -> Policy:
        """Options as a policy without targets: what stands in the object that it is for."""
        found = tuple(option for options in every for option in self.options(options))
        return Policy(self._ref, 0, ("", "", ""), (), found, tuple(self.errors), tuple(self.warnings))

    def _fault(self, finding: Finding) -> str:
        """A finding as a text within others."""
        return f"{self._ref} {finding.where}: {finding.text}"

    def _backend(self, where: str, ref: ResourceRef) -> BackendKey | None:
        found = self._inputs.upstreams(self._reader, self._ref, where, ref)
        if isinstance(found, Finding):
            self.warnings.append(found)
            return None
        return found


def _is_off(value: object) -> bool:
    """Whether a guard is switched off: then nothing need be done for it."""
    if not isinstance(value, msgspec.Struct):
        return False
    inner = {name: getattr(value, name) for name in value.__struct_fields__}
    if inner.get("disable") or inner.get("disabled"):
        return True
    structs = [one for one in inner.values() if isinstance(one, msgspec.Struct)]
    return bool(structs) and all(map(_is_off, structs))


def is_empty(value: object) -> bool:
    """Whether a field counts as not set when policies are merged: Go's zero value, or a pointer to one."""
    if isinstance(value, msgspec.Struct):
        inner = (getattr(value, name) for name in value.__struct_fields__)
        return all(one is msgspec.UNSET or (not one and not isinstance(one, msgspec.Struct)) for one in inner)
    return not value or (isinstance(value, str) and _NO_TIME.fullmatch(value) is not None)
