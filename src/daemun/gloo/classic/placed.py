"""VirtualServices where they are served: the hosts that they really have, and the handshakes that they answer."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.resolved import Attachment
from daemun.gatewayapi.routes.owners import HostOwner
from daemun.gloo.classic.hosts import At, ByName, Tenant, rivals
from daemun.gloo.classic.parts import Entrance, Entrances, Section
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.tls import Certificate, Secrets, ended
from daemun.gloo.settings.scope import Scopes, scope_of
from daemun.ir.listener import HostKey, Listener
from daemun.ir.origin import Origin

_SSL = "spec.sslConfig"
_CLASH = "Gloo rejects both; here the older one is served on."


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A VirtualService where it is served: at which Gateways.

    `handshakes` are the server names that it answers with its certificate.
    """

    ref: Ref
    age: tuple[str, str, str]
    attachments: tuple[tuple[Section, Attachment], ...]
    owners: tuple[tuple[HostKey, HostOwner], ...]
    handshakes: tuple[At, ...] = ()
    certificate: Certificate | None = None
    problems: Problems = ()


class Inputs(msgspec.Struct, frozen=True):
    """What decides where a VirtualService is served."""

    entrances: Entrances
    by_domain: ByName
    by_server_name: ByName
    secrets: Secrets
    scopes: Scopes


def placed_rule(of: Inputs) -> Callable[[Reader, Name, Tenant], Iterator[tuple[Name, Placed]]]:
    """The rule from a VirtualService to where it is served."""

    def placed(reader: Reader, name: Name, tenant: Tenant) -> Iterator[tuple[Name, Placed]]:
        yield name, _Placing(reader, of, name, tenant).done()

    return placed


class _Placing:
    """One VirtualService on its way to its places."""

    def __init__(self, reader: Reader, of: Inputs, name: Name, tenant: Tenant) -> None:
        self._reader = reader
        self._of = of
        self._name = name
        self._tenant = tenant
        self._scope = scope_of(reader, of.scopes)
        self._report = Report()

    def done(self) -> Placed:
        """Where it is served, and why not everywhere."""
        tenant = self._tenant
        certificate = self._certificate()
        attachments: list[tuple[Section, Attachment]] = []
        owners: list[tuple[HostKey, HostOwner]] = []
        handshakes: list[At] = []
        for gateway in tenant.gateways:
            entrance = self._reader.get(self._of.entrances, gateway)
            asked = entrance is not None and entrance.ssl and not entrance.own
            if entrance is None or (asked and certificate is None):
                continue
            mine = [name for name in tenant.server_names if asked and self._has_server_name(At(gateway, name))]
            if asked and not mine:
                continue
            handshakes += [At(gateway, name) for name in mine]
            found = list(self._owners(gateway, entrance, mine, certificate))
            owners += found
            hosts = tuple(key.hostname for key, _ in found if key.frontend == entrance.frontends[0])
            if hosts:
                attachments += [
                    (gateway, Attachment(key, tenant.ref, gateway.listener, hosts)) for key in entrance.frontends
                ]
        return Placed(
            ref=tenant.ref,
            age=tenant.age,
            attachments=tuple(attachments),
            owners=tuple(owners),
            handshakes=tuple(handshakes),
            certificate=certificate,
            problems=(*tenant.problems, *self._report.problems),
        )

    def _certificate(self) -> Certificate | None:
        ssl = self._tenant.ssl
        if ssl is None:
            return None
        found = ended(self._reader, self._of.secrets, self._scope, self._name.namespace, _SSL, ssl)
        missing = self._scope.lenient and all(one.reason == "SecretNotFound" for one in found.faults)
        self._report.findings(self._tenant.ref, found.faults, warning=missing)
        self._report.findings(self._tenant.ref, found.notes, warning=True)
        return found.certificate

    def _has_server_name(self, at: At) -> bool:
        """Whether nobody older answers the handshake with another certificate."""
        tenant = self._tenant
        others = [
            one for one in rivals(self._reader, self._of.by_server_name, tenant, at) if not _same_tls(one, tenant)
        ]
        if others:
            text = f"server name {at.name or '*'} is that of {others[0].ref} too, with another sslConfig"
            self._report.error(tenant.ref, "SniConflict", f"{_SSL}.sniDomains", text, _CLASH)
        return not any(one.age < tenant.age for one in others)

    def _owners(
        self, gateway: Section, entrance: Entrance, server_names: list[str], certificate: Certificate | None
    ) -> Iterator[tuple[HostKey, HostOwner]]:
        """The hosts that are its own, on every proxy of the Gateway."""
        tenant = self._tenant
        # What asks for the certificates of clients is not to be reached over another's connection.
        apart = self._scope.isolated or (certificate is not None and certificate.clients is not None)
        handshakes = tuple(server_names) if apart else ()
        for domain in tenant.domains:
            others = rivals(self._reader, self._of.by_domain, tenant, At(gateway, domain.hostname))
            if others:
                text = f"domain {domain.hostname or '*'} conflicts with that of {others[0].ref} on {entrance.gateway}"
                self._report.error(tenant.ref, "DomainConflict", domain.where, text, _CLASH)
                if any(one.age < tenant.age for one in others):
                    continue
            listener = Listener(
                name=gateway.listener,
                chain=str(gateway),
                origin=Origin(tenant.ref, domain.where),
                port=entrance.port,
                protocol="HTTPS" if entrance.ssl else "HTTP",
                hostname=domain.hostname,
                terminates=entrance.ssl,
            )
            owner = HostOwner(listener, listener.origin, True, entrance.ssl, handshakes)
            for key in entrance.frontends:
                yield HostKey(key, domain.hostname), owner


def _same_tls(one: Tenant, other: Tenant) -> bool:
    """Whether two VirtualServices answer handshakes alike, for whatever server names."""
    if one.ssl is None or other.ssl is None:
        return one.ssl is other.ssl
    return msgspec.structs.replace(one.ssl, sni_domains=()) == msgspec.structs.replace(other.ssl, sni_domains=())


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Of a VirtualService only what a listener has of it: the handshakes, and what answers them."""

    ref: Ref
    age: tuple[str, str, str]
    handshakes: tuple[At, ...]
    certificate: Certificate


def answer_rule(_: Reader, name: Name, placed: Placed) -> Iterator[tuple[Name, Answer]]:
    """From a VirtualService to what it answers handshakes with."""
    if placed.certificate is not None and placed.handshakes:
        yield name, Answer(placed.ref, placed.age, placed.handshakes, placed.certificate)


def gateways_of(_: Name, answer: Answer) -> Iterator[Section]:
    """The Gateways at which it answers handshakes; for an index."""
    yield from dict.fromkeys(at.gateway for at in answer.handshakes)


def owner_rule(_: Reader, name: Name, placed: Placed) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a VirtualService to the hosts that are its own."""
    del name
    yield from placed.owners


Placeds = Collection[Name, Placed]
Answers = Index[Section, Name, Answer]
