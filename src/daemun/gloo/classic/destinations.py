"""Destinations: where a route sends requests, or a TCP host its connections."""

from collections.abc import Iterator, Mapping

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.destinations import (
    ConsulServiceDestination,
    Destination,
    MultiDestination,
    UpstreamGroup,
    WeightedDestination,
)
from daemun.api.gloo.forward_proxy import ForwardProxyRoute
from daemun.base.names import CORE, GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.egresses import Forward
from daemun.gatewayapi.findings import place
from daemun.gatewayapi.routes.backends import Resolver
from daemun.gloo.classic.options import OptionsOf
from daemun.gloo.classic.report import Report
from daemun.gloo.functions.offers import Offers, of_destination
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.settings.upstream_defaults import NONE, Defaults
from daemun.gloo.upstreams.consul import key_of
from daemun.ir.backend import BackendKey, Protocol
from daemun.ir.route import Backend, Use

NOT_SERVED = "NotServed"


class Inputs(msgspec.Struct, frozen=True):
    """What destinations are found by. Gloo asks nobody for consent across namespaces, so neither is it asked here."""

    kinds: Mapping[tuple[str, str], Resolver]
    groups: Collection[Name, UpstreamGroup]
    upstreams: Collection[Name, object]
    services: Collection[Name, object]
    functions: Offers
    defaults: Collection[Name, Defaults]
    forward: Forward


