"""What of each kind stands in a table, as in glooctl's."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemun.manage.documents import Document

Row = tuple[str, ...]
_NOT_YET = "Pending"
_TYPES = {
    "aws": "AWS Lambda",
    "azure": "Azure",
    "consul": "Consul",
    "awsEc2": "AWS EC2",
    "kube": "Kubernetes",
    "static": "Static",
    "gcp": "GCP",
    "pipe": "Pipe",
}


def status(document: "Document") -> str:
    """The state of an object of Gloo's; of several control planes each with its namespace. A reason is told with it."""
    statuses: Mapping[str, Any] = document.get("status", {}).get("statuses", {})
    if not statuses:
        return _state(document.get("status", {}))
    if len(statuses) == 1:
        return _state(next(iter(statuses.values())))
    return "\n".join(f"{namespace}: {_state(one)}" for namespace, one in sorted(statuses.items()))


def _state(one: Mapping[str, Any]) -> str:
    state = str(one.get("state", _NOT_YET))
    reason = str(one.get("reason", ""))
    return f"{state}\n{reason}" if reason and state != "Accepted" else state


def _name(document: "Document") -> str:
    return str(document["metadata"]["name"])


def _virtual_service(one: "Document") -> Iterable[Row]:
    spec = one.get("spec", {})
    host = spec.get("virtualHost", {})
    config = spec.get("sslConfig")
    tls = _named(config["secretRef"]) if config and "secretRef" in config else "set" if config else "none"
    routes = "\n".join(f"{_route_name(each)}{_route(each)}" for each in host.get("routes", ()))
    domains = ", ".join(host.get("domains", ("*",)))
    yield _name(one), spec.get("displayName", ""), domains, tls, status(one), "", routes


def _route_table(one: "Document") -> Iterable[Row]:
    routes = one.get("spec", {}).get("routes", ())
    yield _name(one), "\n".join(f"{_route_name(each)}{_route(each)}" for each in routes), status(one)


def numbered(routes: "Iterable[Document]") -> Iterable[Row]:
    """The routes of an object by their index, as `add route`, `edit route` and `remove route` count them."""
    for index, one in enumerate(routes):
        matcher = (one.get("matchers") or [{}])[0]
        verbs = ", ".join(matcher.get("methods", ())) or "*"
        headers = ", ".join(f"{each['name']}:{each.get('value', '')}" for each in matcher.get("headers", ()))
        yield str(index), _paths(one), _kind_of_path(matcher), verbs, headers, _destination(one)


def _route_name(route: "Document") -> str:
    return f"{route['name']}: " if route.get("name") else ""


def _route(route: "Document") -> str:
    return f"{_paths(route)} -> {_destination(route)}"


def _paths(route: "Document") -> str:
    return ", ".join(_path(matcher) for matcher in route.get("matchers") or [{}])


def _path(matcher: Mapping[str, Any]) -> str:
    return str(next((matcher[key] for key in ("exact", "prefix", "regex") if key in matcher), "/"))


def _kind_of_path(matcher: Mapping[str, Any]) -> str:
    return next((f"Path {key.capitalize()}" for key in ("exact", "regex") if key in matcher), "Path Prefix")


def _destination(route: "Document") -> str:
    if "routeAction" in route:
        action = route["routeAction"]
        if "multi" in action:
            return f"{len(action['multi'].get('destinations', ()))} destinations"
        if "upstreamGroup" in action:
            return f"{_named(action['upstreamGroup'])} (upstream group)"
        if "clusterHeader" in action:
            return f"the cluster in {action['clusterHeader']}"
        if "dynamicForwardProxy" in action:
            return "dynamic forward proxy"
        return f"{_single(action.get('single', {}))}"
    if "delegateAction" in route:
        action = route["delegateAction"]
        if "selector" in action:
            return "route tables by selector"
        return f"{_named(action.get('ref', action))} (route table)"
    return "redirect" if "redirectAction" in route else "direct response" if "directResponseAction" in route else "-"


def _single(destination: Mapping[str, Any]) -> str:
    if "upstream" in destination:
        return f"{_named(destination['upstream'])} (upstream)"
    if "kube" in destination:
        return f"{_named(destination['kube'].get('ref', {}))} (service)"
    if "consul" in destination:
        return f"{destination['consul'].get('serviceName', '')} (consul service)"
    return "-"


def _named(ref: Mapping[str, Any]) -> str:
    return f"{ref.get('namespace', '')}.{ref.get('name', '')}"


