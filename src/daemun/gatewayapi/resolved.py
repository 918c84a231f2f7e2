"""Gateways and routes as values: everything that was found out about them.

Envoy's configuration and the status are both made of these.
"""

from collections.abc import Iterator

import msgspec

from daemun.api.gateway import RouteNamespaces
from daemun.api.meta import ParentReference
from daemun.api.status import RouteGroupKindStatus
from daemun.base.names import Name, Ref
from daemun.gatewayapi.findings import Finding
from daemun.ir.backend import BackendKey
from daemun.ir.listener import FrontendKey, HostKey, Listener, Socket, transport
from daemun.ir.route import Route, RouteKey, Way


class ResolvedListener(msgspec.Struct, frozen=True, gc=False):
    """A listener of a Gateway or ListenerSet, its `owner`, by the condition that each finding belongs to.

    Its name tells it apart from its owner's other listeners only. Routes may attach to it when it is `attachable`;
    requests reach them when it `serves`. `listener` is None for a protocol that is not served.
    """

    owner: Ref
    name: str
    port: int
    protocol: str
    bound_port: int
    hostname: str
    namespaces: RouteNamespaces
    kinds: tuple[RouteGroupKindStatus, ...]
    listener: Listener | None
    not_accepted: tuple[Finding, ...] = ()
    conflicted: tuple[Finding, ...] = ()
    not_resolved: tuple[Finding, ...] = ()

    @property
    def socket(self) -> Socket:
        """What is bound for it."""
        return Socket(self.bound_port, transport(self.protocol))

    @property
    def attachable(self) -> bool:
        """Whether routes may attach."""
        return not self.not_accepted and not self.conflicted

    @property
    def serves(self) -> bool:
        """Whether Envoy listens for it: one that ends TLS needs at least one good certificate, each a kind of route."""
        if self.listener is None or not self.attachable or not self.kinds:
            return False
        return not self.listener.terminates or bool(self.listener.secrets)


class ResolvedListenerSet(msgspec.Struct, frozen=True, gc=False):
    """A ListenerSet whose Gateway is ours. One that the Gateway does not allow is `refused`, and has no listeners."""

    ref: Ref
    generation: int
    age: tuple[str, str, str]
    controller: str
    gateway: Name
    listeners: tuple[ResolvedListener, ...] = ()
    refused: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def proxy(self) -> str:
        """The name of the proxy that serves it."""
        return str(self.gateway)

    @property
    def accepted(self) -> bool:
        """Whether it counts as attached: one good listener is enough."""
        return not self.refused and any(one.serves for one in self.listeners)


class ResolvedGateway(msgspec.Struct, frozen=True, gc=False):
    """A Gateway of ours.

    `refused` says why it as a whole is not accepted, `notes` what it asks for that is left alone. A `default` Gateway
    takes the routes that ask for default Gateways (GEP-3793). `sets` are the ListenerSets that it allows, in the order
    of their precedence; None when it allows none whatever there is. `not_resolved` is what it refers to outside its
    listeners and cannot have, `fallbacks` are the fields that let clients in whatever certificate they show, and
    `client_certificate` is the Secret that it shows to backends.
    """

    ref: Ref
    generation: int
    controller: str
    addresses: tuple[str, ...]
    listeners: tuple[ResolvedListener, ...]
    refused: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    default: bool = False
    sets: tuple[ResolvedListenerSet, ...] | None = None
    not_resolved: tuple[Finding, ...] = ()
    fallbacks: tuple[Finding, ...] = ()
    client_certificate: str = ""

    @property
    def proxy(self) -> str:
        """The name of the proxy that serves it."""
        return str(self.ref.key)

    def merged(self) -> Iterator[ResolvedListener]:
        """Its own listeners and those of its ListenerSets: what its proxy listens with."""
        yield from self.listeners
        for one in self.sets or ():
            yield from one.listeners


Parent = ResolvedGateway | ResolvedListenerSet
"""What routes attach to."""


