"""A translation's results as plain values that read well in an expected file.

Nothing is reworded: Envoy's resources are protobuf's own JSON. Some things are cut, and said to be: what keys and
certificates hold, and scripts; in listeners the connection manager, which is the same everywhere (section `manager` has
it, `connections` all of it but its filters and where routes are, `filters` those that run on every request, `guards`
those that ask other servers, and `misses` its chain of that name), and in section `tls` all of a cluster but its TLS
context. Section `later` has the names of the filters for what is sent on. A TCP proxy is shown as where it sends to.
Section `routes` shows the virtual hosts without what is the same in all scopes, which section `scopes` shows, and
without what keeps their guards with them, of which section `kept` is (`filters` does not have it either). Of networks
that a cluster refuses it is said how many there are. Section `chains` is what the server of authorization is told, and
`limits` what the rate limit service is.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2, scoped_route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import json_format
from google.protobuf.message import Message
from msgspec import UNSET

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    OwnStatus,
    PolicyStatus,
    RouteStatus,
    Status,
)
from daemun.envoy.scopes import BY_PATH, MISSES
from daemun.features.drafts import WHOLE
from daemun.features.unsent import resend_unsent
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE, SECRET, encode
from daemun.translate import Translation

SECTIONS = {
    "listeners": LISTENER,
    "connections": LISTENER,
    "filters": LISTENER,
    "guards": LISTENER,
    "manager": LISTENER,
    "misses": EXTENSION,
    "later": EXTENSION,
    "routes": SCOPE,
    "kept": SCOPE,
    "scopes": SCOPE,
    "secrets": SECRET,
}
SECTIONS |= {"clusters": CLUSTER, "endpoints": ENDPOINT, "tls": CLUSTER, "sockets": CLUSTER}
_MAPS = {"typedPerFilterConfig", "filterMetadata", "policies", "sourceCodes", "value"}
_OF_MANAGER = {"connections", "filters", "guards", "manager"}
_OF_TCP_PROXY = {"idleTimeout", "maxConnectAttempts", "tunnelingConfig", "accessLogOptions"}
_ASKING = ("daemun.extauth", "daemun.ratelimit/")
_KEPT = "daemun.guards"
_WAYS = 2
"""So many filters send a miss on; those of features follow."""
_LONG = {"inlineBytes", "inlineString"}
MESSAGES: dict[str, type[Message]] = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINT: endpoint_pb2.ClusterLoadAssignment,
    EXTENSION: extension_pb2.TypedExtensionConfig,
    LISTENER: listener_pb2.Listener,
    SCOPE: scoped_route_pb2.ScopedRouteConfiguration,
    SECRET: secret_pb2.Secret,
}


def messages(made: Translation) -> dict[tuple[str, str, str], Any]:
    """(proxy, type, name) to Envoy's message, its parts joined: the head, then the others by name."""
    bodies: dict[tuple[str, str, str], bytes] = {}
    for key in sorted(made.resources):
        at = (key.proxy, key.type_url, key.resource)
        bodies[at] = bodies.get(at, b"") + encode(made.resources[key])
    return {at: MESSAGES[at[1]].FromString(body) for at, body in bodies.items()}


def envoy(made: Translation, sections: list[str]) -> dict[str, Any]:
    """The sections asked for, by proxy and name."""
    out: dict[str, Any] = {}
    if "chains" in sections:
        out["chains"] = {key.resource: json.loads(encode(part)) for key, part in sorted(made.auth.chains.items())}
    if "limits" in sections:
        out["limits"] = {key.resource: json.loads(encode(part)) for key, part in sorted(made.limits.quotas.items())}
    # All guards are on every listener; what misses pass says which are in use.
    later = [(at, value) for at, value in messages(made).items() if at[2].startswith(MISSES)]
    used = {(at[0], name) for at, value in later for name in _resource("later", value)}
    for section in (one for one in sections if one not in {"chains", "limits"}):
        for (proxy, type_url, name), message in messages(made).items():
            if type_url == SECTIONS[section] and _is_of(section, name):
                shown = out.setdefault(proxy, {}).setdefault(section, {})
                # The name of a scope may be cut, that of what is in it never is.
                called = message.route_configuration.name if type_url == SCOPE else name
                shown[called] = _resource(section, message)
                if section == "guards":
                    shown[called] = [one for one in shown[called] if (proxy, one["name"]) in used]
    return out


