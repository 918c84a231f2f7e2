"""Destinations as backendRefs."""

from collections.abc import Iterable, Iterator

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.destinations import Destination, DestinationSpec, RouteAction, TcpAction, WeightedDestination
from daemun.base.names import CORE, GATEWAY, GLOO, Name, Ref
from daemun.gatewayapi.findings import place
from daemun.gloo.functions.offers import PARAMETER
from daemun.gloo.migrate.bench import Bench, Doc, plain
from daemun.gloo.migrate.options import header_filters

_MOST = 16
_HEAVIEST = 1_000_000


class Destinations:
    """The destinations in one object (`by`) as the backends of a route of a kind in a namespace (`home`)."""

    def __init__(self, bench: Bench, by: Ref, kind: str, home: str) -> None:
        self._bench = bench
        self._by = by
        self._kind = kind
        self._home = home

    def all(self, where: str, action: RouteAction | TcpAction) -> list[Doc]:
        """The backendRefs; none where there is no like, which has been told then."""
        if action.single is not None:
            found = self._one(f"{where}.single", action.single)
            return [found] if found else []
        if action.multi is not None:
            return self._several(f"{where}.multi.destinations", action.multi.destinations)
        if action.upstream_group is not None:
            return self._group(f"{where}.upstreamGroup", action.upstream_group)
        return []

    def _group(self, where: str, ref: ResourceRef) -> list[Doc]:
        name = Name(ref.namespace or self._by.namespace, ref.name)
        group = self._bench.world.group(name)
        if group is None:
            self._lost(where, "NotFound", f"UpstreamGroup {name} does not exist", "Its requests are answered with 500.")
            return []
        theirs = Destinations(self._bench, Ref(GLOO, "UpstreamGroup", *name), self._kind, self._home)
        return theirs._several("spec.destinations", group.spec.destinations)

    def _several(self, where: str, several: Iterable[WeightedDestination]) -> list[Doc]:
        found = [(place(where, index), one) for index, one in enumerate(several)]
        if len(found) > _MOST:
            text = f"it has {len(found)} destinations, and a rule takes {_MOST}"
            self._lost(where, "DestinationLost", text, f"Those from the {_MOST + 1}th on are left out.")
        heaviest = max((one.weight or 0 for _, one in found), default=0)
        backends = []
        for at, one in found[:_MOST]:
            backend = self._one(f"{at}.destination", one.destination) if one.destination else None
            if backend is None:
                continue
            weight = one.weight or 0
            if heaviest > _HEAVIEST:
                weight = round(weight * _HEAVIEST / heaviest)
            filters = [*backend.pop("filters", ()), *self._filters(at, one)]
            backends.append({**backend, "weight": weight, **({"filters": filters} if filters else {})})
        return backends

    def _filters(self, where: str, one: WeightedDestination) -> Iterator[Doc]:
        """The options of a share: those that a backendRef has filters for."""
        options = one.options
        if options is None:
            return
        filters = header_filters(options.header_manipulation) if options.header_manipulation else []
        rest = plain(options)
        if filters:
            yield from filters
            rest.pop("headerManipulation", None)
        for field in rest:
            mend = "Give the share a route of its own, with a RouteOption."
            self._lost(f"{where}.options.{field}", "OptionLost", "a backendRef has no such option", mend)

    def _one(self, where: str, one: Destination) -> Doc | None:
        if one.subset is not None:
            mend = "Write an Upstream for the subset; until then all of its endpoints are used."
            self._lost(f"{where}.subset", "SubsetLost", "a backendRef cannot ask for a subset", mend)
        if one.upstream is not None:
            return {**self._upstream(one.upstream), **self._function(f"{where}.destinationSpec", one.destination_spec)}
        if one.destination_spec is not None:
            mend = "Requests go to the destination as they are."
            self._lost(f"{where}.destinationSpec", "FunctionLost", "only an Upstream has functions", mend)
        if one.kube is not None:
            ref = one.kube.ref or ResourceRef()
            service = Ref(CORE, "Service", ref.namespace or self._by.namespace, ref.name)
            return {"name": service.name, **self._namespace(service), "port": one.kube.port}
        if one.consul is not None:
            text = "a service in Consul is no backend of Gateway API"
            self._lost(f"{where}.consul", "ConsulLost", text, "Write an Upstream for it, and name that.")
        else:
            self._lost(where, "DestinationLost", "it names no destination", "Name an Upstream or a Service.")
        return None

    def _upstream(self, ref: ResourceRef) -> Doc:
        target = Ref(GLOO, "Upstream", ref.namespace or self._by.namespace, ref.name)
        return {"group": GLOO, "kind": "Upstream", "name": target.name, **self._namespace(target)}

    def _function(self, where: str, spec: DestinationSpec | None) -> Doc:
        """The filter that names the function; how it is called only the Upstream can say in Gateway API."""
        if spec is None:
            return {}
        if spec.azure is not None:
            return self._named(spec.azure.function_name)
        if spec.rest is not None:
            for field in plain(spec.rest).keys() - {"functionName"}:
                mend = "Keep the route in a VirtualService, or write the transformation as options of the route."
                text = "a backendRef cannot say more of a function than its name"
                self._lost(f"{where}.rest.{field}", "FunctionLost", text, mend)
            return self._named(spec.rest.function_name)
        if spec.aws is None:
            mend = "Requests go to the Upstream as they are."
            self._lost(where, "FunctionLost", "a backendRef cannot name a function of this kind", mend)
            return {}
        for field in plain(spec.aws).keys() - {"logicalName"}:
            mend = "Say it in destinationOverrides of the Upstream, for all of its functions."
            self._lost(f"{where}.aws.{field}", "FunctionLost", "a backendRef cannot say how a function is called", mend)
        return self._named(spec.aws.logical_name)

    def _named(self, function: str) -> Doc:
        named = {"group": GLOO, "kind": PARAMETER, "name": function}
        return {"filters": [{"type": "ExtensionRef", "extensionRef": named}]} if function else {}

    def _namespace(self, target: Ref) -> Doc:
        if target.namespace == self._home:
            return {}
        self._bench.permit((GATEWAY, self._kind, self._home), target)
        return {"namespace": target.namespace}

    def _lost(self, where: str, code: str, text: str, mend: str) -> None:
        self._bench.report.error(self._by, code, where, text, mend)
