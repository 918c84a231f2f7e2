"""tcpGateway: connections of a port, or of server names on it, that are passed on unread."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.destinations import TcpHost
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import ParentReference
from daemun.base.names import GLOO_GATEWAY, Name
from daemun.flow import Reader
from daemun.gatewayapi.kinds import place
from daemun.gatewayapi.owners import HostOwner
from daemun.gatewayapi.resolved import Attachment, ParentResult, ResolvedRoute
from daemun.gloo.classic import destinations, options
from daemun.gloo.classic.destinations import NOT_SERVED, Destinations
from daemun.gloo.classic.gateways import Door
from daemun.gloo.classic.options import OptionsOf
from daemun.gloo.classic.proxies import CONTROLLER
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.scope import Scopes, scope_of
from daemun.gloo.classic.tls import Secrets, ended
from daemun.gloo.policies import TCP_LISTENER_OPTIONS
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.route import Backend, Route, RouteKey, Rule

_HOSTS = "spec.tcpGateway.tcpHosts"


class Streams(msgspec.Struct, frozen=True, gc=False):
    """A Gateway for connections, resolved: its route, and for each of its hosts the listeners of its server names."""

    route: ResolvedRoute
    addresses: tuple[str, ...]
    frontends: tuple[FrontendKey, ...]
    listeners: tuple[Listener, ...]
    problems: Problems


class Inputs(msgspec.Struct, frozen=True):
    """What TCP hosts refer to."""

    secrets: Secrets
    scopes: Scopes
    destinations: destinations.Inputs
    options: options.Inputs


def streams_rule(of: Inputs) -> Callable[[Reader, Name, Door], Iterator[tuple[Name, Streams]]]:
    """The rule from a Gateway to the connections that it passes on."""

    def streams(reader: Reader, name: Name, door: Door) -> Iterator[tuple[Name, Streams]]:
        if door.spec.tcp_gateway is not None and not door.refused:
            yield name, _Reading(reader, of, name, door).done()

    return streams


class _Reading:
    """One Gateway on its way to its listeners."""

    def __init__(self, reader: Reader, of: Inputs, name: Name, door: Door) -> None:
        self._reader = reader
        self._of = of
        self._name = name
        self._door = door
        self._report = Report()
        self._read = OptionsOf(reader, of.options, self._report)

    def done(self) -> Streams:
        """The Gateway with everything."""
        door, tcp = self._door, self._door.spec.tcp_gateway
        assert tcp is not None  # noqa: S101 - the caller has looked
        rules: list[Rule] = []
        listeners: list[Listener] = []
        attachments: list[Attachment] = []
        for index, host in enumerate(tcp.tcp_hosts):
            where = place(_HOSTS, index)
            found = list(self._listeners(where, host, listeners))
            if not found:
                continue
            rules.append(Rule(where, host.name, backends=self._backends(where, host)))
            listeners += found
            names = tuple(one.hostname for one in found)
            through = found[0].through
            attachments += [
                Attachment(key, door.ref, self._name.name, names, through, len(rules) - 1) for key in door.frontends
            ]
        if tcp.options is not None:
            self._read.here(door.ref, TCP_LISTENER_OPTIONS, "spec.tcpGateway.options", tcp.options)
        if not tcp.tcp_hosts:
            self._report.error(door.ref, "Invalid", _HOSTS, "it has no tcpHosts", "Write one.")
        parents = tuple(
            ParentResult(
                ParentReference(name=self._name.name, group=GLOO_GATEWAY, namespace=self._name.namespace),
                CONTROLLER,
                door.ref,
                key.proxy,
                (self._name.name,),
            )
            for key in door.frontends
        )
        route = Route(door.ref, door.age, (), tuple(rules), streams=True)
        return Streams(
            ResolvedRoute(door.ref, 0, route, parents, tuple(attachments)),
            door.addresses,
            door.frontends,
            tuple(listeners),
            self._report.problems,
        )

    def _listeners(self, where: str, host: TcpHost, before: list[Listener]) -> Iterator[Listener]:
        """The listeners of a host, but for what those before it have already."""
        ssl = host.ssl_config
        names = self._names(ssl)
        certificate = None
        passed = ssl is not None and not (ssl.secret_ref or ssl.ssl_files or ssl.sds)
        if ssl is not None and not passed:
            at = f"{where}.sslConfig"
            found = ended(
                self._reader, self._of.secrets, scope_of(self._reader, self._of.scopes), self._name.namespace, at, ssl
            )
            self._report.findings(self._door.ref, found.faults)
            self._report.findings(self._door.ref, found.notes, warning=True)
            certificate = found.certificate
            if certificate is None:
                return
        for name in names:
            rival = next(
                (one for one in before if one.hostname == name or (one.protocol == "TCP") != (ssl is None)), None
            )
            if rival is not None:
                text = f"{rival.origin.where} has the port's connections{f' for {name}' if name else ''} already"
                self._report.error(self._door.ref, "SniConflict", where, text, "Give them other sniDomains.")
                continue
            yield Listener(
                name=self._name.name,
                chain=str(self._name),
                origin=Origin(self._door.ref, where),
                port=self._door.port,
                protocol="TCP" if ssl is None else "TLS",
                hostname=name,
                secrets=(certificate.secret,) if certificate else (),
                clients=certificate.clients if certificate else None,
                terminates=certificate is not None,
                handshake=certificate.handshake if certificate else None,
            )

    def _names(self, ssl: SslConfig | None) -> tuple[str, ...]:
        names = ("" if one == "*" else one.lower() for one in ssl.sni_domains) if ssl else ()
        return tuple(dict.fromkeys(names)) or ("",)

    def _backends(self, where: str, host: TcpHost) -> tuple[Backend, ...]:
        """Where the connections of a host go."""
        to, where, by = host.destination, f"{where}.destination", self._door.ref
        found = Destinations(self._reader, self._of.destinations, self._report, by, "tcp", self._read)
        if to is not None and to.single is not None:
            return found.single(f"{where}.single", to.single)
        if to is not None and to.multi is not None:
            return found.multi(f"{where}.multi", to.multi)
        if to is not None and to.upstream_group is not None:
            return found.group(f"{where}.upstreamGroup", to.upstream_group)
        if to is not None and to.forward_sni_cluster_name is not None:
            text = "clusters have other names here than with Gloo, so a server name cannot choose one"
            self._report.error(by, NOT_SERVED, f"{where}.forwardSniClusterName", text)
        else:
            self._report.error(by, "Invalid", where, "it names no destination", "Give it a destination.")
        return ()


def frontend_rule(_: Reader, name: Name, one: Streams) -> Iterator[tuple[FrontendKey, Frontend]]:
    """From a Gateway to its ports."""
    del name
    for key in one.frontends if one.listeners else ():
        yield key, Frontend(one.addresses, one.listeners)


def owner_rule(_: Reader, name: Name, one: Streams) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a Gateway to the server names that its connections are told apart by."""
    del name
    for key in one.frontends:
        for listener in one.listeners:
            owner = HostOwner(listener, listener.origin, requests=False, tls=listener.protocol == "TLS")
            yield HostKey(key, listener.hostname), owner


def route_rule(_: Reader, name: Name, one: Streams) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
    """From a Gateway to its route of streams."""
    del name
    yield one.route.ref, one.route
