"""How Envoy finds the routes of a request: by scopes, one per exact hostname of a port.

Each update of a RouteConfiguration costs Envoy's main thread 11 to 16 µs per virtual host and route in it, changed or
not. A scope has a RouteConfiguration of its own (ScopedRouteConfiguration, inline), so a change costs what it touches.
Envoy looks for the scope whose key is, letter for letter, the value of a header; `ask` writes it there from the port
and the Host, whatever the client sent. Requests for a host without a scope of that key go to the one of the port with
all the rest, wildcards and the catch-all (`misses`). Where that would be too many, it only says where they are
(`directory`), and a host with too many routes only says that they are by path (`shards`).
"""

import base64
import functools
from collections.abc import Iterator
from hashlib import blake2b

from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.config.route.v3 import route_pb2, scoped_route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2

from daemun.base import wire
from daemun.envoy.ads import ads
from daemun.envoy.misdirected import MARK, mark
from daemun.gatewayapi.hostnames import parents
from daemun.ir.listener import FrontendKey, HostKey, Listener
from daemun.ir.resource import SCOPE, PartKey, Side

SCOPE_HEADER = "x-daemun-scope"
"""The header with the key of the scope. No backend sees it, and what a client sends there counts nothing."""
MISSES = "daemun.misses"
"""What the name begins with of the HTTP filters that send on what has no scope of its own, with those of features once
more; switched off where a scope was hit."""
BY_PATH = "daemun.by-path"
"""The same for what hit the scope of a host whose routes are in shards; only there they are on."""
REST = "*"
"""The host of the scope with all that has none of its own."""
LISTED = "~"
"""What the hosts of scopes begin with that only the directory leads to."""
ON = route_v3.FilterConfig(config={})
"""What a scope, host or route says to a filter that is to be on."""
_OFF = route_v3.FilterConfig(disabled=True)
_SHORT, _BEGINNING, _HASHED = 22, 10, 11
"""The letters of a scope's name; of one that is cut those that stay, and those of its hash (66 bits)."""
TAGS = (wire.tag(5), wire.tag(2))
"""A virtual host within its scope: ScopedRouteConfiguration.route_configuration, RouteConfiguration.virtual_hosts.

A parser merges a field that stands there several times, so the virtual hosts need not stand within one (protobuf's
encoding, "Last One Wins").
"""


def sent_on(what: str, port: FrontendKey) -> str:
    """The filters of a port for what is sent on, misses or by path, which is also the extension's name with them."""
    return f"{what}/{scope_key(port, '').rstrip('/')}"


def scope_key(port: FrontendKey, host: str) -> str:
    """The key of a scope, which is also the name of its RouteConfiguration."""
    section = f".{port.section}" if port.section else ""
    return f"port-{port.port}{section}/{host}"


@functools.lru_cache(maxsize=16384)
def scope_name(key: str) -> str:
    """The name of the scope with a key.

    For each update Envoy copies the names of all scopes, to look for two with the same key. One of up to 22 bytes needs
    no memory of its own there (libc++), so a longer one is cut, and a hash stands for all of it: behind a colon, which
    is in no key. The port is never cut.
    """
    name = key.removeprefix("port-")
    if len(name.encode()) <= _SHORT:
        return name
    hashed = base64.urlsafe_b64encode(blake2b(key.encode(), digest_size=9).digest()).decode()
    port, slash, host = name.partition("/")
    known_by = f"{port}{slash}{LISTED if host.startswith(LISTED) else ''}"
    return f"{name[: max(_BEGINNING, len(known_by))]}:{hashed[:_HASHED]}"


def whole_side(port: FrontendKey, *, on: bool) -> Side:
    """That there are filters for all requests on a port; the other side: that a host does not speak to them."""
    return Side(scope_key(port, "whole"), on)


def is_exact(hostname: str) -> bool:
    """Whether a hostname is no wildcard and not the catch-all."""
    return bool(hostname) and not hostname.startswith("*")


def key_of(host: HostKey, *, spread: bool) -> str:
    """The key of the scope that a hostname is in. `spread`: each wildcard of its port has a scope of its own."""
    if is_exact(host.hostname):
        return scope_key(host.frontend, host.hostname)
    return scope_key(host.frontend, f"{LISTED}{host.hostname}" if spread else REST)


def place(host: HostKey, *, spread: bool) -> PartKey:
    """Where the virtual host of a hostname is."""
    return PartKey(host.frontend.proxy, SCOPE, scope_name(key_of(host, spread=spread)), host.hostname or "*")