def _upstream(one: "Document") -> Iterable[Row]:
    spec = one.get("spec", {})
    kind = next((key for key in _TYPES if key in spec), "")
    yield _name(one), _TYPES.get(kind, "Unknown"), status(one), "\n".join(_details(kind, spec.get(kind, {})))


def _details(kind: str, spec: Mapping[str, Any]) -> Iterable[str]:
    match kind:
        case "kube":
            yield f"svc name:      {spec.get('serviceName', '')}"
            yield f"svc namespace: {spec.get('serviceNamespace', '')}"
            yield f"port:          {spec.get('servicePort', '')}"
        case "static":
            yield "hosts:"
            yield from (f"- {host.get('addr')}:{host.get('port')}" for host in spec.get("hosts", ()))
        case "consul":
            yield f"svc name: {spec.get('serviceName', '')}"
            yield f"svc tags: [{' '.join(spec.get('serviceTags', ()))}]"
        case "aws":
            yield f"region: {spec.get('region', '')}"
            yield f"secret: {_named(spec.get('secretRef', {}))}"
            functions = spec.get("lambdaFunctions", ())
            yield from ["functions:"] * bool(functions)
            yield from (f"- {each.get('lambdaFunctionName', '')}" for each in functions)
        case "azure":
            yield f"function app name: {spec.get('functionAppName', '')}"
            yield f"secret: {_named(spec.get('secretRef', {}))}"
        case "awsEc2":
            yield f"role:           {spec.get('roleArn', '')}"
            yield f"uses public ip: {str(spec.get('publicIp', False)).lower()}"
            yield f"port:           {spec.get('port', 80)}"
        case "gcp":
            yield f"host: {spec.get('host', '')}"


def _group(one: "Document") -> Iterable[Row]:
    destinations = one.get("spec", {}).get("destinations", ())
    total = sum(int(each.get("weight", 0)) for each in destinations) or 1
    lines = [f"{_single(each.get('destination', {}))}: {100 * int(each.get('weight', 0)) / total:.2f}%"
             for each in destinations]  # fmt: skip
    yield _name(one), status(one), str(total), "\n".join(lines)


def _auth_config(one: "Document") -> Iterable[Row]:
    configs = one.get("spec", {}).get("configs", ())
    kinds = [key for each in configs for key in each if key != "name"]
    yield _name(one), ", ".join(kinds), status(one)


def _limits(one: "Document") -> Iterable[Row]:
    raw = one.get("spec", {}).get("raw", {})
    yield _name(one), ", ".join(sorted(raw)), _state(one.get("status", {}))


def _proxy(one: "Document") -> Iterable[Row]:
    spec = one.get("spec", {})
    listeners = spec.get("listeners", ())
    addresses = "\n".join(f"{each.get('bindAddress', '')}:{each.get('bindPort', '')}" for each in listeners)
    hosts = sum(len(each.get("httpListener", {}).get("virtualHosts", ())) for each in listeners)
    by = one["metadata"].get("labels", {}).get("created_by", "")
    yield _name(one), one["metadata"].get("namespace", ""), by, addresses, str(hosts), status(one)


def _secret(one: "Document") -> Iterable[Row]:
    yield _name(one), str(one.get("type", ""))


OF: Mapping[str, tuple[Row, Callable[["Document"], Iterable[Row]]]] = MappingProxyType(
    {
        "VirtualService": (
            ("Virtual Service", "Display Name", "Domains", "SSL", "Status", "ListenerPlugins", "Routes"),
            _virtual_service,
        ),
        "RouteTable": (("Route Table", "Routes", "Status"), _route_table),
        "Upstream": (("Upstream", "Type", "Status", "Details"), _upstream),
        "UpstreamGroup": (("Upstream Group", "Status", "Total Weight", "Details"), _group),
        "AuthConfig": (("AuthConfig", "Type", "Status"), _auth_config),
        "RateLimitConfig": (("RateLimitConfig", "Type", "Status"), _limits),
        "Proxy": (
            ("Proxy Name", "Proxy Namespace", "Created By", "Listeners", "Virtual Hosts", "Status"),
            _proxy,
        ),
        "Secret": (("Secret", "Type"), _secret),
    }
)
"""By kind the titles, and what makes the rows of an object."""
ROUTES = ("Id", "Matchers", "Types", "Verbs", "Headers", "Action")
"""The titles of `numbered`."""
