"""All that is served as a tree: class, Gateway, listener, route, rule, backend, endpoints.

What is wrong stands where it is wrong.
"""

from collections.abc import Iterable, Iterator

import msgspec

from daemun.api.gateway import Gateway
from daemun.base.names import GATEWAY, Name, Ref
from daemun.explain.endpoints import endpoints
from daemun.explain.matching import reads
from daemun.gatewayapi.classes import BUILT_IN
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedListener, ResolvedRoute
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.ir.backend import BackendKey
from daemun.ir.problem import Problem
from daemun.ir.route import Backend, Rule
from daemun.report.summary import all_conditions, good, state
from daemun.translate import Translation


class Node(msgspec.Struct):
    """A thing of the tree: its object and field, what it is called, more about it, what is wrong just here, and what is
    below it. `kind` says which step of the way it is.
    """

    kind: str
    name: str
    ref: Ref | None = None
    where: str = ""
    told: str = ""
    wrong: list[str] = msgspec.field(default_factory=list)
    below: list["Node"] = msgspec.field(default_factory=list)

    def every(self) -> Iterator["Node"]:
        """This one and all that are below it."""
        yield self
        for one in self.below:
            yield from one.every()


def tree(translation: Translation, only: Name | None = None) -> list[Node]:
    """The tree of each class, and what no Gateway has at the end; with `only`, just of the Gateway of this name."""
    found: dict[str, Node] = {}
    gateways = {one.ref.key: one for one in translation.gateways.values() if only in (None, one.ref.key)}
    of_routes = _by_listener(translation)
    for name in sorted(gateways):
        gateway = gateways[name]
        if gateway.ref.kind == "Mesh":
            root = found.setdefault(
                _MESH, Node("class", "mesh", None, "", "namespaces whose pods' requests are routed")
            )
            root.below.append(_mesh(translation, gateway, of_routes))
            continue
        value = translation.sources[GATEWAY, "Gateway"].get(name) if gateway.ref.kind == "Gateway" else None
        class_name = value.spec.gateway_class_name if isinstance(value, Gateway) else "classic"
        root = found.setdefault(class_name, _class(translation, class_name, gateway))
        root.below.append(_gateway(translation, gateway, of_routes))
    roots = [found[name] for name in sorted(found)]
    if only is None:
        roots.extend(_left_over(translation))
    for root in roots:
        for node in root.every():
            node.wrong = list(dict.fromkeys(node.wrong))
    return roots


_MESH = "~mesh"  # after all classes
Routes = dict[tuple[Ref, str], list[ResolvedRoute]]


def _by_listener(translation: Translation) -> Routes:
    found: Routes = {}
    for _, route in sorted(translation.routes.items()):
        for attachment in route.attachments:
            here = found.setdefault((attachment.owner, attachment.listener), [])
            if route not in here:
                here.append(route)
    return found


def _class(translation: Translation, name: str, gateway: ResolvedGateway) -> Node:
    ref = Ref(GATEWAY, "GatewayClass", "", name)
    written = ref.key in translation.sources[GATEWAY, "GatewayClass"]
    if not written:
        told = "built in" if name in BUILT_IN else "Gloo's classic mode"
        return Node("class", name if name in BUILT_IN else "classic mode", None, "", told)
    return _about(translation, Node("class", name, ref, "", gateway.controller))


def _gateway(translation: Translation, gateway: ResolvedGateway, routes: Routes) -> Node:
    name = gateway.ref.key
    node = Node("gateway", str(name), gateway.ref, "", ", ".join(translation.reached_at(name)))
    _about(translation, node)
    for listener in gateway.merged():
        node.below.append(_listener(translation, gateway, listener, routes.get((listener.owner, listener.name), [])))
    _blame(translation, gateway.ref, node)
    return node


def _listener(
    translation: Translation, gateway: ResolvedGateway, listener: ResolvedListener, routes: list[ResolvedRoute]
) -> Node:
    where = _place(translation, listener)
    bound = "" if listener.port == listener.bound_port else f", bound as {listener.bound_port}"
    host = f" for {listener.hostname}" if listener.hostname else ""
    of = "" if listener.owner == gateway.ref else f" of {listener.owner}"
    told = f"{listener.protocol} {listener.port}{bound}{host}{of}"
    node = Node("listener", listener.name, listener.owner, where, told)
    for finding in (*listener.not_accepted, *listener.conflicted, *listener.not_resolved):
        node.wrong.append(f"{finding.text}. {finding.mend}".strip())
    return _with_routes(translation, node, gateway.proxy, routes)


def _mesh(translation: Translation, mesh: ResolvedGateway, routes: Routes) -> Node:
    """The proxies beside the pods of a namespace: the ports of Services that have routes for them."""
    node = Node("gateway", mesh.proxy, mesh.ref, "", f"beside the pods of {mesh.ref.namespace}")
    for (owner, name), of in sorted(routes.items()):
        if owner == mesh.ref:
            node.below.append(_with_routes(translation, Node("listener", name, owner, "", ""), mesh.proxy, of))
    _blame(translation, Ref("", "Namespace", "", mesh.ref.namespace), node)
    return node


