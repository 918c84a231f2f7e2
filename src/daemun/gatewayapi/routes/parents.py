"""Parents of routes: which listeners a route attaches to, with which hostnames (Gateway API, "Attaching Routes")."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from daemun.api.core import Namespace
from daemun.api.meta import ParentReference, Resource
from daemun.api.routes import RouteSpec
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader, derive, union
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding, absent, place
from daemun.gatewayapi.hostnames import intersection
from daemun.gatewayapi.mesh import parents as mesh
from daemun.gatewayapi.namespaces import allowed
from daemun.gatewayapi.resolved import Attachment, Parent, ParentResult, ResolvedGateway, ResolvedListener
from daemun.gatewayapi.routes.delegations import ROUTE, is_open
from daemun.gatewayapi.routes.kinds import PlainRule, RouteKind
from daemun.gatewayapi.settings import Settings
from daemun.ir.listener import frontend_key

_BY_DEFAULT = "spec.useDefaultGateways"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A route and its parents, before routes of other kinds on the same hosts are looked at."""

    ref: Ref
    kind: RouteKind
    resource: Resource
    parents: tuple[ParentResult, ...]
    attachments: tuple[Attachment, ...]

    @property
    def age(self) -> tuple[str, str, str]:
        """What sorts it among others."""
        return self.resource.age

    @property
    def hostnames(self) -> tuple[str, ...]:
        """The hosts that are asked for."""
        return self.kind.hostnames(self.resource)

    @property
    def rules(self) -> tuple[PlainRule, ...]:
        """Its rules as they are written."""
        return tuple(self.kind.rules(self.resource))

    @property
    def open(self) -> bool:
        """Whether another route may delegate to it."""
        return self.kind.kind == ROUTE and is_open(self.kind.spec(self.resource).parent_refs)


class Reached(Candidate, frozen=True, gc=False):
    """A route as another one delegates to it: with the age, the hosts and the attachments of the root.

    `through` are the routes above it, the next one first, and `chosen` the references by which that one has it.
    """

    through: tuple[Ref, ...] = ()
    chosen: tuple[str, ...] = ()
    root_age: tuple[str, str, str] = ("", "", "")
    root_hostnames: tuple[str, ...] = ()
    allowed: tuple[PlainRule, ...] = ()
    not_resolved: tuple[Finding, ...] = ()

    @property
    def age(self) -> tuple[str, str, str]:
        """What sorts it among others: its root's."""
        return self.root_age

    @property
    def hostnames(self) -> tuple[str, ...]:
        """The hosts that are asked for: its root's."""
        return self.root_hostnames

    @property
    def rules(self) -> tuple[PlainRule, ...]:
        """Its rules, as far as they are below those that delegate to it."""
        return self.allowed


class Inputs(msgspec.Struct, frozen=True):
    """The collections that attachment depends on; `written` holds the objects of each kind that can be a parent."""

    written: Mapping[str, Collection[Name, Resource]]
    parents: Collection[Ref, Parent]
    defaults: Index[bool, Name, ResolvedGateway]
    namespaces: Collection[Name, Namespace]
    settings: Settings
    mesh: mesh.Inputs


def candidates(
    sources: Mapping[tuple[str, str], Collection[Name, Any]], kinds: Iterable[RouteKind], inputs: Inputs
) -> Collection[Ref, Candidate]:
    """The routes of all kinds, with their parents."""
    of_each = (derive(sources[GATEWAY, kind.kind], _candidate_rule(kind, inputs), f"{kind.kind}s") for kind in kinds)
    return union(*of_each, name="candidates")


def _candidate_rule(
    kind: RouteKind, inputs: Inputs
) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Candidate]]]:
    """The rule from a route of this kind to its parents."""

    def attach(reader: Reader, name: Name, route: Resource) -> Iterator[tuple[Ref, Candidate]]:
        ref = Ref(GATEWAY, kind.kind, name.namespace, name.name)
        spec = kind.spec(route)
        parents: list[ParentResult] = []
        unwilling: list[ParentResult] = []
        attachments: dict[tuple[Ref, str], Attachment] = {}
        hostnames = kind.hostnames(route)
        for where, parent in _parents(reader, inputs, ref, spec):
            results, found = _attach(reader, inputs, ref, kind, hostnames, where, parent)
            for result in results:
                unasked = result.refused and where == _BY_DEFAULT
                (unwilling if unasked else parents).append(result)
            for attachment in found:
                attachments.setdefault((attachment.owner, attachment.listener), attachment)
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
        named = {
            Name(parent.namespace or ref.namespace, parent.name)
            for parent in spec.parent_refs
            if parent.kind == "Gateway"
        }
        for name in reader.find_keys(inputs.defaults, True):
            if name not in named:
                yield _BY_DEFAULT, ParentReference(name=name.name, namespace=name.namespace)


