"""What is served, in short: Gateways with their URLs, routes with their hosts. The same for people and programs."""

import msgspec

from daemun.api.status import Condition, GatewayStatus, RouteStatus, Status
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedRoute

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound


class GatewayLine(msgspec.Struct, frozen=True, tag_field="event", tag="gateway", rename="camel"):
    """A Gateway: where it answers and how it is."""

    namespace: str
    name: str
    state: str
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


def urls(gateway: ResolvedGateway) -> tuple[str, ...]:
    """The URLs at which a Gateway's listeners answer, a listener's hostname in place of its address."""
    found: dict[str, None] = {}
    for one in gateway.listeners:
        if not one.serves or gateway.refused:
            continue
        scheme = one.protocol.lower()
        for address in gateway.addresses:
            host = _LOCAL.get(address, f"[{address}]" if ":" in address else address)
            port = "" if _DEFAULT_PORTS.get(scheme) == one.bound_port else f":{one.bound_port}"
            found[f"{scheme}://{host}{port}" + (f" ({one.hostname})" if one.hostname else "")] = None
    return tuple(found)


def gateway_line(gateway: ResolvedGateway, status: GatewayStatus) -> GatewayLine:
    """The line of a Gateway."""
    attached = sum(one.attached_routes for one in status.listeners)
    return GatewayLine(gateway.ref.namespace, gateway.ref.name, state(status), urls(gateway), attached)


def route_line(route: ResolvedRoute, status: RouteStatus) -> RouteLine:
    """The line of a route."""
    hosts = {host for one in route.attachments for host in one.hosts}
    gateways = {str(parent.gateway) for parent in route.parents if not parent.refused}
    ref = route.ref
    return RouteLine(
        ref.kind,
        ref.namespace,
        ref.name,
        state(status),
        tuple(sorted(host or "*" for host in hosts)),
        tuple(sorted(gateways)),
    )


def state(status: Status) -> str:
    """One word for a status: `ready`, `pending`, or the reason of the first condition that is not as it should be."""
    bad = [one for one in all_conditions(status) if not good(one)]
    if not bad:
        return "ready"
    worst = next((one for one in bad if one.reason != "Pending"), None)
    return worst.reason if worst else "pending"


def all_conditions(status: Status) -> list[Condition]:
    """The conditions of an object and of its listeners or parents."""
    match status:
        case GatewayStatus():
            return [*status.conditions, *(one for listener in status.listeners for one in listener.conditions)]
        case RouteStatus():
            return [one for parent in status.parents for one in parent.conditions]
        case _:
            return list(status.conditions)


def good(condition: Condition) -> bool:
    """Whether a condition is as it should be."""
    if condition.type in ("Conflicted", "PartiallyInvalid"):
        return condition.status == "False"
    return condition.status == "True" and condition.reason != "ListenersNotValid"
