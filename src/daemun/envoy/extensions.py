"""HTTP filters that connection managers ask for by name (ECDS), rather than bring along.

What Envoy decides at the first look cannot be switched on by the route that is found after a miss (`misses`): there
every filter costs each request. So the filters for what is sent on are only those that something on the port needs. And
scripts cost each connection manager memory, so they are only where something needs them, too.

A listener could bring them, but each new version of one leaves its open connections the filters that they had, for a
request at least, and then closes them. Of an extension all connections have the newest, and none is closed. Leaves that
need a filter say so (`filters_for`): they reach a proxy after it, and it goes after them (`xds.filters`).
"""

import functools
from collections.abc import Callable, Iterable, Iterator

import msgspec
from envoy.config.core.v3 import extension_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base import wire
from daemun.envoy.ads import ads
from daemun.envoy.scopes import BY_PATH, MISSES, sent_on
from daemun.features import BY_KIND, FAMILIES, HEAVY, Placed, moves, ordered, placed, rare_of
from daemun.features.drafts import WHOLE, Further, ManagerDraft
from daemun.features.fence import fence_all
from daemun.features.filter_chain import filters_of
from daemun.flow import Collection, Index, Reader, derive, distinct, union
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, FrontendKey, ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import EXTENSION, Filter, Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey, Rule, Use
from daemun.ir.uses import NOTHING, ListenerUses

Rare = tuple[FrontendKey | str, str]
"""A port, or a proxy with all of its ports, and a family of features whose filters must be there."""
Ways = Callable[[FrontendKey], Iterable[hcm_v3.HttpFilter]]
"""The filters of a port that send requests on, as chains."""
_NAME, _CONFIG = wire.tag(1), wire.tag(2)  # TypedExtensionConfig.name, .typed_config
_TYPE, _VALUE = wire.tag(1), wire.tag(2)  # Any.type_url, .value
_CHAIN, _FILTERS = wire.tag(1), wire.tag(1)  # FilterChainConfig.default_filter_chain, FilterChain.filters
_PART = "filters"
_SEVERAL = 2


def extensions(
    frontends: Collection[FrontendKey, Frontend],
    routes: Collection[RouteKey, ResolvedRoute],
    uses: Collection[ListenerKey, ListenerUses],
    standing: Callable[[Reader], tuple[Use, ...]],
    ways: Ways,
) -> Collection[PartKey, Part]:
    """All extensions, as parts. `standing` is what every listener has where its policies do not say otherwise; `ways`
    are what sends on what the features' filters are once more for.
    """
    rare = distinct(routes.index(rare_of_route), uses.index(rare_of_uses), name="filters in use")
    ports = frontends.index(with_requests)
    heavy = heavy_rule(ports, rare.index(at_proxy))
    return union(
        derive(frontends, later_rule(uses, rare, standing, ways), "filters for what is sent on"),
        derive(distinct(ports, name="proxies with requests"), heavy, "heavy filters"),
        name="extensions",
    )


def discovered(one: hcm_v3.HttpFilter) -> hcm_v3.HttpFilter:
    """The filter as one that the connection manager asks for."""
    found = hcm_v3.HttpFilter(name=one.name, disabled=one.disabled)
    found.config_discovery.config_source.CopyFrom(ads())
    found.config_discovery.type_urls.append(one.typed_config.type_url)
    return found


def rare_of_route(_: RouteKey, route: ResolvedRoute) -> Iterator[Rare]:
    """What the ports that a route is on must have for it; for an index."""
    if not route.route.every_use():
        return
    families = set().union(*map(families_of, route.route.rules))
    if families:
        yield from {(one.frontend, family) for one in route.attachments for family in families}


def rare_of_uses(_: ListenerKey, uses: ListenerUses) -> Iterator[Rare]:
    """What proxies must have for what policies put on virtual hosts; for an index."""
    yield from {(proxy, family) for family in rare_of(uses.on_hosts()) for proxy in uses.proxies}


def at_proxy(key: Rare, _: Rare) -> Iterator[Rare]:
    """The proxy that is to have the filters on one of its ports; for an index."""
    of, family = key
    yield of if isinstance(of, str) else of.proxy, family


def with_requests(key: FrontendKey, frontend: Frontend) -> Iterator[str]:
    """The proxy of a port on which requests come in; for an index."""
    if frontend.http:
        yield key.proxy


def families_of(rule: Rule) -> frozenset[str]:
    """The families of features whose filters a rule needs."""
    uses = rule.every_use()
    return frozenset(rare_of(uses, alone=len(rule.backends) < _SEVERAL)) if uses else frozenset()


