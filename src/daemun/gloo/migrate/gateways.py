"""Classic Gateways as Gateway API's: one for each proxy, with a listener for each port, and those that hosts need."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from daemun.api.gloo.gateway import Gateway
from daemun.api.gloo.listener_filters import ProxyProtocol
from daemun.api.gloo.options import ListenerOptions
from daemun.base.names import CORE, GATEWAY, GLOO_GATEWAY, Name, Ref
from daemun.gatewayapi.settings import ANY_ADDRESS
from daemun.gatewayapi.tls.cacerts import KEY as AUTHORITIES
from daemun.gloo.classic.gateways import PROXY
from daemun.gloo.migrate import tls
from daemun.gloo.migrate.bench import Bench, Doc, chunks, plain
from daemun.gloo.migrate.options import together
from daemun.gloo.migrate.pieces import Piece
from daemun.gloo.migrate.references import homed, permit
from daemun.gloo.migrate.seats import Listener, Seating, host_options, secret_of

_SERVICE_PORTS = {8080: 80, 8443: 443}
"""Ports of Gloo's proxies, and those of the Service before them, which clients know."""
_MOST_LISTENERS = 64
_MOST_TARGETS = 16
_TLS = "spec.sslConfig"


class Section(NamedTuple):
    """A listener of a Gateway, as routes refer to it."""

    gateway: Name
    listener: str
    hostname: str


class Proxy:
    """A Gateway to be: the proxy of that name, with its listeners by the part of a classic Gateway that they are of."""

    def __init__(self, name: Name) -> None:
        self.name = name
        self.parts: list[tuple[Piece, list[Listener]]] = []
        self.streams: list[tuple[Piece, list[Doc]]] = []
        self.tls: dict[int, Doc | None] = {}

    @property
    def listeners(self) -> list[Listener]:
        """All listeners for requests."""
        return [one for _, listeners in self.parts for one in listeners]


def proxies(bench: Bench) -> list[Proxy]:
    """The Gateways to be, with what they listen to for VirtualServices."""
    found: dict[str, Proxy] = {}
    for piece in bench.world.pieces:
        for name in _proxy_names(piece):
            proxy = found.setdefault(name, Proxy(Name(bench.world.scope.namespace, name)))
            if piece.http is None or not _fits(bench, proxy, piece):
                continue
            listeners = Seating(bench, piece, port_of(bench, piece), _base(bench, piece, name))
            seated = listeners.seat(bench.world.tenants.values())
            proxy.parts.append((piece, [one for one in seated if _terminates(bench, proxy, one)]))
        _tell(bench, piece)
    return list(found.values())


def _proxy_names(piece: Piece) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.gateway.spec.proxy_names or (PROXY,)))


def _fits(bench: Bench, proxy: Proxy, piece: Piece) -> bool:
    """Whether there is room for a part beside those before it."""
    port = piece.gateway.spec.bind_port
    if piece.for_some:
        text = "a listener of Gateway API does not tell clients apart by their addresses"
        mend = "It is left out: serve these clients on a port of their own."
        bench.report.error(piece.by, "HybridLost", f"{piece.where}.matcher.sourcePrefixRanges", text, mend)
        return False
    for other, _ in proxy.parts:
        if other.gateway.spec.bind_port != port:
            continue
        if other.gateway.name != piece.gateway.name:
            text = f"port {port} is that of Gateway {other.gateway.name} too"
            bench.report.error(piece.by, "PortConflict", "spec.bindPort", text, "It is left out; merge the two.")
            return False
        if other.ssl != piece.ssl:
            text = "a port of Gateway API is for HTTP or for HTTPS"
            mend = "It is left out, for another part has the port: give it a port of its own."
            bench.report.error(piece.by, "HybridLost", piece.where, text, mend)
            return False
    return True


def stream_pieces(bench: Bench, proxy: Proxy) -> Iterator[Piece]:
    """The parts of a proxy that take connections."""
    for piece in bench.world.pieces:
        if piece.tcp is not None and proxy.name.name in _proxy_names(piece) and _fits_streams(bench, piece):
            yield piece


def _fits_streams(bench: Bench, piece: Piece) -> bool:
    if piece.for_some:
        text = "a listener of Gateway API does not tell clients apart by their addresses"
        bench.report.error(piece.by, "HybridLost", f"{piece.where}.matcher.sourcePrefixRanges", text, "It is left out.")
    return not piece.for_some


def port_of(bench: Bench, piece: Piece) -> int:
    """The port of a part's listeners."""
    port = piece.gateway.spec.bind_port
    return port if bench.wishes.keep_ports else _SERVICE_PORTS.get(port, port)


