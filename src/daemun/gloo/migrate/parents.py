"""The hosts of a VirtualService's HTTPRoutes, and the listeners that they attach to."""

from collections.abc import Sequence

import msgspec

from daemun.api.scalars import Hostname
from daemun.base.names import Ref
from daemun.gloo.classic.hosts import Domain
from daemun.gloo.migrate.bench import Bench, Doc, chunks
from daemun.gloo.migrate.gateways import Section
from daemun.gloo.migrate.seats import meet

_MOST_HOSTNAMES = 16
_MOST_PARENTS = 32


def hostnames(bench: Bench, ref: Ref, sections: Sequence[Section]) -> list[tuple[list[str], list[Section]]]:
    """Hostnames, as many at a time as an HTTPRoute takes, and the listeners where they are served; none means all."""
    domains = bench.domains(ref.key)
    _tell_ports(bench, ref)
    for domain in domains:
        if not any(meet(one.hostname, domain.hostname) is not None for one in sections):
            text = f"no server name of its sslConfig fits domain {domain.hostname}"
            bench.report.warning(ref, "DomainLost", domain.where, text, "Add it to sniDomains.")
    named = [one.hostname for one in domains if one.hostname and _is_hostname(bench, ref, one)]
    found: list[tuple[list[str], list[Section]]] = []
    if any(not one.hostname for one in domains):
        found.append(([], [one for one in sections if one.hostname not in named]))
    for part in chunks(named, _MOST_HOSTNAMES):
        where = [one for one in sections if any(meet(one.hostname, host) is not None for host in part)]
        if where:
            found.append((part, where))
    return found


def _is_hostname(bench: Bench, ref: Ref, domain: Domain) -> bool:
    try:
        msgspec.convert(domain.hostname, Hostname)
    except msgspec.ValidationError:
        text = f"{domain.hostname!r} is no hostname of Gateway API"
        bench.report.error(ref, "DomainLost", domain.where, text, "It is left out.")
        return False
    return True


def _tell_ports(bench: Bench, ref: Ref) -> None:
    host = bench.world.service(ref.key).spec.virtual_host
    for index, domain in enumerate(host.domains if host else ()):
        if ":" in domain:
            text = f"{domain} becomes {domain.rpartition(':')[0]}: a hostname has no port"
            mend = "Requests that name another port, or none, are taken too."
            bench.report.warning(ref, "PortOfDomain", f"spec.virtualHost.domains[{index}]", text, mend)


def parents(bench: Bench, ref: Ref, sections: Sequence[Section]) -> list[Doc]:
    """The parentRefs of an HTTPRoute."""
    if len(sections) > _MOST_PARENTS:
        text = f"it is served at {len(sections)} listeners, and an HTTPRoute has {_MOST_PARENTS} parents at most"
        bench.report.error(ref, "TooManyListeners", "", text, "Some of its domains are left out.")
    return [
        {
            "name": one.gateway.name,
            **({} if one.gateway.namespace == ref.namespace else {"namespace": one.gateway.namespace}),
            "sectionName": one.listener,
        }
        for one in sections[:_MOST_PARENTS]
    ]
