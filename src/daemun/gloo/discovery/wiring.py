"""The collections of Upstream Discovery, wired together."""

from collections.abc import Mapping
from typing import Any

from daemun.api.core import Service
from daemun.base.names import DAEMUN, GLOO, Name
from daemun.flow import MISSING, Collection, Graph, Missing, Source, derive, distinct, union
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gloo.discovery.catalogued import Listed, listed_rule
from daemun.gloo.discovery.orders import Inputs, made_of, order_rule
from daemun.gloo.discovery.services import service_rule
from daemun.gloo.discovery.settings import discovering_rule
from daemun.gloo.settings.scope import Scope
from daemun.ir.discovery import Order
from daemun.ir.instances import Catalogue, Entry


class Discovery:
    """What registries list comes in by `listed`; `orders` say what is to be done, by the names of Upstreams."""

    def __init__(
        self,
        graph: Graph,
        sources: Mapping[tuple[str, str], Source[Name, Any]],
        services: Collection[Name, Service],
        scopes: Collection[Name, Scope],
        surroundings: Surroundings,
    ) -> None:
        self._graph = graph
        self._entries: Source[Listed, Catalogue] = Source(graph, "services that registries have")
        self._spoken: Source[str, bool] = Source(graph, "registries that have told what they have")
        self._known: dict[str, Catalogue] = {}
        upstreams, registries = sources[GLOO, "Upstream"], sources[DAEMUN, "Registry"]
        settings = derive(sources[GLOO, "Settings"], discovering_rule(surroundings), "what Settings say of discovery")
        claims = union(
            derive(services, service_rule(settings, scopes, surroundings), "Upstreams of Services"),
            derive(self._entries, listed_rule(settings, registries, surroundings), "Upstreams of registries"),
            name="Upstreams that there should be",
        )
        by_name = claims.index(lambda _, wanted: (wanted.name,))
        names = distinct(by_name, upstreams.index(made_of), name="discovered Upstreams")
        inputs = Inputs(by_name, upstreams, registries, settings, self._spoken, surroundings)
        self.orders: Collection[Name, Order] = derive(names, order_rule(inputs), "orders about Upstreams")

    def listed(self, registry: str, catalogue: Catalogue | None) -> None:
        """All services that a registry has; None: it does not tell any more, and what was made of it stays."""
        before = self._known.pop(registry, frozenset())
        after = catalogue or frozenset()
        touched = {one.service for one in before ^ after}
        changes: dict[Listed, Catalogue | Missing] = {}
        groups: dict[str, list[Entry]] = {service: [] for service in touched}
        for one in after:
            if one.service in touched:
                groups[one.service].append(one)
        for service, entries in groups.items():
            changes[Listed(registry, service)] = frozenset(entries) if entries else MISSING
        with self._graph.batch():
            self._spoken.update({registry: MISSING if catalogue is None else True})
            self._entries.update(changes)
        if catalogue is not None:
            self._known[registry] = catalogue