def _base(bench: Bench, piece: Piece, proxy: str) -> str:
    """What the names of the listeners begin with: the protocol, and port and part where there are several."""
    protocol = "https" if piece.ssl else "http"
    alike = [one for one in bench.world.pieces if one.ssl == piece.ssl and one.http and proxy in _proxy_names(one)]
    if len(alike) == 1:
        return protocol
    return "-".join((protocol, str(port_of(bench, piece)), *([piece.section.part] if piece.hybrid else [])))


def _tell(bench: Bench, piece: Piece) -> None:
    """What a Gateway says that has no like."""
    for problem in piece.problems:
        say = bench.report.warning if problem.warning else bench.report.error
        say(problem.ref, problem.code, problem.where, problem.text, problem.mend)
    spec, ref = piece.gateway.spec, Ref(GLOO_GATEWAY, "Gateway", *piece.gateway.name)
    if spec.bind_address and spec.bind_address not in ANY_ADDRESS:
        text = f"its port was bound at {spec.bind_address} only"
        mend = "Add spec.addresses to the Gateway if that is to stay so."
        bench.report.warning(ref, "BindAddressLost", "spec.bindAddress", text, mend)
    for field, value in plain(spec.route_options).items() if spec.route_options else ():
        text = f"is {value!r}, and no policy can say it"
        bench.report.error(ref, "OptionLost", f"spec.routeOptions.{field}", text, "It is left out.")


def _terminates(bench: Bench, proxy: Proxy, listener: Listener) -> bool:
    """Whether a listener's TLS can be carried over; where it cannot, what would be open is left out."""
    ssl = listener.ssl
    if ssl is None:
        return True
    by = Ref(GLOO_GATEWAY, "VirtualService", *next(iter(listener.tenants)))
    secret = secret_of(listener)
    if secret is None:
        text = "a listener's certificate comes from a Secret"
        mend = f"Put it into a Secret. Listener {listener.name} is left out."
        bench.report.error(by, "CertificateLost", _TLS, text, mend)
        return False
    bench.permit((GATEWAY, "Gateway", proxy.name.namespace), Ref(CORE, "Secret", *secret))
    for field in plain(ssl):
        if field not in tls.CARRIED:
            text = "a listener of Gateway API cannot say it"
            bench.report.error(by, "TlsOptionLost", f"{_TLS}.{field}", text, "It is left out.")
    held = bench.world.secret(secret)
    one_way = tls.is_one_way(bench, ssl)
    if held is None and not one_way:
        text = f"Secret {secret} was not read: with a {AUTHORITIES} in it Gloo asks clients for certificates"
        mend = "Migrate it together with the Secret, or set oneWayTls if it has none."
        bench.report.warning(by, "SecretNotSeen", f"{_TLS}.secretRef", text, mend)
    asks = tls.asks(bench, ssl, secret)
    validation: Doc | None = {"caCertificateRefs": [{"group": CORE, "kind": "Secret", **_name(secret, proxy)}]}
    wanted = validation if asks else None
    if asks and not tls.sayable(ssl):
        text = "a star or a comma in the name of a client means something else in an option"
        return _closed(bench, by, f"{_TLS}.verifySubjectAltName", text)
    known = proxy.tls.setdefault(listener.port, wanted)
    if known != wanted:
        return _closed(bench, by, _TLS, "on one port all listeners ask for clients' certificates alike")
    return True


def _closed(bench: Bench, by: Ref, where: str, text: str) -> bool:
    mend = "Its listener is left out, for it would be open; serve it on a port or in a way of its own."
    bench.report.error(by, "ClientCertificatesLost", where, text, mend)
    return False


def _name(secret: Name, proxy: Proxy) -> Doc:
    return {
        "name": secret.name,
        **({} if secret.namespace == proxy.name.namespace else {"namespace": secret.namespace}),
    }


def lay(bench: Bench, proxy: Proxy) -> Iterator[tuple[Name, Section]]:
    """Make the Gateway and the policies of its listeners; gives the listeners of each VirtualService."""
    every = [_listener(bench, proxy, one) for one in proxy.listeners]
    every += [doc for _, listeners in proxy.streams for doc in listeners]
    if not every:
        return
    if len(every) > _MOST_LISTENERS:
        ref = (proxy.parts[0] if proxy.parts else proxy.streams[0])[0].by
        text = f"it comes to {len(every)} listeners, and a Gateway has {_MOST_LISTENERS} at most"
        bench.report.error(ref, "TooManyListeners", "", text, "Move some of them to a ListenerSet.")
    spec: Doc = {"gatewayClassName": bench.wishes.gateway_class, "listeners": every}
    validated = {port: one for port, one in proxy.tls.items() if one is not None}
    if validated:
        per_port = [{"port": port, "tls": {"validation": one}} for port, one in sorted(validated.items())]
        spec["tls"] = {"frontend": {"default": {}, "perPort": per_port}}
    came = {one.gateway.name: one.gateway for one, found in (*proxy.parts, *proxy.streams) if found}
    told = " and ".join(f"Gateway {name} (port {one.spec.bind_port})" for name, one in came.items())
    bench.make(GATEWAY, "Gateway", proxy.name, spec, f"From {told}.")
    _policies(bench, proxy)
    for one in proxy.listeners:
        bench.odd_ports = bench.odd_ports or one.port not in _SERVICE_PORTS.values()
        for name in one.tenants:
            yield name, Section(proxy.name, one.name, one.hostname)