def _with_routes(translation: Translation, node: Node, proxy: str, routes: list[ResolvedRoute]) -> Node:
    """The node of a listener with the routes below it, those that are delegated to below those that delegate."""
    below: dict[tuple[Ref, ...], Node] = {}
    for route in sorted(routes, key=lambda one: len(one.through)):
        way = (route.ref, *route.through)
        held = below.get(way)
        if held is None:
            held = below[way] = _route(translation, route)
            below.get(route.through, node).below.append(held)
        held.below.extend(_rule(translation, proxy, route, rule) for rule in route.route.rules)
    for one in below.values():
        _blame(translation, one.ref, one)
    return node


def _place(translation: Translation, listener: ResolvedListener) -> str:
    for parent in (translation.parents.get(listener.owner),):
        for at, one in enumerate(parent.listeners if parent is not None else ()):
            if one.name == listener.name:
                return f"spec.listeners[{at}]"
    return ""


def _route(translation: Translation, route: ResolvedRoute) -> Node:
    hosts = dict.fromkeys(host or "*" for one in route.attachments for host in one.hosts)
    told = ", ".join(hosts) if not route.through else f"delegated to by {route.through[0]}"
    return _about(translation, Node("route", f"{route.ref.kind} {route.ref.key}", route.ref, "", told))


def _rule(translation: Translation, proxy: str, route: ResolvedRoute, rule: Rule) -> Node:
    matches = " or ".join(reads(match) for match in rule.matches) or "everything"
    name = f"{rule.where}{f' ({rule.name})' if rule.name else ''}"
    uses = ", ".join(dict.fromkeys(use.kind for use in rule.uses))
    node = Node("rule", name, route.route.author(rule), rule.where, f"{matches}{f'  [{uses}]' if uses else ''}")
    if rule.broken:
        node.wrong.append(f"answered with {rule.error}: {rule.broken}")
    total = sum(one.weight for one in rule.backends)
    for backend in rule.backends:
        share = f"{100 * backend.weight / total:.4g} %" if total else "0 %"
        node.below.append(_backend(translation, proxy, node.ref, backend, share if len(rule.backends) > 1 else ""))
    return node


def _backend(translation: Translation, proxy: str, author: Ref | None, backend: Backend, share: str) -> Node:
    if backend.key is None:
        return Node("backend", "nothing", author, backend.where, share)
    told = "  ".join(part for part in (_called(backend.key), share) if part)
    node = Node("backend", f"{backend.key.ref.kind} {backend.key.ref.key}", author, backend.where, told)
    there = endpoints(translation, proxy, backend.key.cluster)
    node.below = [Node("endpoint", one) for one in there]
    if not there:
        node.wrong.append("no endpoint is ready")
    return node


def _called(key: BackendKey) -> str:
    return f"port {key.port} ({key.spoken})" if key.port else ""


def _left_over(translation: Translation) -> Iterator[Node]:
    """What no Gateway has: Gateways that nobody serves, and routes that are attached nowhere."""
    root = Node("nowhere", "not served", told="by any Gateway here")
    for name in sorted(translation.sources[GATEWAY, "Gateway"]):
        ref = Ref(GATEWAY, "Gateway", *name)
        if name not in translation.gateways and translation.problems.get(ref):
            root.below.append(_blame(translation, ref, Node("gateway", str(name), ref)))
    served = {one.ref for one in translation.routes.values() if one.attachments}
    for kind in ROUTE_KINDS:
        for name in sorted(translation.sources[GATEWAY, kind.kind]):
            ref = Ref(GATEWAY, kind.kind, *name)
            if ref not in served and (translation.problems.get(ref) or ref in translation.routes):
                node = _about(translation, Node("route", f"{kind.kind} {name}", ref))
                root.below.append(_blame(translation, ref, node))
    if root.below:
        yield root


def _about(translation: Translation, node: Node) -> Node:
    """The node with the conditions of its object that are not as they should be, where no problem tells more."""
    status = translation.statuses.get(node.ref) if node.ref is not None else None
    if status is None or state(status) in ("ready", "pending") or _errors(translation, node.ref):
        return node
    bad = [one for one in all_conditions(status) if not good(one)]
    node.wrong.extend(f"{one.type} is {one.status} ({one.reason}): {one.message}" for one in bad)
    return node


def _errors(translation: Translation, ref: Ref | None) -> tuple[Problem, ...]:
    found = translation.problems.get(ref, ()) if ref is not None else ()
    return tuple(one for one in found if not one.warning)


def _blame(translation: Translation, ref: Ref | None, node: Node) -> Node:
    """Put each problem of an object at the node that is nearest to its field."""
    for problem in translation.problems.get(ref, ()) if ref is not None else ():
        here = [one for one in node.every() if one.ref == ref and _covers(one.where, problem.where)]
        at = max(here, key=lambda one: len(one.where), default=node)
        words = f"{problem.text}. {problem.mend}".strip()
        if not any(problem.text in told for told in at.wrong):
            at.wrong.append(words)
    return node


def _covers(where: str, field: str) -> bool:
    return not where or field == where or field.startswith((f"{where}.", f"{where}["))


def plain(nodes: Iterable[Node]) -> list[dict[str, object]]:
    """The tree for programs: what is empty is left out."""
    return [
        {
            key: value
            for key, value in (
                ("kind", one.kind),
                ("name", one.name),
                ("object", str(one.ref) if one.ref else ""),
                ("field", one.where),
                ("about", one.told),
                ("problems", one.wrong),
                ("below", plain(one.below)),
            )
            if value
        }
        for one in nodes
    ]