def places(key: HostKey) -> Iterator[PartKey]:
    """Everywhere that the virtual host of a hostname may be."""
    for spread in (False, True):
        yield place(key, spread=spread)


def hidden(key: HostKey) -> tuple[PartKey, ...]:
    """Where the wider hosts may be that answer for a host until it is there itself; or a wildcard itself, in another
    place.
    """
    wider = parents(key.hostname)[is_exact(key.hostname) :]
    return _covering(key.frontend, wider[0])


@functools.lru_cache(maxsize=4096)
def _covering(port: FrontendKey, wildcard: str) -> tuple[PartKey, ...]:
    # Hosts of the same domain have it in common.
    return tuple(spot for one in parents(wildcard) for spot in places(HostKey(port, one)))


def head(key: str, *, marked: bool, hit: bool, crowded: bool = False) -> scoped_route_pb2.ScopedRouteConfiguration:
    """A scope without its virtual hosts. `marked`: requests carry a listener's mark (`misdirected`).

    `hit`: it is found at the first look, when Envoy decides which filters a request passes; `crowded`: and only says
    that the routes are in shards. Of what is switched so much stands here as costs least: Envoy need not hash names
    where there is one of them, so all else is said by virtual hosts (`frames`).
    """
    routes = _routes(marked, hit, crowded, key.partition("/")[0])
    scope = scoped_route_pb2.ScopedRouteConfiguration(name=scope_name(key), route_configuration=routes)
    scope.route_configuration.name = key
    scope.key.fragments.add(string_key=key)
    return scope


@functools.cache
def _routes(marked: bool, hit: bool, crowded: bool, port: str) -> route_pb2.RouteConfiguration:
    # An unknown cluster is an error at request time (the route says which), not a reason to refuse the scope.
    routes = route_pb2.RouteConfiguration(ignore_port_in_host_matching=True, validate_clusters={"value": False})
    routes.request_headers_to_remove.extend((SCOPE_HEADER, MARK) if marked else (SCOPE_HEADER,))
    if hit:
        routes.typed_per_filter_config[f"{MISSES}/{port}"].Pack(_OFF, deterministic=True)
        if crowded:
            routes.typed_per_filter_config[f"{BY_PATH}/{port}"].Pack(ON, deterministic=True)
    return routes


def subscriber() -> listener_pb2.Listener:
    """A listener without a port that is in every proxy from its start, so that somebody always subscribes to scopes.

    Envoy asks for all scopes once, however many connection managers want them. When the last of them goes it drops
    what it has, but it does not ask again for the next one, which would wait for ever. (Seen with 1.40: a listener
    whose port was in use and that came a second time.)
    """
    manager = hcm_v3.HttpConnectionManager(stat_prefix="scopes")
    ask(manager, FrontendKey("", 0), None)
    router = manager.http_filters.add(name="envoy.filters.http.router")
    router.typed_config.Pack(router_pb2.Router(), deterministic=True)
    listener = listener_pb2.Listener(name="daemun_scopes", bind_to_port={"value": False})
    listener.address.socket_address.address, listener.address.socket_address.port_value = "127.0.0.1", 0
    filter_ = listener.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager, deterministic=True)
    return listener


def ask(manager: hcm_v3.HttpConnectionManager, port: FrontendKey, listener: Listener | None) -> None:
    """Have the connection manager look for its routes by scope. `listener`: also mark its requests (`misdirected`)."""
    scoped = manager.scoped_routes
    scoped.name = "routes"
    scoped.rds_config_source.CopyFrom(ads())
    scoped.scoped_rds.scoped_rds_config_source.CopyFrom(ads())
    key = scoped.scope_key_builder.fragments.add().header_value_extractor
    # Of "port-80/example.com:8080" what stands before the colon: the port is not part of the key.
    key.name, key.element_separator, key.index = SCOPE_HEADER, ":", 0
    mutation = header_mutation_pb2.HeaderMutation()
    _overwrite(mutation, SCOPE_HEADER, scope_key(port, "%REQUEST_HEADER(:AUTHORITY)%"))
    if listener is not None:
        _overwrite(mutation, MARK, mark(listener.hostname))
    extension = manager.early_header_mutation_extensions.add(name="envoy.http.early_header_mutation.header_mutation")
    extension.typed_config.Pack(mutation, deterministic=True)


def _overwrite(mutation: header_mutation_pb2.HeaderMutation, name: str, value: str) -> None:
    header = mutation.mutations.add().append
    header.header.key, header.header.value = name, value
    header.append_action = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
