"""What is served, in short, for people and programs: Gateways and ListenerSets with URLs, routes with hosts."""

from collections.abc import Iterable

import msgspec

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import (
    Condition,
    GatewayStatus,
    ListenerSetStatus,
    OwnStatus,
    PolicyStatus,
    RouteStatus,
    Status,
)
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.gatewayapi.resolved import Parent, ResolvedGateway, ResolvedRoute
from daemun.translate import Translation

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound


class GatewayLine(msgspec.Struct, frozen=True, tag_field="event", tag="gateway", rename="camel"):
    """A Gateway: where it answers and how it is."""

    namespace: str
    name: str
    state: str
    urls: tuple[str, ...]
    attached_routes: int


class ListenerSetLine(msgspec.Struct, frozen=True, tag_field="event", tag="listenerSet", rename="camel"):
    """A ListenerSet: the Gateway it adds listeners to, where these answer, and how it is."""

    namespace: str
    name: str
    state: str
    gateway: str
    urls: tuple[str, ...]
    attached_routes: int


class RouteLine(msgspec.Struct, frozen=True, tag_field="event", tag="route", rename="camel"):
    """A route: where it answers, through which Gateways, and how it is."""

    kind: str
    namespace: str
    name: str
    state: str
    hostnames: tuple[str, ...]
    gateways: tuple[str, ...]
    urls: tuple[str, ...] = ()


class ObjectLine(msgspec.Struct, frozen=True, tag_field="event", tag="object", rename="camel"):
    """Anything else that has a status, such as a policy or an Upstream: how it is."""

    kind: str
    namespace: str
    name: str
    state: str


Served = GatewayLine | ListenerSetLine | RouteLine | ObjectLine


def urls(parent: Parent, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The URLs at which the listeners of a Gateway or ListenerSet answer, with a listener's hostname in brackets."""
    found: dict[str, None] = {}
    for one in parent.listeners:
        if not one.serves or parent.refused:
            continue
        scheme = one.protocol.lower()
        for address in addresses:
            host = _LOCAL.get(address, f"[{address}]" if ":" in address else address)
            port = "" if _DEFAULT_PORTS.get(scheme) == one.bound_port else f":{one.bound_port}"
            found[f"{scheme}://{host}{port}" + (f" ({one.hostname})" if one.hostname else "")] = None
    return tuple(found)


def line(translation: Translation, ref: Ref) -> Served | None:
    """The line of an object, if it is of ours. A class has none."""
    status = translation.statuses.get(ref)
    match status:
        case GatewayStatus():
            answers = urls(translation.gateways[ref.key], translation.reached_at(ref.key))
            return GatewayLine(ref.namespace, ref.name, state(status), answers, _attached(status))
        case ListenerSetStatus():
            one = translation.parents[ref]
            answers = urls(one, translation.reached_at(Name.of(one.proxy)))
            return ListenerSetLine(ref.namespace, ref.name, state(status), one.proxy, answers, _attached(status))
        case RouteStatus():
            return _route_line(translation.resolved(ref), status)
        case GlooStatus() if (ref.group, ref.kind) == (GLOO_GATEWAY, "Gateway"):
            proxies = [one for one in translation.gateways.values() if one.ref.kind == "Proxy"]
            answers = _answers(translation, proxies, ref.name)
            return GatewayLine(ref.namespace, ref.name, state(status), answers, 0)
        case GlooStatus() if ref in translation.routes:
            return _classic_line(translation, translation.routes[ref], status)
        case GlooStatus() | PolicyStatus() | OwnStatus():
            return ObjectLine(ref.kind, ref.namespace, ref.name, state(status))
        case _:
            return None


def _attached(status: GatewayStatus | ListenerSetStatus) -> int:
    return sum(one.attached_routes for one in status.listeners)


def _answers(translation: Translation, proxies: Iterable[ResolvedGateway], name: str) -> tuple[str, ...]:
    """The URLs at which a classic Gateway answers: its name is that of its listeners."""
    found: dict[str, None] = {}
    for one in proxies:
        mine = tuple(listener for listener in one.listeners if listener.name == name)
        of_name = msgspec.structs.replace(one, listeners=mine)
        found |= dict.fromkeys(urls(of_name, translation.reached_at(one.ref.key)))
    return tuple(found)


def _classic_line(translation: Translation, route: ResolvedRoute, status: GlooStatus) -> RouteLine:
    """The line of a VirtualService with its URLs: the Gateway that has them may not even be written."""
    line = _route_line([route], status)
    names = {one.listener for one in route.attachments}
    proxies = [translation.gateways[Name.of(one)] for one in line.gateways if Name.of(one) in translation.gateways]
    answers = (url.partition(" ")[0] for name in sorted(names) for url in _answers(translation, proxies, name))
    return msgspec.structs.replace(line, urls=tuple(dict.fromkeys(answers)))


def _route_line(routes: list[ResolvedRoute], status: Status) -> RouteLine:
    ref, streams = routes[0].ref, routes[0].route.streams  # which may well have no hosts; requests always do
    attachments = [one for route in routes for one in route.attachments]
    hosts = {host or "*" for one in attachments for host in one.hosts if host or not streams}
    gateways = {parent.proxy for route in routes for parent in route.parents if parent.proxy and not parent.refused}
    return RouteLine(
        ref.kind,
        ref.namespace,
        ref.name,
        state(status),
        tuple(sorted(hosts)),
        tuple(sorted(gateways)),
    )


def where(line: Served) -> str:
    """Where it answers, for a person."""
    match line:
        case GatewayLine():
            return "  ".join(line.urls)
        case ListenerSetLine():
            return f"{'  '.join(line.urls)} via {line.gateway}" if line.urls else ""
        case RouteLine():
            hosts = f"{', '.join(line.hostnames)} " if line.hostnames else ""
            at = f" ({'  '.join(line.urls)})" if line.urls else ""
            return f"{hosts}via {', '.join(line.gateways)}{at}" if line.gateways else ""
        case ObjectLine():
            return ""


def state(status: Status) -> str:
    """One word for a status: `ready`, `pending`, `Rejected`, or the reason of the first condition that is not good.

    What is served though not quite as it is written is ready: the problem that is told of it is a warning.
    """
    if isinstance(status, GlooStatus):
        return {"Rejected": "Rejected", "Pending": "pending"}.get(status.state, "ready")
    bad = [one for one in all_conditions(status) if not good(one)]
    if not bad:
        return "ready"
    worst = next((one for one in bad if one.reason != "Pending"), None)
    return worst.reason if worst else "pending"


def all_conditions(status: Status) -> list[Condition]:
    """The conditions of an object and of its listeners, parents or ancestors."""
    match status:
        case GatewayStatus() | ListenerSetStatus():
            return [*status.conditions, *(one for listener in status.listeners for one in listener.conditions)]
        case RouteStatus():
            return [one for parent in status.parents for one in parent.conditions]
        case PolicyStatus():
            return [one for ancestor in status.ancestors for one in ancestor.conditions]
        case GlooStatus():
            return []
        case _:
            return list(status.conditions)


def good(condition: Condition) -> bool:
    """Whether a condition is as it should be."""
    if condition.type in ("Conflicted", "PartiallyInvalid"):
        return condition.status == "False"
    return condition.status == "True" and condition.reason != "ListenersNotValid"
