"""Registries beside Kubernetes: what each is opened with, and its status."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.settings import Settings
from daemun.api.registry import Registry
from daemun.api.status import OwnStatus, Status
from daemun.base.names import CORE, DAEMUN, GLOO, Name, Ref
from daemun.flow import Collection, Graph, Reader, Source, derive, union
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gatewayapi.status.conditions import condition
from daemun.gatewayapi.status.problems import Problems, from_findings
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.discovery.settings import is_on
from daemun.gloo.served.fields import NOT_SERVED
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.upstreams import ec2
from daemun.ir.instances import Instances, Lookup
from daemun.ir.registries import CONSUL, Configured, Trouble

UNAVAILABLE = "RegistryUnavailable"
"""The reason of a finding about a registry that does not give what it is asked for."""
Troubles = Collection[Trouble, Finding]
_NOT_PERMITTED = Finding(
    NOT_SERVED,
    "spec.discovery.enabled",
    "has no effect: Daemun is installed without discovery",
    "Set discovery.enabled of the chart.",
)


class ResolvedRegistry(msgspec.Struct, frozen=True):
    """A Registry with its Secret. With `missing` or `wrong` it cannot be asked; what it has said stays."""

    ref: Ref
    generation: int
    configured: Configured
    missing: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    wrong: tuple[Finding, ...] = ()


class Nameable(msgspec.Struct, frozen=True):
    """The Registries that Upstreams can name, who may name one across namespaces, and what they do not give."""

    objects: Collection[Name, ResolvedRegistry]
    granted: GrantIndex
    troubles: Troubles


class Registries:
    """The collections about registries. From outside come what they say, and what they fail to (`instances`,
    `troubles`); `configured` are those that can be asked, by their keys.
    """

    def __init__(
        self, graph: Graph, sources: Mapping[tuple[str, str], Source[Name, Any]], surroundings: Surroundings
    ) -> None:
        self.instances: Source[Lookup, Instances] = Source(graph, "instances that registries know")
        self.troubles: Source[Trouble, Finding] = Source(graph, "troubles with registries")
        said: Collection[Name, Settings] = sources[GLOO, "Settings"]
        objects = derive(
            sources[DAEMUN, "Registry"], registry_rule(sources[CORE, "Secret"], said, surroundings), "Registries"
        )
        self.objects: Collection[Name, ResolvedRegistry] = objects
        self.configured: Collection[str, Configured] = union(
            derive(objects, configured_rule, "Registries that can be asked"),
            derive(sources[GLOO, "Settings"], consul_rule(surroundings), "Consul of Settings"),
            derive(sources[GLOO, "Upstream"], ec2.machines_rule(sources[CORE, "Secret"], said), "EC2 of Upstreams"),
            name="configured registries",
        )
        self.problems = derive(objects, problem_rule(self.troubles), "Registry problems")

    def statuses(self, unread: Unread) -> Collection[Ref, Status]:
        """Make the statuses of Registries."""
        return derive(self.objects, status_rule(self.troubles, unread), "Registry status")

    def nameable(self, granted: GrantIndex) -> Nameable:
        """What Upstreams need of it."""
        return Nameable(self.objects, granted, self.troubles)


def registry_rule(
    secrets: Collection[Name, Secret], settings: Collection[Name, Settings], surroundings: Surroundings
) -> Callable[[Reader, Name, Registry], Iterator[tuple[Name, ResolvedRegistry]]]:
    """The rule from a Registry to what it comes to."""

    def resolve(reader: Reader, name: Name, registry: Registry) -> Iterator[tuple[Name, ResolvedRegistry]]:
        ref, spec = Ref(DAEMUN, "Registry", *name), registry.spec
        missing: tuple[Finding, ...] = ()
        held: Mapping[str, bytes] = {}
        if spec.secret_ref is not None:
            of = Name(name.namespace, spec.secret_ref.name)
            secret = reader.get(secrets, of)
            if secret is None:
                missing = (absent("SecretNotFound", "spec.secretRef", Ref(CORE, "Secret", *of)),)
            else:
                held = {**secret.data, **{key: value.encode() for key, value in secret.string_data.items()}}
        permitted = surroundings.discovers or not surroundings.clustered
        notes = () if permitted or not spec.discovery.enabled else (_NOT_PERMITTED,)
        catalogued = permitted and spec.discovery.enabled
        lent = spec.secret_ref is None and ec2.lent_by(reader, settings)
        configured = Configured(ref, spec.type, spec.config, held, catalogued=catalogued, lent=lent)
        fault = surroundings.registry_fault(configured) if surroundings.registry_fault else None
        wrong = (fault,) if fault else ()
        yield name, ResolvedRegistry(ref, registry.metadata.generation, configured, missing, notes, wrong)

    return resolve


def configured_rule(_: Reader, name: Name, one: ResolvedRegistry) -> Iterator[tuple[str, Configured]]:
    """From a Registry to what it is opened with, if it can be."""
    if not one.missing and not one.wrong:
        yield str(name), one.configured


def consul_rule(surroundings: Surroundings) -> Callable[[Reader, Name, Settings], Iterator[tuple[str, Configured]]]:
    """The rule from the Settings that count to the Consul that they name: an operator's, who may ask anybody."""

    def configured(_: Reader, name: Name, settings: Settings) -> Iterator[tuple[str, Configured]]:
        if name == SETTINGS and settings.spec.consul is not None:
            on = is_on(settings.spec, surroundings)
            ref = Ref(GLOO, "Settings", *name)
            yield CONSUL, Configured(ref, CONSUL, settings.spec.consul, guarded=False, catalogued=on)

    return configured


def status_rule(
    troubles: Troubles, unread: Unread
) -> Callable[[Reader, Name, ResolvedRegistry], Iterator[tuple[Ref, Status]]]:
    """The rule from a Registry to its status. It is Available unless it fails to give what it is asked for."""

    def status(reader: Reader, name: Name, one: ResolvedRegistry) -> Iterator[tuple[Ref, Status]]:
        trouble = reader.get(troubles, Trouble(str(name)))
        found = () if trouble is None else (trouble,)
        away = tuple(each for each in found if each.reason == UNAVAILABLE)
        wrong = one.wrong or tuple(each for each in found if each.reason != UNAVAILABLE)
        missing = unread.said(reader, one.missing)
        closed = missing or wrong
        generation = one.generation
        yield (
            one.ref,
            OwnStatus(
                (
                    condition("Accepted", generation, "Accepted", wrong),
                    condition("ResolvedRefs", generation, "ResolvedRefs", missing),
                    condition("Available", generation, "Available", closed or away),
                )
            ),
        )

    return status


def problem_rule(troubles: Troubles) -> Callable[[Reader, Name, ResolvedRegistry], Iterator[tuple[Ref, Problems]]]:
    """The rule from a Registry to what is wrong with it."""

    def problems(reader: Reader, name: Name, one: ResolvedRegistry) -> Iterator[tuple[Ref, Problems]]:
        trouble = reader.get(troubles, Trouble(str(name)))
        found = from_findings(one.ref, one.wrong + one.missing) + from_findings(one.ref, one.notes, warning=True)
        if trouble is not None and not one.wrong:
            found += from_findings(one.ref, (trouble,), warning=trouble.reason == UNAVAILABLE)
        if found:
            yield one.ref, found

    return problems