def _is_of(section: str, name: str) -> bool:
    """Whether a section shows an extension: of two with the same filters of features one is enough."""
    return not name.startswith(BY_PATH) and (section != "misses" or name.startswith(MISSES))


def _resource(section: str, message: Message) -> Any:
    value = _without_networks(json_format.MessageToDict(message))
    value.pop("name", None)
    value.pop("clusterName", None)
    if section == "listeners":
        for chain in (*value.get("filterChains", ()), *filter(None, [value.get("defaultFilterChain")])):
            *before, only = chain.pop("filters")
            if before:
                chain["before"] = before
            config = only["typedConfig"]
            if "scopedRoutes" in config:
                *_, early = config["earlyHeaderMutationExtensions"]
                asked = early["typedConfig"]["mutations"][0]["append"]["header"]["value"]
                chain["routes"] = asked.partition("%")[0]
            else:
                chain["to"] = config.get("cluster") or config["weightedClusters"]["clusters"]
                asked = {key: one for key, one in config.items() if key in _OF_TCP_PROXY}
                if asked.keys() - {"maxConnectAttempts"}:  # which every proxy has
                    chain["proxy"] = asked
    if section in _OF_MANAGER:
        return _short(_manager(section, value["filterChains"][0]["filters"][-1]["typedConfig"]))
    if section == "routes":
        value = _hosts(value["routeConfiguration"].get("virtualHosts", []))
    if section == "kept":
        value = {one["name"]: _kept(one) for one in value["routeConfiguration"].get("virtualHosts", [])}
    if section in {"later", "misses"}:
        config = value["typedConfig"]
        filters = config.get("defaultFilterChain", {}).get("filters", ())
        later = [inner["name"] for inner in filters[_WAYS:]] if filters else list(config)
        value = filters[:_WAYS] if section == "misses" else later
    if section == "sockets":  # by which endpoints are spoken to
        sockets = {str(one["match"]): one["transportSocket"] for one in value.get("transportSocketMatches", ())}
        sockets["others"] = value.get("transportSocket", {})
        value = {match: one.get("typedConfig") for match, one in sockets.items()}
    if section == "tls":
        value = value.get("transportSocket", {}).get("typedConfig")
    return _short(value)


def _without_networks(value: Any) -> Any:
    """Leave out of the check of addresses which ones are refused."""
    for options in value.get("typedExtensionProtocolOptions", {}).values():
        for one in options.get("httpFilters", ()):
            if one["name"] == "envoy.filters.http.upstream_rbac":
                *_, outside = one["typedConfig"]["rules"]["policies"]["allowed"]["permissions"][0]["andRules"]["rules"]
                for family in outside["orRules"]["rules"]:
                    *_, inside = family["andRules"]["rules"]
                    inside["notRule"] = f"{len(inside['notRule']['orRules']['rules'])} networks"
    return value


def _hosts(value: list[Any]) -> list[Any]:
    """Virtual hosts without what all have."""
    for host in value:
        if host.get("retryPolicy") == _everybody():
            del host["retryPolicy"]
        for one in (host, *host.get("routes", ())):
            _without_kept(one)
        if host.get("routes", [{}])[-1].get("name") == "no-route":
            host["routes"].pop()
    return value


def _without_kept(one: Any) -> None:
    for field in ("typedPerFilterConfig", "metadata"):
        within = one.get(field, {}).get("filterMetadata", {}) if field == "metadata" else one.get(field, {})
        for name in [name for name in within if name.startswith((_KEPT, WHOLE))]:
            del within[name]
        if field in one and not within:
            del one[field]


def _kept(host: Any) -> Any:
    """Which guards hosts and routes have, and from which requests may be led elsewhere."""

    def kept(one: Any) -> Any:
        leads = any(name.startswith(_KEPT) for name in one.get("typedPerFilterConfig", ()))
        said = one.get("metadata", {}).get("filterMetadata", {}).get(_KEPT, {})
        return _sorted(said) | ({"leads": True} if leads else {})

    return {"all": kept(host)} | {one["name"]: kept(one) for one in host.get("routes", ())}


