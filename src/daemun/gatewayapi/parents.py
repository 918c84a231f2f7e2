"""Parents of routes: which listeners a route attaches to, with which hostnames (Gateway API, "Attaching Routes")."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import Namespace
from daemun.api.gateway import Gateway
from daemun.api.meta import ParentReference, Resource
from daemun.api.routes import RouteSpec
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.hostnames import intersection
from daemun.gatewayapi.kinds import RouteKind, place
from daemun.gatewayapi.resolved import Attachment, ParentResult, ResolvedGateway, ResolvedListener
from daemun.gatewayapi.settings import Settings
from daemun.ir.listener import frontend_key

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every Namespace has (Kubernetes), also one that nobody wrote."""


_BY_DEFAULT = "spec.useDefaultGateways"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A route and its parents, before routes of other kinds on the same hosts are looked at."""

    ref: Ref
    kind: RouteKind
    resource: Resource
    parents: tuple[ParentResult, ...]
    attachments: tuple[Attachment, ...]


class Inputs(msgspec.Struct, frozen=True):
    """The collections that attachment depends on."""

    written: Collection[Name, Gateway]
    gateways: Collection[Name, ResolvedGateway]
    defaults: Index[bool, Name, ResolvedGateway]
    namespaces: Collection[Name, Namespace]
    settings: Settings


def candidate_rule(
    kind: RouteKind, inputs: Inputs
) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Candidate]]]:
    """The rule from a route of this kind to its parents."""

    def attach(reader: Reader, name: Name, route: Resource) -> Iterator[tuple[Ref, Candidate]]:
        ref = Ref(GATEWAY, kind.kind, name.namespace, name.name)
        spec = kind.spec(route)
        parents: list[ParentResult] = []
        unwilling: list[ParentResult] = []
        attachments: dict[tuple[str, str], Attachment] = {}
        for where, parent in _parents(reader, inputs, ref, spec):
            result, found = _attach(reader, inputs, ref, spec, where, parent)
            if result is not None:
                unasked = result.refused and where == _BY_DEFAULT
                (unwilling if unasked else parents).append(result)
            for attachment in found:
                attachments.setdefault((str(attachment.gateway), attachment.listener), attachment)
        # A default Gateway that does not take the route is no mistake of the route's, unless none takes it.
        parents = parents or unwilling
        if parents:
            yield ref, Candidate(ref, kind, route, tuple(parents), tuple(attachments.values()))

    return attach


def _parents(reader: Reader, inputs: Inputs, ref: Ref, spec: RouteSpec) -> Iterator[tuple[str, ParentReference]]:
    """The parents that a route names, and the default Gateways if it asks for them, with the field that says so."""
    for index, parent in enumerate(spec.parent_refs):
        yield place("spec.parentRefs", index), parent
    if spec.use_default_gateways == "All":
        named = {Name(parent.namespace or ref.namespace, parent.name) for parent in spec.parent_refs}
        for name in reader.find_keys(inputs.defaults, True):
            if name not in named:
                yield _BY_DEFAULT, ParentReference(name=name.name, namespace=name.namespace)


def _attach(
    reader: Reader, inputs: Inputs, ref: Ref, spec: RouteSpec, where: str, parent: ParentReference
) -> tuple[ParentResult | None, list[Attachment]]:
    """What one parentRef comes to. None when the parent is not ours."""
    if (parent.group, parent.kind) != (GATEWAY, "Gateway"):
        return None, []
    name = Name(parent.namespace or ref.namespace, parent.name)
    gateway = reader.get(inputs.gateways, name)
    if gateway is None:
        if not inputs.settings.sole or reader.get(inputs.written, name) is not None:
            return None, []
        missing = Finding("NoMatchingParent", where, f"Gateway {name} does not exist")
        return ParentResult(parent, CONTROLLER, name, (), (missing,)), []
    listeners, finding = _choose(reader, inputs, ref, where, parent, gateway)
    attachments = []
    for one in listeners:
        hosts = _hosts(spec.hostnames, one.hostname)
        if hosts:
            chain = one.name if one.protocol == "HTTPS" else ""
            frontend = frontend_key(gateway.proxy, one.bound_port)
            attachments.append(Attachment(frontend, chain, one.name, name, hosts))
    if finding is None and not attachments:
        theirs = ", ".join(sorted({one.hostname for one in listeners}))
        finding = Finding(
            "NoMatchingListenerHostname", "spec.hostnames", f"none fits the listener's hostname ({theirs})"
        )
    refused = (finding,) if finding else ()
    names = tuple(attachment.listener for attachment in attachments)
    return ParentResult(parent, gateway.controller, name, names, refused), attachments


def _choose(
    reader: Reader, inputs: Inputs, ref: Ref, where: str, parent: ParentReference, gateway: ResolvedGateway
) -> tuple[list[ResolvedListener], Finding | None]:
    """The listeners that a parentRef means and that take the route; or why there are none."""
    meant = [
        one for one in gateway.listeners if parent.section_name in (None, one.name) and parent.port in (None, one.port)
    ]
    if not meant:
        named = [f"named {parent.section_name}"] if parent.section_name else []
        wanted = " and ".join([*named, *([f"with port {parent.port}"] if parent.port else [])])
        return [], Finding("NoMatchingParent", where, f"Gateway {gateway.ref.key} has no listener {wanted}")
    willing = [
        one
        for one in meant
        if any((kind.group, kind.kind) == (ref.group, ref.kind) for kind in one.kinds)
        and _namespace_allowed(reader, inputs, ref, gateway, one)
    ]
    if not willing and any(one.kinds or one.attachable for one in meant):
        text = f"no listener of Gateway {gateway.ref.key} takes {ref.kind}s from namespace {ref.namespace}"
        return [], Finding("NotAllowedByListeners", where, text, "See allowedRoutes of its listeners.")
    ready = [one for one in willing if one.attachable]
    if not ready:
        text = f"the listener of Gateway {gateway.ref.key} is itself not accepted"
        return [], Finding("NoMatchingParent", where, text, "See the status of the Gateway.")
    return ready, None


def _namespace_allowed(
    reader: Reader, inputs: Inputs, ref: Ref, gateway: ResolvedGateway, listener: ResolvedListener
) -> bool:
    match listener.namespaces.from_:
        case "All":
            return True
        case "Same":
            return ref.namespace == gateway.ref.namespace
        case "Selector":
            selector = listener.namespaces.selector
            namespace = reader.get(inputs.namespaces, Name("", ref.namespace))
            labels = {**(namespace.metadata.labels if namespace else {}), NAMESPACE_NAME: ref.namespace}
            return selector is not None and selector.selects(labels)
        case _:
            return False


def _hosts(hostnames: tuple[str, ...], listener: str) -> tuple[str, ...]:
    """The hosts that a route has on a listener: empty string for any host."""
    if not hostnames:
        return (listener,)
    common = (intersection(listener, hostname) for hostname in hostnames)
    return tuple(dict.fromkeys(host for host in common if host is not None))
