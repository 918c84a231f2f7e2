"""Where a VirtualService is served: the listeners that its Gateways need for it, and the hosts it keeps there.

A VirtualHostOption is for a listener. So a VirtualService with options of its own gets listeners of its own, one for
each of its domains; all others share one. Over TLS there is one for each server name.
"""

from collections.abc import Iterable, Iterator

import msgspec

from daemun.api.gloo.options import VirtualHostOptions
from daemun.api.gloo.ssl import SslConfig
from daemun.base.names import Name
from daemun.gloo.classic.hosts import Domain, Tenant
from daemun.gloo.migrate.bench import Bench, label
from daemun.gloo.migrate.options import together
from daemun.gloo.migrate.pieces import Piece
from daemun.gloo.migrate.references import homed

_SSL = "spec.sslConfig"
_OLDER = "The older one keeps it, as Daemun serves them; Gloo rejects both."


class Listener(msgspec.Struct):
    """A listener of a Gateway to be: its name, the `hostname` (empty for any), TLS, and the VirtualServices behind."""

    name: str
    port: int
    hostname: str
    ssl: SslConfig | None
    home: str
    tenants: dict[Name, None] = msgspec.field(default_factory=dict)


def host_options(bench: Bench, tenant: Tenant) -> VirtualHostOptions | None:
    """The options of a VirtualService's hosts, those that it refers to included."""
    host = bench.world.service(tenant.ref.key).spec.virtual_host
    if host is None:
        return None
    layers = [homed(host.options, tenant.ref.namespace)]
    for index, ref in enumerate(host.options_config_refs.delegate_options if host.options_config_refs else ()):
        name = Name(ref.namespace or tenant.ref.namespace, ref.name)
        found = bench.world.host_options(name)
        if found is None:
            where = f"spec.virtualHost.optionsConfigRefs.delegateOptions[{index}]"
            bench.report.warning(tenant.ref, "NotFound", where, f"VirtualHostOption {name} does not exist")
        layers.append(homed(found, name.namespace))
    return together(layers)


def kept_domains(bench: Bench, tenants: Iterable[Tenant]) -> dict[Name, tuple[Domain, ...]]:
    """The domains of VirtualServices at one Gateway: the older one keeps what several have."""
    owners: dict[str, Tenant] = {}
    found: dict[Name, tuple[Domain, ...]] = {}
    for tenant in sorted(tenants, key=lambda one: one.age):
        mine = []
        for domain in tenant.domains:
            owner = owners.setdefault(domain.hostname, tenant)
            if owner is tenant:
                mine.append(domain)
            else:
                text = f"domain {domain.hostname or '*'} is that of {owner.ref} too"
                bench.report.error(tenant.ref, "DomainConflict", domain.where, text, _OLDER)
                bench.lost_domains.setdefault(tenant.ref.key, set()).add(domain.hostname)
        found[tenant.ref.key] = tuple(mine)
    return found


class Seating:
    """The listeners that one part of a classic Gateway comes to."""

    def __init__(self, bench: Bench, piece: Piece, port: int, base: str) -> None:
        self._bench = bench
        self._piece = piece
        self._port = port
        self._base = base
        self._listeners: dict[str, Listener] = {}
        self._names: set[str] = set()

    def seat(self, tenants: Iterable[Tenant]) -> list[Listener]:
        """The listeners, with the VirtualServices that belong to each."""
        mine = [one for one in tenants if self._piece.section in one.gateways]
        domains = kept_domains(self._bench, mine)
        apart = _apart(domains, {one.ref.key for one in mine if host_options(self._bench, one) is not None})
        for tenant in sorted(mine, key=lambda one: one.age):
            name = tenant.ref.key
            for server_name in self._server_names(tenant):
                for hostname in self._hostnames(tenant, server_name, domains[name], apart=name in apart):
                    self._sit(tenant, hostname, shared=name not in apart)
        return list(self._listeners.values())

    def _server_names(self, tenant: Tenant) -> list[str]:
        """The server names of the handshakes that lead to a VirtualService."""
        piece = self._piece
        if not piece.ssl:
            return [""]
        mine = ("",) if piece.certificate is not None else tenant.server_names
        found = (meet(one, other) for one in piece.server_names for other in mine)
        return list(dict.fromkeys(one for one in found if one is not None))

    def _hostnames(
        self, tenant: Tenant, server_name: str, domains: tuple[Domain, ...], *, apart: bool
    ) -> Iterator[str]:
        if not apart:
            if any(meet(server_name, one.hostname) is not None for one in domains):
                yield server_name
            return
        for domain in domains:
            hostname = meet(server_name, domain.hostname)
            if hostname is not None:
                yield hostname

    def _sit(self, tenant: Tenant, hostname: str, *, shared: bool) -> None:
        found = self._listeners.get(hostname)
        if found is None:
            name = self._name(hostname, "" if shared and not hostname else tenant.ref.name)
            own = self._piece.certificate
            home = self._piece.by if own is not None else tenant.ref
            found = Listener(name, self._port, hostname, own or tenant.ssl, home.namespace)
            self._listeners[hostname] = found
        elif self._piece.certificate is None and not _same_tls(found, tenant):
            text = f"server name {hostname or '*'} is answered with another sslConfig already"
            self._bench.report.error(tenant.ref, "SniConflict", _SSL, text, _OLDER)
            return
        found.tenants[tenant.ref.key] = None

    def _name(self, hostname: str, owner: str) -> str:
        base = "-".join(part for part in (self._base, label(owner) if owner else "") if part)
        found = base if base not in self._names else f"{base}-{label(hostname or 'any')}"
        number = 1
        while found in self._names:
            number += 1
            found = f"{base}-{label(hostname or 'any')}-{number}"
        self._names.add(found)
        return found


def _apart(domains: dict[Name, tuple[Domain, ...]], own: set[Name]) -> set[Name]:
    """Who gets listeners of their own: who needs them, and who has hosts below the wildcards of such listeners.

    A request is for the listener with the most specific hostname, and for its routes alone.
    """
    found = set(own)
    while True:
        wide = {one.hostname for name in found for one in domains[name] if one.hostname[:2] in ("", "*.")}
        more = {
            name
            for name, mine in domains.items()
            if name not in found and any(meet(one.hostname, over) == one.hostname for one in mine for over in wide)
        }
        if not more:
            return found
        found |= more


def meet(one: str, other: str) -> str | None:
    """The hosts that are both of one (empty: any; `*.x`: those below x) and of another; None if there are none."""
    if not one or one == other:
        return other
    if not other:
        return one
    for wide, narrow in ((one, other), (other, one)):
        if wide.startswith("*.") and narrow.endswith(wide[1:]):
            return narrow
    return None


def _same_tls(listener: Listener, tenant: Tenant) -> bool:
    one, other = listener.ssl, tenant.ssl
    if one is None or other is None:
        return one is other
    where = (_secret(one, listener.home), _secret(other, tenant.ref.namespace))
    bare = [msgspec.structs.replace(each, sni_domains=(), secret_ref=None) for each in (one, other)]
    return where[0] == where[1] and bare[0] == bare[1]


def _secret(ssl: SslConfig, home: str) -> Name | None:
    return Name(ssl.secret_ref.namespace or home, ssl.secret_ref.name) if ssl.secret_ref else None


def secret_of(listener: Listener) -> Name | None:
    """The Secret with the certificate that a listener answers with."""
    return _secret(listener.ssl, listener.home) if listener.ssl else None
