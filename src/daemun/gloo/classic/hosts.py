"""The domains of VirtualServices: what each means, who selects it, and whose it is when several have it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.api.gloo.ssl import SslConfig
from daemun.api.gloo.virtual_service import VirtualService
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Index, Reader
from daemun.gloo.classic.parts import Entrances, Section
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.settings.scope import Scopes, scope_of

KIND = "VirtualService"
_DOMAINS = "spec.virtualHost.domains"


class Domain(NamedTuple):
    """A hostname as hosts are looked for, and the field that says it."""

    hostname: str
    where: str


class Tenant(msgspec.Struct, frozen=True, gc=False):
    """A VirtualService without its routes: the Gateways that select it, its domains, and its TLS."""

    ref: Ref
    age: tuple[str, str, str]
    gateways: tuple[Section, ...]
    domains: tuple[Domain, ...]
    ssl: SslConfig | None
    problems: Problems = ()

    @property
    def server_names(self) -> tuple[str, ...]:
        """The server names of the handshakes that its certificate answers; an empty one is any."""
        if self.ssl is None:
            return ()
        names = ("" if one == "*" else one.lower() for one in self.ssl.sni_domains)
        return tuple(dict.fromkeys(names)) or ("",)


class At(NamedTuple):
    """A hostname, or the server name of a handshake, at a Gateway."""

    gateway: Section
    name: str


def tenant_rule(
    entrances: Entrances, scopes: Scopes
) -> Callable[[Reader, Name, VirtualService], Iterator[tuple[Name, Tenant]]]:
    """The rule from a VirtualService to all of it but its routes: these change most often."""

    def tenant(reader: Reader, name: Name, service: VirtualService) -> Iterator[tuple[Name, Tenant]]:
        scope = scope_of(reader, scopes)
        ref = Ref(GLOO_GATEWAY, KIND, *name)
        report = Report()
        ssl, labels = service.spec.ssl_config, service.metadata.labels
        selected = {
            gateway: one
            for gateway, one in sorted(reader.all(entrances).items())
            if one.selects(name, labels, ssl=ssl is not None, scope=scope)
        }
        serving = tuple(gateway for gateway, one in selected.items() if not one.refused)
        if not serving:
            which = "with ssl: true" if ssl is not None else "without ssl"
            text = f"no Gateway {which} selects it, so nothing serves it"
            if selected:
                gateway, one = next(iter(selected.items()))
                text = f"Gateway {gateway.gateway} selects it but is not served itself: {one.refused}"
            report.warning(ref, "NoGateway", "", text)
        domains = tuple(_domains(ref, service, report))
        yield name, Tenant(ref, service.age, serving, domains, ssl, report.problems)

    return tenant


def _domains(ref: Ref, service: VirtualService, report: Report) -> Iterator[Domain]:
    """Its domains; without any it has all (VirtualHost.domains). A port in one makes no difference."""
    host = service.spec.virtual_host
    if host is None or not host.domains:
        yield Domain("", _DOMAINS)
        return
    seen: set[str] = set()
    for index, written in enumerate(host.domains):
        where = f"{_DOMAINS}[{index}]"
        name = written.lower().rstrip(".")
        bare, colon, port = name.rpartition(":")
        name = bare if colon and port.isdigit() else name
        if not name or name.isspace():
            report.error(ref, "Invalid", where, "a domain is not empty", "Use * for all hosts.")
            continue
        rest = name.removeprefix("*.")
        if name != "*" and ("*" in rest or not rest):
            text = f"{written!r} is not a domain that is served"
            report.error(ref, "Invalid", where, text, "Use a whole name, *.name or *.")
            continue
        hostname = "" if name == "*" else name
        if hostname not in seen:
            seen.add(hostname)
            yield Domain(hostname, where)


def domains_of(_: Name, tenant: Tenant) -> Iterator[At]:
    """Where a VirtualService wants which host; for an index."""
    for gateway in tenant.gateways:
        for domain in tenant.domains:
            yield At(gateway, domain.hostname)


def server_names_of(_: Name, tenant: Tenant) -> Iterator[At]:
    """Where a VirtualService wants to answer which handshakes; for an index."""
    for gateway in tenant.gateways:
        for name in tenant.server_names:
            yield At(gateway, name)


ByName = Index[At, Name, Tenant]


def rivals(reader: Reader, by_name: ByName, tenant: Tenant, at: At) -> list[Tenant]:
    """The other VirtualServices that want the same there, the oldest first."""
    others = [one for one in reader.find(by_name, at) if one.ref != tenant.ref]
    return sorted(others, key=lambda one: one.age)
