"""Where a request comes in: which Gateway, which port, which listener; and with TLS, whose certificate."""

from collections.abc import Iterator

import msgspec

from daemun.base.names import Name
from daemun.explain.meshed import comes_in, passing
from daemun.explain.naming import called
from daemun.explain.request import Request, is_ip
from daemun.explain.result import Alternative, Entry, Outcome
from daemun.explain.streams import stream_outcome
from daemun.gatewayapi.hostnames import specificity
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.settings import ANY_ADDRESS
from daemun.ir.listener import Frontend, FrontendKey, Listener
from daemun.translate import Translation


class Place(msgspec.Struct, frozen=True):
    """The port of a proxy that takes the connection, and the listener that answers the TLS handshake, if any."""

    key: FrontendKey
    frontend: Frontend
    handshake: Listener | None
    entry: Entry


def find_place(translation: Translation, request: Request, gateway: Name | None) -> Place | Outcome:
    """The place where the request comes in, or why it comes in nowhere."""
    found = [
        (key, frontend)
        for key, frontend in sorted(translation.frontends.items())
        if key.transport == "tcp"
        and gateway in (None, _name(key))
        and _has_port(translation, key, frontend, request.port)
        and comes_in(key, frontend, request, gateway)
    ]
    if not found:
        return passing(translation, request, gateway) or Outcome("refused", _nobody(translation, request, gateway))
    here = [one for one in found if _reaches(translation.reached_at(_name(one[0])), request.address)]
    found = here or found
    found.sort(key=lambda one: _fit(one[1], request), reverse=True)
    (key, frontend), *others = found
    entry = Entry(
        gateway=_name(key),
        addresses=translation.reached_at(_name(key)),
        port=key.port,
        envoy_listener=frontend.listener_at(key, _bound(key, frontend, request.address)),
        api_port=frontend.listeners[0].port,
        why=_why(key, frontend, request, bool(here)),
        alternatives=tuple(_alternative(other, translation.reached_at(_name(other))) for other, _ in others),
    )
    return _handshake(translation, Place(key, frontend, None, entry), request)


def covering(hostname: str) -> Iterator[str]:
    """The hostnames that cover a host, the most specific first, as Envoy looks for them; the last is any host."""
    yield hostname
    for at, char in enumerate(hostname):
        if char == "." and at:
            yield f"*{hostname[at:]}"
    yield ""


def responsible(frontend: Frontend, hostname: str) -> Listener | None:
    """The listener with the most specific hostname that covers the host."""
    by_name = {listener.hostname: listener for listener in frontend.listeners}
    return next((by_name[one] for one in covering(hostname) if one in by_name), None)


def _handshake(translation: Translation, place: Place, request: Request) -> Place | Outcome:
    """The place, once the TLS handshake is done where there is one."""
    frontend, port = place.frontend, place.key.port
    if frontend.listeners[0].protocol == "TCP":
        return stream_outcome(translation, place.key, frontend.listeners[0], "")
    if frontend.tls != (request.scheme == "https"):
        if frontend.tls:
            return Outcome("closed", f"port {port} speaks TLS, and a plain request is not: Envoy closes the connection")
        return Outcome("closed", f"port {port} speaks plain HTTP: the TLS handshake fails")
    if not frontend.tls:
        return place
    chain = responsible(frontend, request.sni.lower())
    asked = f"server name {request.sni}" if request.sni else "no server name"
    if chain is None:
        names = ", ".join(listener.hostname for listener in frontend.listeners)
        why = f"no listener on port {port} is for {asked} (they are for {names}): Envoy closes the connection"
        return Outcome("closed", why)
    if not chain.http:
        return stream_outcome(translation, place.key, chain, request.sni.lower())
    hostname = chain.hostname or "any host"
    mine = f"{called(chain.origin.ref, chain.name)} ({hostname})"
    told = f"{asked}: {mine} answers the handshake with {', '.join(chain.secrets)}{_of_client(chain)}"
    entry = msgspec.structs.replace(place.entry, tls=told)
    return msgspec.structs.replace(place, handshake=chain, entry=entry)


