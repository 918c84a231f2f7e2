"""tcpGateway: connections of a port, or of server names on it, that are passed on unread."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.destinations import TcpHost
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import ParentReference
from daemun.base.names import GLOO_GATEWAY
from daemun.flow import Reader
from daemun.gatewayapi.findings import place
from daemun.gatewayapi.resolved import Attachment, ParentResult, ResolvedRoute
from daemun.gatewayapi.routes.owners import HostOwner
from daemun.gloo.classic import destinations, options
from daemun.gloo.classic.destinations import NOT_SERVED, Destinations
from daemun.gloo.classic.options import OptionsOf
from daemun.gloo.classic.parts import Part, Section, server_names
from daemun.gloo.classic.proxies import CONTROLLER
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.tls import Secrets, ended
from daemun.gloo.policies.merge import merged
from daemun.gloo.policies.policy import TCP_LISTENER_OPTIONS
from daemun.gloo.settings.scope import Scopes, scope_of
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.problem import Problem
from daemun.ir.route import Backend, Route, RouteKey, Rule, Use

_PASSED_ON = {"TCP", "TLS"}


class Streams(msgspec.Struct, frozen=True, gc=False):
    """A Gateway for connections, resolved: its route, and for each of its hosts the listeners of its server names."""

    route: ResolvedRoute
    frontends: tuple[FrontendKey, ...]
    listeners: tuple[Listener, ...]
    problems: Problems


class Inputs(msgspec.Struct, frozen=True):
    """What TCP hosts refer to."""

    secrets: Secrets
    scopes: Scopes
    destinations: destinations.Inputs
    options: options.Inputs


def streams_rule(of: Inputs) -> Callable[[Reader, Section, Part], Iterator[tuple[Section, Streams]]]:
    """The rule from a part of a Gateway to the connections that it passes on."""

    def streams(reader: Reader, key: Section, part: Part) -> Iterator[tuple[Section, Streams]]:
        if part.tcp is not None and not part.refused:
            yield key, _Reading(reader, of, key, part).done()

    return streams


class _Reading:
    """One Gateway on its way to its listeners."""

    def __init__(self, reader: Reader, of: Inputs, key: Section, part: Part) -> None:
        self._reader = reader
        self._of = of
        self._key = key
        self._part = part
        self._report = Report()
        self._read = OptionsOf(reader, of.options, self._report)

    def done(self) -> Streams:
        """The Gateway with everything."""
        part, tcp = self._part, self._part.tcp
        assert tcp is not None  # noqa: S101 - the caller has looked
        rules: list[Rule] = []
        listeners: list[Listener] = []
        attachments: list[Attachment] = []
        hosts = f"{part.where}.tcpGateway.tcpHosts"
        options = self._options()
        for index, host in enumerate(tcp.tcp_hosts):
            where = place(hosts, index)
            found = list(self._listeners(where, host, listeners))
            if not found:
                continue
            rules.append(Rule(where, host.name, uses=options, backends=self._backends(where, host), by=part.by))
            listeners += found
            names = tuple(one.hostname for one in found)
            through = found[0].through
            attachments += [
                Attachment(key, part.by, self._key.listener, names, through, len(rules) - 1) for key in part.frontends
            ]
        if not tcp.tcp_hosts:
            self._report.error(part.by, "Invalid", hosts, "it has no tcpHosts", "Write one.")
        name = self._key.gateway
        parent = ParentReference(name=name.name, group=GLOO_GATEWAY, namespace=name.namespace)
        parents = tuple(
            ParentResult(parent, CONTROLLER, part.by, key.proxy, (self._key.listener,)) for key in part.frontends
        )
        # Several parts of a Gateway are several routes: the name tells them apart, and the rules say who wrote them.
        ref = part.gateway._replace(name=self._key.listener)
        route = Route(ref, part.age, (), tuple(rules), streams=True)
        return Streams(
            ResolvedRoute(ref, 0, route, parents, tuple(attachments)),
            part.frontends,
            tuple(listeners),
            self._report.problems,
        )

    def _options(self) -> tuple[Use, ...]:
        """What is done to every connection of the Gateway."""
        part, options = self._part, self._part.tcp.options if self._part.tcp is not None else None
        if options is None:
            return ()
        where = f"{part.where}.tcpGateway.options"
        return merged([self._read.here(part.by, TCP_LISTENER_OPTIONS, where, options)]).uses

    def _listeners(self, where: str, host: TcpHost, before: list[Listener]) -> Iterator[Listener]:
        """The listeners of a host, but for what those before it have already."""
        ssl = host.ssl_config
        names = server_names(ssl) or ("",)
        certificate = None
        if ssl is None and self._part.ssl:
            # What the matcher of the part says holds for its hosts.
            ssl, names, certificate = SslConfig(), self._part.names or ("",), self._part.certificate
        passed = ssl is not None and not (ssl.secret_ref or ssl.ssl_files or ssl.sds)
        if ssl is not None and not passed:
            at = f"{where}.sslConfig"
            found = ended(
                self._reader,
                self._of.secrets,
                scope_of(self._reader, self._of.scopes),
                self._part.by.namespace,
                at,
                ssl,
            )
            self._report.findings(self._part.by, found.faults)
            self._report.findings(self._part.by, found.notes, warning=True)
            certificate = found.certificate
            if certificate is None:
                return
        for name in names:
            rival = next(
                (one for one in before if one.hostname == name or (one.protocol == "TCP") != (ssl is None)), None
            )
            if rival is not None:
                text = f"{rival.origin.where} has the port's connections{f' for {name}' if name else ''} already"
                self._report.error(self._part.by, "SniConflict", where, text, "Give them other sniDomains.")
                continue
            yield Listener(
                name=self._key.listener,
                chain=str(self._key),
                origin=Origin(self._part.by, where),
                port=self._part.port,
                protocol="TCP" if ssl is None else "TLS",
                hostname=name,
                secrets=certificate.secrets if certificate else (),
                outside=certificate.outside if certificate else None,
                clients=certificate.clients if certificate else None,
                terminates=certificate is not None,
                handshake=certificate.handshake if certificate else None,
                sources=self._part.sources,
            )

    def _backends(self, where: str, host: TcpHost) -> tuple[Backend, ...]:
        """Where the connections of a host go."""
        to, where, by = host.destination, f"{where}.destination", self._part.by
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


def listener_rule(_: Reader, key: Section, one: Streams) -> Iterator[tuple[Section, tuple[Listener, ...]]]:
    """From a part to its listeners."""
    yield key, one.listeners


def owner_rule(_: Reader, at: FrontendKey, one: Frontend) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a port to the server names that connections are told apart by there, which are passed on unread."""
    for listener in one.listeners:
        if listener.protocol in _PASSED_ON:
            owner = HostOwner(listener, listener.origin, requests=False, tls=listener.protocol == "TLS")
            yield HostKey(at, listener.hostname), owner


def lost(one: Streams, frontend: Frontend | None) -> Iterator[Problem]:
    """What a port does not have of them, because an earlier part of the Gateway has these connections."""
    for listener in one.listeners:
        if frontend is None or listener not in frontend.listeners:
            name = f" for {listener.hostname}" if listener.hostname else ""
            text = f"another part before it takes the same connections{name}"
            origin = listener.origin
            yield Problem(origin.ref, "SniConflict", origin.where, text, "Give one of them other sniDomains or ranges.")


def route_rule(_: Reader, key: Section, one: Streams) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
    """From a Gateway to its route of streams."""
    del key
    yield one.route.ref, one.route