class Destinations:
    """The destinations in one object, found; `report` hears of those that lead nowhere."""

    def __init__(
        self, reader: Reader, of: Inputs, report: Report, by: Ref, protocol: Protocol, read: OptionsOf
    ) -> None:
        self._reader = reader
        self._of = of
        self._report = report
        self._by = by
        self._protocol = protocol
        self._read = read

    def single(self, where: str, one: Destination) -> tuple[Backend, ...]:
        """All requests to one destination."""
        key, called = self._reached(where, one)
        return (Backend(where, key, uses=called, subset=_subset(one)),)

    def multi(self, where: str, several: MultiDestination) -> tuple[Backend, ...]:
        """Shares of the requests to each of several."""
        return self.weighted(f"{where}.destinations", several.destinations)

    def group(self, where: str, ref: ResourceRef) -> tuple[Backend, ...]:
        """The destinations of an UpstreamGroup. What is wrong with them is its own affair."""
        name = Name(ref.namespace or self._by.namespace, ref.name)
        group = self._reader.get(self._of.groups, name)
        if group is None:
            self._report.absent(self._by, "UpstreamGroupNotFound", where, Ref(GLOO, "UpstreamGroup", *name))
            return (Backend(where, None),)
        theirs = Ref(GLOO, "UpstreamGroup", *name)
        found = Destinations(self._reader, self._of, self._report, theirs, self._protocol, self._read).weighted(
            "spec.destinations", group.spec.destinations
        )
        return tuple(msgspec.structs.replace(one, where=where) for one in found)

    def weighted(self, where: str, several: tuple[WeightedDestination, ...]) -> tuple[Backend, ...]:
        """Destinations with their weights. One without a weight gets nothing, as with Gloo."""
        found = tuple(self._shares(where, several))
        if not any(one.weight for one in found):
            self._report.error(self._by, "Invalid", where, "no destination has a weight", "Give one of them a weight.")
        return found

    def forwarded(self, where: str, one: ForwardProxyRoute) -> tuple[Backend, ...]:
        """The host that a request names, if the Egress that Settings name allows it; none where they name none."""
        name = (self._reader.get(self._of.defaults, SETTINGS) or NONE).forward_to
        if name is None:
            return ()
        found, uses = self._of.forward(self._reader, where, name)
        if found.finding is not None:
            self._report.findings(self._by, (found.finding,), warning=True)
        if one.host_rewrite:
            uses = (Use("hostRewrite", one.host_rewrite, f"{where}.hostRewrite"), *uses)
        elif one.auto_host_rewrite_header:
            header = f"{where}.autoHostRewriteHeader"
            uses = (Use("hostRewriteHeader", one.auto_host_rewrite_header, header), *uses)
        return (Backend(where, found.key, uses=uses),)

    def _shares(self, where: str, several: tuple[WeightedDestination, ...]) -> Iterator[Backend]:
        for index, one in enumerate(several):
            here = place(where, index)
            at = f"{here}.destination"
            key, uses = (None, ()) if one.destination is None else self._reached(at, one.destination)
            if one.options is not None:
                whole = self._read.share(self._by, f"{here}.options", one.options)
                uses, key = (*whole.uses, *uses), None if whole.fault else key
            yield Backend(at, key, one.weight or 0, uses, _subset(one.destination))

    def _reached(self, where: str, one: Destination) -> tuple[BackendKey | None, tuple[Use, ...]]:
        """The backend, and what is done to requests that call a function of it."""
        key = self._key(where, one)
        if key is None:
            return None, ()
        called = of_destination(self._reader, self._of.functions, where, key, one.destination_spec)
        self._report.findings(self._by, called.findings, warning=True)
        return None if called.findings else key, called.uses

    def _key(self, where: str, one: Destination) -> BackendKey | None:
        if one.upstream is not None:
            name = Name(one.upstream.namespace or self._by.namespace, one.upstream.name)
            if self._reader.get(self._of.upstreams, name) is None:
                discovered = self._discovered(name.name)
                if discovered is not None:
                    return self._found(f"{where}.upstream", *discovered)
            return self._found(f"{where}.upstream", Ref(GLOO, "Upstream", *name), None)
        if one.kube is not None:
            ref = one.kube.ref or ResourceRef()
            service = Ref(CORE, "Service", ref.namespace or self._by.namespace, ref.name)
            return self._found(f"{where}.kube", service, one.kube.port)
        if one.consul is not None:
            return self._of_consul(f"{where}.consul", one.consul)
        self._report.error(
            self._by, "Invalid", where, "it names no destination", "Give it an upstream, kube or consul."
        )
        return None

    def _of_consul(self, where: str, one: ConsulServiceDestination) -> BackendKey | None:
        key = key_of(one)
        if key is None:
            text = "names of services, tags and data centers are printable, without spaces, '@', '+' and ','"
            self._report.error(self._by, "Invalid", where, text, "Write an Upstream for it.")
        elif not (self._reader.get(self._of.defaults, SETTINGS) or NONE).consul:
            text = f"the Settings {SETTINGS} do not say where Consul is"
            self._report.error(self._by, "Invalid", where, text, "Give them consul.httpAddress.")
            return None
        return key

    def _discovered(self, name: str) -> tuple[Ref, int] | None:
        """The port of a Service that Gloo's discovery would have made an Upstream of this name for.

        It calls them `namespace-service-port`, each of which may have hyphens too: the first that exists is meant.
        """
        rest, _, port = name.rpartition("-")
        if not port.isdigit():
            return None
        for at, char in enumerate(rest):
            service = Name(rest[:at], rest[at + 1 :])
            if char == "-" and self._reader.get(self._of.services, service) is not None:
                return Ref(CORE, "Service", *service), int(port)
        return None

    def _found(self, where: str, target: Ref, port: int | None) -> BackendKey | None:
        resolver = self._of.kinds.get((target.group, target.kind))
        if resolver is None:
            self._report.warning(self._by, NOT_SERVED, where, f"a {target.kind} is not a destination that is served")
            return None
        found = resolver(self._reader, where, target, port, self._protocol)
        if found.finding is not None:
            self._report.findings(self._by, (found.finding,), warning=True)
        return found.key


def _subset(one: Destination | None) -> tuple[tuple[str, str], ...]:
    """The labels that an endpoint must have."""
    return tuple(sorted(one.subset.values.items())) if one is not None and one.subset is not None else ()
