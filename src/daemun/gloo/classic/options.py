"""Options of classic objects: those that stand in them, and those of the option objects that they refer to.

What stands in the object counts before what it refers to, field by field; a RouteTable's route before the routes that
delegate to it. (Gloo's Gateway API mode has the parent win; classic mode has the child.)
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from daemun.api.gloo.listener_filters import ProxyProtocol
from daemun.api.gloo.options import ListenerOptions
from daemun.api.gloo.virtual_service import DelegateOptionsRefs, Route, VirtualService
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.classic.delegation import Placing
from daemun.gloo.classic.hosts import KIND
from daemun.gloo.classic.parts import Part, Section
from daemun.gloo.classic.placed import Placeds
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.policies import policy
from daemun.gloo.policies.merge import Merged, merged, with_transformations
from daemun.gloo.policies.policy import (
    DESTINATION_OPTIONS,
    HTTP_LISTENER_OPTION,
    LISTENER_OPTION,
    ROUTE_OPTION,
    VIRTUAL_HOST_OPTION,
    Places,
    Policy,
    Reading,
)
from daemun.gloo.settings.listener_defaults import ListenerDefaults, listener_defaults
from daemun.ir.listener import FrontendKey, ListenerKey
from daemun.ir.route import Use
from daemun.ir.uses import ListenerUses

_HOST = "spec.virtualHost"


class Inputs(msgspec.Struct, frozen=True):
    """How options are judged, the option objects by kind, and what Settings say of all listeners."""

    judged: policy.Inputs
    written: Mapping[str, Collection[Name, Policy]]
    defaults: ListenerDefaults


class OptionsOf:
    """Reads the options in classic objects; `report` hears what is wrong with them."""

    def __init__(self, reader: Reader, of: Inputs, report: Report) -> None:
        self._reader = reader
        self._of = of
        self._report = report
        self._referred: dict[Ref, None] = {}
        self._known: dict[tuple[Ref, str], tuple[Policy, ...]] = {}

    @property
    def referred(self) -> tuple[Ref, ...]:
        """The option objects that were referred to."""
        return tuple(self._referred)

    def here(self, by: Ref, places: Places, where: str, options: msgspec.Struct | None) -> Policy:
        """What stands in an object at a field."""
        policy = Reading(self._reader, by, places, self._of.judged, where).policy(options)
        self._report.findings(by, policy.errors)
        self._report.findings(by, policy.warnings, warning=True)
        return policy

    def with_refs(
        self, by: Ref, places: Places, where: str, options: msgspec.Struct | None, refs: DelegateOptionsRefs | None
    ) -> tuple[Policy, ...]:
        """What stands in an object, and then what it refers to."""
        found = [self.here(by, places, f"{where}.options", options)] if options is not None else []
        for index, ref in enumerate(refs.delegate_options if refs else ()):
            name = Name(ref.namespace or by.namespace, ref.name)
            policy = self._reader.get(self._of.written[places.kind], name)
            if policy is None:
                at = f"{where}.optionsConfigRefs.delegateOptions[{index}]"
                self._report.absent(by, "OptionsNotFound", at, Ref(GLOO_GATEWAY, places.kind, *name))
            else:
                found.append(policy)
                self._referred[policy.ref] = None
        return tuple(found)

    def route(self, placing: Placing) -> Merged:
        """What a route comes to, with what it has of those that delegate to it."""
        chain = (placing, *placing.above)
        levels = with_transformations([self._route(one.by, one.where, one.route) for one in chain])
        return merged(policy for level in levels for policy in level)

    def _route(self, by: Ref, where: str, route: Route) -> tuple[Policy, ...]:
        found = self._known.get((by, where))
        if found is None:
            found = self.with_refs(by, ROUTE_OPTION, where, route.options, route.options_config_refs)
            self._known[by, where] = found
        return found

    def share(self, by: Ref, where: str, options: msgspec.Struct) -> Merged:
        """What one of several destinations has of its own."""
        return merged([self.here(by, DESTINATION_OPTIONS, where, options)])


class PartUses(msgspec.Struct, frozen=True, gc=False):
    """What a part of a Gateway puts on its listener, and what is wrong with that."""

    by: Ref
    uses: tuple[Use, ...]
    frontends: tuple[FrontendKey, ...]
    closed: str = ""
    problems: Problems = ()


def part_rule(of: Inputs) -> Callable[[Reader, Section, Part], Iterator[tuple[Section, PartUses]]]:
    """The rule from a part of a Gateway to what its options come to."""

    def uses(reader: Reader, key: Section, part: Part) -> Iterator[tuple[Section, PartUses]]:
        report = Report()
        read = OptionsOf(reader, of, report)
        found: list[Policy] = []
        if part.http is not None and part.http.options is not None:
            at = f"{part.where}.httpGateway.options"
            found.append(read.here(part.by, HTTP_LISTENER_OPTION, at, part.http.options))
        if part.http is not None:
            found.extend(listener_defaults(reader, of.defaults))
        if part.options is not None:
            found.append(read.here(part.gateway, LISTENER_OPTION, "spec.options", part.options))
        if part.proxied and (part.options is None or part.options.proxy_protocol is None):
            asked = ListenerOptions(proxy_protocol=ProxyProtocol())
            found.append(read.here(part.gateway, LISTENER_OPTION, "spec.useProxyProto", asked))
        if found:
            whole = merged(found)
            yield key, PartUses(part.by, whole.uses, part.frontends, whole.closed, report.problems)

    return uses


PartsUses = Collection[Section, PartUses]


def of_part_rule(_: Reader, key: Section, one: PartUses) -> Iterator[tuple[ListenerKey, ListenerUses]]:
    """From a part's options to what is done on its own listener."""
    proxies = tuple(frontend.proxy for frontend in one.frontends)
    yield (one.by, key.listener), ListenerUses(proxies, one.uses, closed=one.closed)


def of_service_rule(
    of: Inputs, placed: Placeds, parts: PartsUses
) -> Callable[[Reader, Name, VirtualService], Iterator[tuple[ListenerKey, ListenerUses]]]:
    """The rule from a VirtualService to what is done on its virtual hosts, at each Gateway that serves it."""

    def uses(reader: Reader, name: Name, service: VirtualService) -> Iterator[tuple[ListenerKey, ListenerUses]]:
        where = reader.get(placed, name)
        if where is None:
            return
        ref = Ref(where.ref.group, KIND, *name)
        whole = merged(host_policies(OptionsOf(reader, of, Report()), ref, service))
        proxies: dict[Section, list[str]] = {}
        for gateway, one in where.attachments:
            proxies.setdefault(gateway, []).append(one.frontend.proxy)
        for gateway, served in proxies.items():
            part = reader.get(parts, gateway)
            port = part.uses if part else ()
            closed = whole.closed or (part.closed if part else "")
            if port or whole.uses or closed:
                yield (ref, gateway.listener), ListenerUses(tuple(served), port, whole.uses, closed)

    return uses


def host_policies(read: OptionsOf, ref: Ref, service: VirtualService) -> tuple[Policy, ...]:
    """The options of a VirtualService's virtual host."""
    host = service.spec.virtual_host
    if host is None:
        return ()
    return read.with_refs(ref, VIRTUAL_HOST_OPTION, _HOST, host.options, host.options_config_refs)