def parents_of(gateway: ResolvedGateway) -> Iterator[tuple[Ref, Parent]]:
    """The Gateway without its ListenerSets, and each of these: a change of one is no change of the others."""
    yield gateway.ref, msgspec.structs.replace(gateway, sets=None)
    for one in gateway.sets or ():
        yield one.ref, one


class ParentResult(msgspec.Struct, frozen=True, gc=False):
    """What one parentRef of a route came to: the listeners of its `owner` that it attached to, or why it did not.

    `notes` say why nobody serves it all the same, though it did.
    """

    parent: ParentReference
    controller: str
    owner: Ref
    proxy: str
    listeners: tuple[str, ...] = ()
    refused: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A route on a port of a proxy: the listener it attached to, by owner and name, and the hosts it has there.

    Of a route of streams the rule counts there that is the `rule`th. Connections that pass `through` have TLS already:
    no more is put on them for the backend.
    """

    frontend: FrontendKey
    owner: Ref
    listener: str
    hosts: tuple[str, ...]
    through: bool = False
    rule: int = 0

    def is_to(self, listener: Listener) -> bool:
        """Whether this is the listener that the route attached to."""
        return (self.owner, self.listener) == (listener.origin.ref, listener.name)

    def keys(self) -> list[HostKey]:
        """Where the route takes requests or streams."""
        return [HostKey(self.frontend, host) for host in self.hosts]


class Delegation(msgspec.Struct, frozen=True, gc=False):
    """A reference of a route to those that it delegates to: one by its name, all (`*`), or those with a `label`."""

    where: str
    namespace: str
    name: str = ""
    label: str = ""


class ResolvedRoute(msgspec.Struct, frozen=True, gc=False):
    """A route of any kind with its parents, its rules, and what was found about them.

    `not_resolved` are references that lead nowhere (ResolvedRefs), `dropped` are rules that cannot be served as they
    are written (PartiallyInvalid, or Accepted when no rule is left). `policies` are the BackendTLSPolicies of its
    backends, also those that lost to others; `options` are the policies of other APIs that its rules have.

    Of a route that is reached through others these are what they are that way: its parent is the next of `through`,
    which has it by the references at `chosen`. `open`: others may delegate to it. `delegations`: it does so itself.
    `limb`: it is but this piece of the route, and there are others.
    """

    ref: Ref
    generation: int
    route: Route
    parents: tuple[ParentResult, ...]
    attachments: tuple[Attachment, ...]
    not_resolved: tuple[Finding, ...] = ()
    dropped: tuple[Finding, ...] = ()
    policies: tuple[Name, ...] = ()
    options: tuple[Ref, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    through: tuple[Ref, ...] = ()
    chosen: tuple[str, ...] = ()
    open: bool = False
    limb: str = ""

    @property
    def key(self) -> RouteKey:
        """What tells it apart from all others: its object, the way to it if there is one, and the piece."""
        return Way(*self.ref, self.through, self.limb) if self.limb else self.whole

    @property
    def whole(self) -> RouteKey:
        """The route that it is, or is a piece of."""
        return Way(*self.ref, self.through) if self.through else self.ref

    def is_on(self, listener: Listener, at: FrontendKey) -> bool:
        """Whether it is attached to the listener: what comes to a host reaches only the routes of its listener."""
        return any(one.frontend == at and one.is_to(listener) for one in self.attachments)

    def rule_on(self, listener: Listener, at: HostKey) -> int:
        """Of a route of streams: which rule takes what comes to a host on the listener."""
        here = (one for one in self.attachments if one.frontend == at.frontend and one.is_to(listener))
        return next((one.rule for one in here if at.hostname in one.hosts), 0)

    def backends(self) -> set[BackendKey]:
        """Every backend that requests of this route may be sent to."""
        found: set[BackendKey | None] = set()
        for rule in self.route.rules:
            for use in rule.uses:
                found.update(use.backends)
            for backend in rule.backends:
                found.add(backend.key)
                for use in backend.uses:
                    found.update(use.backends)
        return {key for key in found if key is not None}