def _everybody() -> Any:
    """The retry policy of hosts that have none of their own."""
    policy = route_components_pb2.RetryPolicy()
    resend_unsent(policy)
    return json_format.MessageToDict(policy)


def _manager(section: str, value: Any) -> Any:
    """What a section shows of a connection manager."""
    value["httpFilters"][-1]["typedConfig"].pop("upstreamHttpFilters")  # which are the same everywhere
    sent_on = [one["name"] for one in value["httpFilters"] if one["name"].startswith((MISSES, BY_PATH))]
    if section == "filters":
        every = [one for one in value["httpFilters"] if not one.get("disabled") or one["name"] == WHOLE]
        return [one for one in every if one["name"] not in sent_on and not _is_kept(one)]
    if section == "guards":
        return [one for one in value["httpFilters"] if one["name"].startswith(_ASKING)]
    if section == "connections":
        for everywhere in ("@type", "httpFilters", "scopedRoutes"):
            del value[everywhere]
        value.get("httpProtocolOptions", {}).pop("ignoreHttp11Upgrade", None)
        value["earlyHeaderMutationExtensions"].pop()  # which says where the route is
        return value
    for one in value["httpFilters"]:
        if one.get("disabled"):
            one.pop("typedConfig", None)  # it does nothing until a route says more
        if "configDiscovery" in one:
            one["configDiscovery"] = one["configDiscovery"]["typeUrls"]
        elif one["name"] in sent_on:
            one["typedConfig"] = [inner["name"] for inner in one["typedConfig"]["defaultFilterChain"]["filters"]]
    return value


def _is_kept(one: Any) -> bool:
    inner = one["typedConfig"].get("defaultFilterChain", {}).get("filters", ())
    return any(each["name"].startswith(_KEPT) for each in inner)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        long = {key: f"({len(inner)} characters)" for key, inner in value.items() if key in _LONG}
        return {key: long.get(key) or _in_order(key, _short(inner)) for key, inner in value.items()}
    return [_short(inner) for inner in value] if isinstance(value, list) else value


def _in_order(key: str, value: Any) -> Any:
    """Maps of protobuf have no order of their own; what Envoy gets is sorted."""
    if key in {"jsonFormat", "filterMetadata"}:
        return _sorted(value)
    return dict(sorted(value.items())) if key in _MAPS and isinstance(value, dict) else value


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


def statuses(made: Translation) -> Iterator[tuple[str, Any]]:
    """Every object's status, conditions as `type: status reason: message`."""
    for ref in sorted(made.statuses):
        yield str(ref), status(made.statuses[ref])


def status(value: Status) -> Any:
    match value:
        case GlooStatus():
            return msgspec.to_builtins(value)
        case GatewayClassStatus() | OwnStatus():
            return _conditions(value.conditions)
        case GatewayStatus():
            return {
                "addresses": [f"{address.type} {address.value}" for address in value.addresses],
                "conditions": _conditions(value.conditions),
                "listeners": _listeners(value.listeners),
                **({} if value.attached_listener_sets is UNSET else {"sets": value.attached_listener_sets}),
            }
        case ListenerSetStatus():
            return {"conditions": _conditions(value.conditions), "listeners": _listeners(value.listeners)}
        case RouteStatus():
            return [
                {"parent": msgspec.to_builtins(parent.parent_ref), **_conditions(parent.conditions)}
                for parent in value.parents
            ]
        case PolicyStatus():
            return [
                {"ancestor": msgspec.to_builtins(one.ancestor_ref), **_conditions(one.conditions)}
                for one in value.ancestors
            ]


def _listeners(listeners: tuple[ListenerStatus, ...]) -> Any:
    return {
        one.name: {
            "kinds": [kind.kind for kind in one.supported_kinds],
            "attached": one.attached_routes,
            **_conditions(one.conditions),
        }
        for one in listeners
    }


def _conditions(conditions: tuple[Condition, ...]) -> dict[str, str]:
    return {one.type: f"{one.status} {one.reason}" + (f": {one.message}" if one.message else "") for one in conditions}