def _attach(
    reader: Reader,
    inputs: Inputs,
    ref: Ref,
    kind: RouteKind,
    hostnames: tuple[str, ...],
    where: str,
    parent: ParentReference,
) -> tuple[list[ParentResult], list[Attachment]]:
    """What one parentRef comes to: nothing when the parent is not ours."""
    if mesh.is_service(parent):
        return mesh.attach(reader, inputs.mesh, ref, kind, where, parent)
    if parent.group != GATEWAY or parent.kind not in inputs.written:
        return [], []
    owner = Ref(parent.group, parent.kind, parent.namespace or ref.namespace, parent.name)
    found = reader.get(inputs.parents, owner)
    if found is None:
        if not inputs.settings.sole or reader.get(inputs.written[parent.kind], owner.key) is not None:
            return [], []
        missing = absent("NoMatchingParent", where, owner)
        return [ParentResult(parent, CONTROLLER, owner, "", (), (missing,))], []
    listeners, finding = _choose(reader, inputs, ref, where, parent, found)
    attachments = []
    for one in listeners:
        hosts = _hosts(hostnames, one.hostname)
        if hosts and one.listener is not None:
            frontend = frontend_key(found.proxy, *one.socket)
            attachments.append(Attachment(frontend, owner, one.name, hosts, one.listener.through))
    if finding is None and not attachments:
        theirs = ", ".join(sorted({one.hostname for one in listeners}))
        finding = Finding(
            "NoMatchingListenerHostname", "spec.hostnames", f"none fits the listener's hostname ({theirs})"
        )
    refused = (finding,) if finding else ()
    names = tuple(attachment.listener for attachment in attachments)
    return [ParentResult(parent, found.controller, owner, found.proxy, names, refused)], attachments


def _choose(
    reader: Reader, inputs: Inputs, ref: Ref, where: str, parent: ParentReference, owner: Parent
) -> tuple[list[ResolvedListener], Finding | None]:
    """The listeners that a parentRef means and that take the route; or why there are none."""
    see = f"See the status of the {owner.ref.kind}."
    if not owner.listeners:
        return [], Finding("NoMatchingParent", where, f"{owner.ref} is itself not accepted", see)
    meant = [
        one for one in owner.listeners if parent.section_name in (None, one.name) and parent.port in (None, one.port)
    ]
    if not meant:
        named = [f"named {parent.section_name}"] if parent.section_name else []
        wanted = " and ".join([*named, *([f"with port {parent.port}"] if parent.port else [])])
        return [], Finding("NoMatchingParent", where, f"{owner.ref} has no listener {wanted}")
    willing = [
        one
        for one in meant
        if any((kind.group, kind.kind) == (ref.group, ref.kind) for kind in one.kinds)
        and allowed(reader, inputs.namespaces, one.namespaces, owner.ref.namespace, ref.namespace)
    ]
    if not willing and any(one.kinds or one.attachable for one in meant):
        text = f"no listener of {owner.ref} takes {ref.kind}s from namespace {ref.namespace}"
        return [], Finding("NotAllowedByListeners", where, text, "See allowedRoutes of its listeners.")
    ready = [one for one in willing if one.attachable]
    if not ready:
        return [], Finding("NoMatchingParent", where, f"the listener of {owner.ref} is itself not accepted", see)
    return ready, None


def _hosts(hostnames: tuple[str, ...], listener: str) -> tuple[str, ...]:
    """The hosts that a route has on a listener: empty string for any host."""
    if not hostnames:
        return (listener,)
    common = (intersection(listener, hostname) for hostname in hostnames)
    return tuple(dict.fromkeys(host for host in common if host is not None))
