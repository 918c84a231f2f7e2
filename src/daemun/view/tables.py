"""The tables of `daemun get`: a row for each object, with columns for people and the object for programs."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from daemun.api.gateway import Gateway
from daemun.api.kinds import called
from daemun.base.names import CORE, DAEMUN, GATEWAY, GLOO, GLOO_GATEWAY, Name, Ref
from daemun.explain.endpoints import endpoints
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.gloo.policies.policy import Policy
from daemun.ir.backend import BackendKey
from daemun.ir.resource import CLUSTER
from daemun.report.summary import GatewayLine, ListenerSetLine, RouteLine, line, state
from daemun.translate import Translation
from daemun.view.written import written

NONE = "-"
"""What stands in a column that has nothing to say: a program that splits at blanks finds as many as ever."""


class Row(msgspec.Struct, frozen=True):
    """An object, how it is in a word, and its columns; `more` are those that only a wide table has."""

    ref: Ref
    state: str
    cells: tuple[str, ...]
    more: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """What there is of one thing. STATE comes after the columns of `header`, and those of `more` at the end."""

    name: str
    header: tuple[str, ...]
    more: tuple[str, ...]
    rows: Callable[[Translation], Iterable[Row]]


def _gateways(translation: Translation) -> Iterator[Row]:
    refs = [Ref(GATEWAY, kind, *name) for kind in ("Gateway", "ListenerSet") for name in _names(translation, kind)]
    refs += [Ref(GLOO_GATEWAY, "Gateway", *name) for name in translation.sources[GLOO_GATEWAY, "Gateway"]]
    for ref in sorted(refs):
        told = line(translation, ref)
        value = written(translation, ref)
        class_name = value.spec.gateway_class_name if isinstance(value, Gateway) else NONE
        attached, of, urls = "0", NONE, dict[str, None]()
        if isinstance(told, GatewayLine | ListenerSetLine):
            attached, urls = str(told.attached_routes), dict.fromkeys(url.partition(" ")[0] for url in told.urls)
            of = told.gateway if isinstance(told, ListenerSetLine) else str(ref.key)
        if ref.group == GLOO_GATEWAY:
            attached = NONE
        listeners = getattr(value.spec, "listeners", ()) if value is not None else ()
        names = _listed(f"{one.name}:{one.port}/{one.protocol}" for one in listeners)
        kind = called(ref.group, ref.kind)
        yield Row(ref, _state(translation, ref), (kind, str(ref.key), class_name, attached, _listed(urls)), (of, names))


def _routes(translation: Translation) -> Iterator[Row]:
    kinds = [(GATEWAY, one.kind) for one in ROUTE_KINDS]
    kinds += [(GLOO_GATEWAY, "VirtualService"), (GLOO_GATEWAY, "RouteTable")]
    for ref in sorted(Ref(*kind, *name) for kind in kinds for name in translation.sources[kind]):
        told = line(translation, ref)
        hosts, gateways = (told.hostnames, told.gateways) if isinstance(told, RouteLine) else ((), ())
        found = translation.resolved(ref)
        rules = [rule for one in found for rule in one.route.rules]
        backends = dict.fromkeys(str(one.key.ref.key) for rule in rules for one in rule.backends if one.key)
        policies = dict.fromkeys(f"{policy.kind} {policy.key}" for one in found for policy in one.options)
        more = (str(len({rule.where for rule in rules})), _listed(backends), _listed(policies))
        cells = (ref.kind, str(ref.key), _listed(hosts), _listed(gateways))
        yield Row(ref, _state(translation, ref), cells, more)


def _upstreams(translation: Translation) -> Iterator[Row]:
    users: dict[Ref, dict[str, None]] = {}
    for route in translation.routes.values():
        for key in route.backends():
            users.setdefault(key.ref, {})[f"{route.ref.kind} {route.ref.key}"] = None
    there = clusters(translation)
    refs = {Ref(GLOO, "Upstream", *name) for name in translation.sources[GLOO, "Upstream"]} | users.keys()
    for ref in sorted(one for one in refs if one.group != DAEMUN):
        value = written(translation, ref)
        kind = _upstream_kind(value) if ref.kind == "Upstream" else ref.kind.lower()
        reached = there.get(ref, {})
        ports = _listed(dict.fromkeys(str(key.port) for key in sorted(reached) if key.port))
        ready = dict.fromkeys(one for found in reached.values() for one in found)
        # Nothing is known of the endpoints of what nobody uses: no proxy has a cluster for it.
        count = str(len(ready)) if reached else NONE
        now = _state(translation, ref) if ref.kind == "Upstream" else _of_service(translation, ref, reached, ready)
        more = (_listed(ready), _listed(users.get(ref, ())))
        yield Row(ref, now, (called(ref.group, ref.kind), str(ref.key), kind, ports, count), more)


def clusters(translation: Translation) -> dict[Ref, dict[BackendKey, tuple[str, ...]]]:
    """The objects behind the clusters of proxies, how they are spoken to, and their endpoints that are ready."""
    found: dict[Ref, dict[BackendKey, tuple[str, ...]]] = {}
    named = {part.resource: part.proxy for part in translation.resources if part.type_url == CLUSTER}
    for key in {key for route in translation.routes.values() for key in route.backends()}:
        proxy = named.get(key.cluster)
        if proxy is not None:
            found.setdefault(key.ref, {})[key] = endpoints(translation, proxy, key.cluster)
    return found


def _of_service(translation: Translation, ref: Ref, reached: object, ready: object) -> str:
    if ref.key not in translation.sources[CORE, "Service"]:
        return "NotFound"
    return "ready" if ready or not reached else "NoEndpoints"


def _upstream_kind(value: object) -> str:
    spec = getattr(value, "spec", None)
    names = ("kube", "static", "pipe", "aws", "aws_ec2", "azure", "consul", "gcp")
    return next((name for name in names if getattr(spec, name, None) is not None), NONE)


def policies_of(translation: Translation) -> dict[Ref, Policy]:
    """Every policy by its object, of all kinds."""
    every = (*translation.chosen.values(), translation.auth.policies, translation.limits.policies)
    return {policy.ref: policy for one in every for policy in one.values()}


def _policies(translation: Translation) -> Iterator[Row]:
    found = policies_of(translation)
    tls = [Ref(GATEWAY, "BackendTLSPolicy", *name) for name in _names(translation, "BackendTLSPolicy")]
    users: dict[Ref, dict[str, None]] = {}
    for route in translation.routes.values():
        for option in route.options:
            users.setdefault(option, {})[f"{route.ref.kind} {route.ref.key}"] = None
    for ref in sorted([*found, *tls]):
        policy = found.get(ref)
        if policy is not None:
            targets = [
                f"{one.ref.kind} {one.ref.key}{f':{one.section}' if one.section else ''}" for one in policy.targets
            ]
            fields = dict.fromkeys(option.name for option in policy.options)
        else:
            value = written(translation, ref)
            targets = [f"{one.kind} {ref.namespace}/{one.name}" for one in value.spec.target_refs]
            fields = {"validation": None}
        cells = (ref.kind, str(ref.key), _listed(targets))
        yield Row(ref, _state(translation, ref), cells, (_listed(fields), _listed(users.get(ref, ()))))


def _proxies(translation: Translation) -> Iterator[Row]:
    for name, gateway in sorted(translation.gateways.items()):
        placement = translation.placements.get(name)
        ports = placement.ports if placement is not None else ()
        bound = _listed(
            f"{one.number}:{one.bound}" if one.bound not in (0, one.number) else str(one.number) for one in ports
        )
        of = [resource for resource in translation.resources if resource.proxy == gateway.proxy]
        count = len({(one.type_url, one.resource) for one in of})
        addresses = _listed(translation.reached_at(name))
        told = _proxy_state(gateway, bool(of))
        cells = (gateway.proxy, placement.name if placement is not None else NONE, addresses, bound)
        yield Row(gateway.ref, told, cells, (gateway.controller, str(count)))


def _proxy_state(gateway: ResolvedGateway, configured: bool) -> str:
    if gateway.refused:
        return gateway.refused[0].reason
    return "ready" if configured else "NothingToServe"


def _state(translation: Translation, ref: Ref) -> str:
    """How an object is, in a word; one without a status is not ours, or nobody uses it."""
    status = translation.statuses.get(ref)
    if status is not None:
        return state(status)
    found = translation.problems.get(ref, ())
    return next((one.code for one in found if not one.warning), "unused")


def _names(translation: Translation, kind: str) -> Iterable[Name]:
    return translation.sources[GATEWAY, kind]


def _listed(words: Iterable[str]) -> str:
    return ",".join(words) or NONE


TABLES = (
    Table("gateways", ("KIND", "NAME", "CLASS", "ROUTES", "URLS"), ("PROXY", "LISTENERS"), _gateways),
    Table("routes", ("KIND", "NAME", "HOSTNAMES", "GATEWAYS"), ("RULES", "BACKENDS", "POLICIES"), _routes),
    Table("upstreams", ("KIND", "NAME", "TYPE", "PORTS", "READY"), ("ENDPOINTS", "USED-BY"), _upstreams),
    Table("policies", ("KIND", "NAME", "TARGETS"), ("FIELDS", "USED-BY"), _policies),
    Table("proxies", ("GATEWAY", "NAME", "ADDRESSES", "PORTS"), ("CONTROLLER", "RESOURCES"), _proxies),
)
