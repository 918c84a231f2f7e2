"""TCP gateways as listeners of connections, with a TCPRoute or TLSRoute for each host."""

from collections.abc import Iterator

from daemun.api.gloo.destinations import TcpHost
from daemun.api.gloo.ssl import SslConfig
from daemun.base.names import CORE, GATEWAY, Name, Ref
from daemun.gatewayapi.findings import place
from daemun.gloo.migrate.bench import Bench, Doc, label, plain
from daemun.gloo.migrate.destinations import Destinations
from daemun.gloo.migrate.gateways import Proxy, port_of
from daemun.gloo.migrate.pieces import Piece
from daemun.gloo.migrate.tls import asks, options


def convert(bench: Bench, proxy: Proxy, piece: Piece) -> None:
    """Give a proxy the listeners of a TCP gateway, and make their routes."""
    tcp, ref = piece.tcp, piece.by
    if tcp is None:
        return
    for field in plain(tcp.options) if tcp.options else ():
        text = "no policy is for the TCP options of a listener"
        bench.report.error(ref, "OptionLost", f"{piece.where}.tcpGateway.options.{field}", text, "It is left out.")
    listeners: list[Doc] = []
    taken: set[str] = set()
    for index, host in enumerate(tcp.tcp_hosts):
        where = place(f"{piece.where}.tcpGateway.tcpHosts", index)
        # What the matcher of the part says holds for hosts that say nothing.
        ssl = host.ssl_config or piece.tls
        for hostname in ssl.sni_domains if ssl and ssl.sni_domains else ("",):
            if hostname in taken:
                text = f"server name {hostname or '*'} is that of a host before it"
                bench.report.error(ref, "SniConflict", where, text, "It is left out.")
                continue
            taken.add(hostname)
            found = _listener(bench, piece, proxy, where, host.name, ssl, hostname)
            if found is not None and _route(bench, ref, proxy, where, host, found):
                listeners.append(found)
    if listeners:
        proxy.streams.append((piece, listeners))


def _listener(
    bench: Bench, piece: Piece, proxy: Proxy, where: str, name: str, ssl: SslConfig | None, hostname: str
) -> Doc | None:
    ref, port = piece.by, port_of(bench, piece)
    words = [name or "tcp", str(port), *([label(hostname)] if hostname else [])]
    found: Doc = {"name": label("-".join(words)), "port": port, "protocol": "TCP" if ssl is None else "TLS"}
    if hostname:
        found["hostname"] = hostname
    if ssl is not None:
        if ssl.ssl_files is not None or ssl.sds is not None:
            text = "a listener's certificate comes from a Secret"
            bench.report.error(ref, "CertificateLost", f"{where}.sslConfig", text, "The host is left out.")
            return None
        found["tls"] = {"mode": "Passthrough"}
        if ssl.secret_ref is not None:
            secret = Name(ssl.secret_ref.namespace or ref.namespace, ssl.secret_ref.name)
            if asks(bench, ssl, secret):
                text = "only HTTPS listeners ask clients for certificates"
                mend = "The host is left out, for it would be open."
                bench.report.error(ref, "ClientCertificatesLost", f"{where}.sslConfig", text, mend)
                return None
            bench.permit((GATEWAY, "Gateway", proxy.name.namespace), Ref(CORE, "Secret", *secret))
            elsewhere = {} if secret.namespace == proxy.name.namespace else {"namespace": secret.namespace}
            found["tls"] = {
                "mode": "Terminate",
                "certificateRefs": [{"kind": "Secret", "name": secret.name, **elsewhere}],
            }
            if more := options(ssl):
                found["tls"]["options"] = more
    if ref.namespace != proxy.name.namespace:
        found["allowedRoutes"] = {"namespaces": {"from": "All"}}
    return found


def _route(bench: Bench, ref: Ref, proxy: Proxy, where: str, host: TcpHost, listener: Doc) -> bool:
    """The route behind a listener."""
    hostname = listener.get("hostname", "")
    kind = "TLSRoute" if hostname else "TCPRoute"
    action = host.destination
    if action is None or action.forward_sni_cluster_name is not None:
        text = "a route cannot choose its backend by the server name"
        mend = "Write a TLSRoute for each server name. The host is left out."
        bench.report.error(ref, "ForwardSniLost", f"{where}.destination", text, mend)
        return False
    backends = Destinations(bench, ref, kind, ref.namespace).all(f"{where}.destination", action)
    if not backends:
        return False
    name = bench.name(GATEWAY, kind, ref.namespace, f"{ref.name}-{listener['name']}")
    spec = dict(_spec(proxy, ref, listener, hostname, backends))
    bench.make(GATEWAY, kind, name, spec, f"From {ref} {where}.")
    return True


def _spec(proxy: Proxy, ref: Ref, listener: Doc, hostname: str, backends: list[Doc]) -> Iterator[tuple[str, object]]:
    elsewhere = {} if proxy.name.namespace == ref.namespace else {"namespace": proxy.name.namespace}
    yield "parentRefs", [{"name": proxy.name.name, **elsewhere, "sectionName": listener["name"]}]
    if hostname:
        yield "hostnames", [hostname]
    yield "rules", [{"backendRefs": backends}]