@functools.lru_cache(maxsize=4096)
def filters_for(port: FrontendKey, families: frozenset[str]) -> tuple[Filter, ...]:
    """The filters that must be at a proxy for what is on a port of it."""
    return tuple(
        (extension, family)
        for family in sorted(families)
        for extension in (
            *([sent_on(BY_PATH, port), sent_on(MISSES, port)] if family in FAMILIES else []),
            *([family] if family in HEAVY else []),
        )
    )


def further_of(uses: ListenerUses) -> tuple[list[Further], set[str]]:
    """The HTTP filters that policies put on a listener, and the clusters that must be warm for them."""
    draft = ManagerDraft(hcm_v3.HttpConnectionManager(), router_pb2.Router())
    manage(uses, draft)
    return draft.filters, draft.needs


def has_whole(uses: ListenerUses) -> bool:
    """Whether policies put filters on a listener that are for all requests once their routes are known."""
    return any(one.filter.name == WHOLE for one in further_of(uses)[0])


def manage(uses: ListenerUses, draft: ManagerDraft) -> None:
    """Put on a connection manager what policies say. One whose filters may move requests has the fence for all."""
    here = [use for use in ordered(uses.port) if BY_KIND[use.kind].works("on_manager")]
    for use in here:
        BY_KIND[use.kind].on_manager(use.spec, use, draft)
    if moves(here):
        fence_all(draft)


def standing_on(uses: ListenerUses, standing: Iterable[Use]) -> ListenerUses:
    """What is on a listener, with what every one has that does not say otherwise."""
    kinds = {use.kind for use in uses.port}
    return msgspec.structs.replace(uses, port=(*uses.port, *(use for use in standing if use.kind not in kinds)))


def later_rule(
    policies: Collection[ListenerKey, ListenerUses],
    rare: Collection[Rare, Rare],
    standing: Callable[[Reader], tuple[Use, ...]],
    ways: Ways,
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[PartKey, Part]]]:
    """The rule from a port to the filters for what is sent on: its first listener's, and those in use on the port."""

    def filters(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[PartKey, Part]]:
        if not frontend.http:
            return
        first = frontend.http[0]
        further, needs = further_of(standing_on(reader.get(policies, first.key) or NOTHING, standing(reader)))
        spare: list[Leaf] = []
        leaves: list[Leaf] = []
        for one in (one for one in placed(further) if one.filter.disabled):
            used = any(reader.get(rare, (of, one.family)) is not None for of in (key, key.proxy))
            leaf = _leaf(one, first.origin, tuple(sorted(needs)))
            (leaves if one.always or used else spare).append(leaf)
        for way in ways(key):
            at = PartKey(key.proxy, EXTENSION, way.name)
            yield at, _head(way.name, way.typed_config.type_url, first.origin)
            # Were the first leaf left out, so would be all others.
            begun = Leaf(b"".join(map(_inner, filters_of(way))), first.origin)
            yield at._replace(part=_PART), part(_PART, [begun, *leaves], (_CONFIG, _VALUE), spare)

    return filters


def heavy_rule(
    ports: Index[str, FrontendKey, Frontend], rare: Index[Rare, Rare, Rare]
) -> Callable[[Reader, str, str], Iterator[tuple[PartKey, Part]]]:
    """The rule from a proxy to its heavy filters, which are empty where they are not in use."""

    def filters(reader: Reader, key: str, _: str) -> Iterator[tuple[PartKey, Part]]:
        origin = min(frontend.http[0].origin for frontend in reader.find(ports, key))
        for family, one in HEAVY.items():
            at = PartKey(key, EXTENSION, family)
            yield at, _head(family, one.typed_config.type_url, origin)
            used = reader.count(rare, (key, family)) > 0
            value = wire.delimited(_VALUE, one.typed_config.value)
            leaves = [Leaf(value, origin, identity=family.encode(), gives=(family,))]
            first = Leaf(b"", origin)
            yield at._replace(part=_PART), part(_PART, [first, *leaves] if used else [first], (_CONFIG,), leaves)

    return filters


def _head(name: str, type_url: str, origin: Origin) -> Part:
    config = wire.delimited(_CONFIG, wire.delimited(_TYPE, type_url.encode()))
    return part("", [Leaf(wire.delimited(_NAME, name.encode()) + config, origin)])


def _leaf(one: Placed, origin: Origin, needs: tuple[str, ...]) -> Leaf:
    """A filter in the chain. One that Envoy rejects it also rejects in the listener: both stay as they last were."""
    data = b"".join(_inner(inner) for inner in filters_of(one.filter))
    gives = (one.family,) if one.family else ()
    identity = f"{one.place:06} {one.filter.name}".encode()
    return Leaf(data, origin, needs if one.always else (), identity=identity, gives=gives)


def _inner(one: hcm_v3.HttpFilter) -> bytes:
    config = extension_pb2.TypedExtensionConfig(name=one.name, typed_config=one.typed_config)
    return wire.delimited(_CHAIN, wire.delimited(_FILTERS, wire.encoded(config)))