def _of_client(chain: Listener) -> str:
    """What the client must show."""
    if chain.clients is None:
        return ""
    if chain.clients.mode == "any":
        return "; any client is let in (AllowInsecureFallback)"
    must = "must show" if chain.clients.mode == "required" else "may only show"
    names = ", ".join(f"{one.kind} {one.value}" for one in chain.clients.names)
    vouched = ", ".join(map(str, chain.clients.bundle))
    return f"; the client {must} a certificate that {vouched} vouches for{f', for one of {names}' if names else ''}"


def _name(key: FrontendKey) -> Name:
    return Name.of(key.proxy)


def _has_port(translation: Translation, key: FrontendKey, frontend: Frontend, port: int) -> bool:
    """Whether it is the port that is bound, or the one that the API says, or in a cluster that of the Service."""
    if port == key.port or any(listener.port == port for listener in frontend.listeners):
        return True
    placement = translation.placements.get(_name(key)) if translation.settings.clustered else None
    return placement is not None and any((one.number, one.bound) == (port, key.port) for one in placement.ports)


def _reaches(addresses: tuple[str, ...], address: str) -> bool:
    """Whether a connection to this address arrives at one of them. A name other than localhost says nothing."""
    if address.lower() == "localhost":
        return bool({"127.0.0.1", "::1", *ANY_ADDRESS}.intersection(addresses))
    return is_ip(address) and bool({address, *ANY_ADDRESS}.intersection(addresses))


def _bound(key: FrontendKey, frontend: Frontend, address: str) -> str:
    """The address of the port at which a connection to this one arrives; any, where that is not said."""
    bound = [one for _, one in frontend.bound_as(key)]
    return next((one for one in bound if _reaches((one,), address)), bound[0])


def _fit(frontend: Frontend, request: Request) -> tuple[bool, bool, tuple[int, int]]:
    """Larger for the likelier: the right scheme, then a listener for the host, then the more specific one."""
    hostname = (request.sni or request.host).partition(":")[0].removesuffix(".").lower()
    mine = responsible(frontend, hostname)
    known = specificity(mine.hostname) if mine else (0, 0)
    return frontend.tls == (request.scheme == "https"), mine is not None, known


def _why(key: FrontendKey, frontend: Frontend, request: Request, by_address: bool) -> str:
    if key.apart:
        return f"the clients' proxy takes what is for {frontend.listeners[0].name}, whatever they call it"
    port = frontend.listeners[0].port
    bound = "" if port == key.port else f", bound as {key.port} here"
    at = f" of {request.address}" if by_address else ""
    return f"Gateway {key.proxy} has port {port}{at}{bound}"


def _alternative(key: FrontendKey, addresses: tuple[str, ...]) -> Alternative:
    why = f"Gateway {key.proxy} has port {key.port} too, of {', '.join(addresses)}"
    return Alternative(_name(key), addresses, key.port, why)


def _nobody(translation: Translation, request: Request, gateway: Name | None) -> str:
    """Why no port takes the connection: a listener that does not serve, or none at all."""
    if gateway is not None and gateway not in translation.gateways:
        return f"Gateway {gateway} is not one that Daemun serves"
    gateways = [one for name, one in sorted(translation.gateways.items()) if gateway in (None, name)]
    for one in gateways:
        told = _not_serving(one, request.port)
        if told:
            return f"nothing listens on port {request.port}: {told}"
    ports = sorted({listener.port for one in gateways for listener in one.merged()})
    if not ports:
        return f"nothing listens on port {request.port}: there is no Gateway that Daemun serves"
    listed = ", ".join(str(port) for port in ports)
    return f"nothing listens on port {request.port}: the listeners have {listed}"


def _not_serving(gateway: ResolvedGateway, port: int) -> str:
    for listener in gateway.merged():
        if port in (listener.port, listener.bound_port):
            findings = (*gateway.refused, *listener.not_accepted, *listener.conflicted, *listener.not_resolved)
            why = str(findings[0]) if findings else ""
            return f"listener {listener.name} of {listener.owner} does not serve. {why}".strip()
    return ""