def _listener(bench: Bench, proxy: Proxy, one: Listener) -> Doc:
    found: Doc = {"name": one.name, "port": one.port, "protocol": "HTTPS" if one.ssl else "HTTP"}
    if one.hostname:
        found["hostname"] = one.hostname
    secret = secret_of(one)
    if secret is not None:
        found["tls"] = {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", **_name(secret, proxy)}]}
        options = tls.options(one.ssl, asks=tls.asks(bench, one.ssl, secret)) if one.ssl is not None else {}
        if options:
            found["tls"]["options"] = options
    if any(name.namespace != proxy.name.namespace for name in one.tenants):
        found["allowedRoutes"] = {"namespaces": {"from": "All"}}
    return found


def _policies(bench: Bench, proxy: Proxy) -> None:
    alone = len(proxy.parts) + len(proxy.streams) == 1
    named = [(piece, [one.name for one in listeners]) for piece, listeners in proxy.parts]
    named += [(piece, [str(doc["name"]) for doc in docs]) for piece, docs in proxy.streams]
    for piece, names in named:
        targets = list(targets_of(proxy.name, [""] if alone and names else names))
        if piece.http is not None and piece.http.options is not None:
            _policy(bench, proxy, piece, "HttpListenerOption", homed(piece.http.options, piece.by.namespace), targets)
        options = homed(listener_options(piece.gateway), piece.gateway.metadata.namespace)
        _policy(bench, proxy, piece, "ListenerOption", options, targets)
    for listener in proxy.listeners:
        for name in listener.tenants:
            if host_options(bench, bench.world.tenants[name]) is not None:
                bench.hosts.setdefault(name, []).append((proxy.name, listener.name))


def listener_options(gateway: Gateway) -> ListenerOptions | None:
    """What a Gateway says about its listener, of whatever protocol."""
    proxy_protocol = ListenerOptions(proxy_protocol=ProxyProtocol()) if gateway.spec.use_proxy_proto else None
    return together((gateway.spec.options, proxy_protocol))


def targets_of(gateway: Name, listeners: list[str]) -> Iterator[Doc]:
    """The targetRefs of a policy for listeners of a Gateway; an empty name stands for all of them."""
    for one in listeners:
        section = {"sectionName": one} if one else {}
        yield {"group": GATEWAY, "kind": "Gateway", "name": gateway.name, **section}


def _policy(
    bench: Bench, proxy: Proxy, piece: Piece, kind: str, options: msgspec.Struct | None, targets: list[Doc]
) -> None:
    if options is None or not plain(options):
        return
    permit(bench, kind, proxy.name.namespace, options)
    for part in chunks(targets, _MOST_TARGETS):
        name = bench.name(GLOO_GATEWAY, kind, proxy.name.namespace, piece.gateway.metadata.name)
        bench.make(GLOO_GATEWAY, kind, name, {"targetRefs": part, "options": plain(options)}, f"From {piece.by}.")


def host_policies(bench: Bench) -> None:
    """Make the policies of hosts: a VirtualHostOption is of the namespace of its Gateway."""
    for tenant, sections in sorted(bench.hosts.items()):
        options = host_options(bench, bench.world.tenants[tenant])
        assert options is not None  # noqa: S101 - it has a place here for its options
        by_gateway: dict[Name, list[str]] = {}
        for gateway, listener in sections:
            by_gateway.setdefault(gateway, []).append(listener)
        for gateway, listeners in by_gateway.items():
            permit(bench, "VirtualHostOption", gateway.namespace, options)
            for part in chunks(targets_of(gateway, listeners), _MOST_TARGETS):
                name = bench.name(GLOO_GATEWAY, "VirtualHostOption", gateway.namespace, tenant.name)
                spec = {"targetRefs": part, "options": plain(options)}
                bench.make(GLOO_GATEWAY, "VirtualHostOption", name, spec, f"From VirtualService {tenant}.")
