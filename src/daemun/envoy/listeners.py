"""Envoy listeners: one per port and address, with the defaults of Envoy's own list for edge proxies.

(Envoy documentation, "Configuring Envoy as an edge proxy". docs/edge-defaults.md says what each default is and why.)
"""

from collections.abc import Callable, Iterator

from envoy.config.core.v3 import address_pb2
from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base import wire
from daemun.envoy.accesslog import log_to
from daemun.envoy.captured import HTTP_WORDS, PASSING, pass_unless_http, passing_chain, passing_cluster
from daemun.envoy.extensions import discovered, further_of, has_whole, manage, standing_on
from daemun.envoy.forward import closing_chain, come_from
from daemun.envoy.misses import misses
from daemun.envoy.peers import refuse_odd_names, tell_nothing_unproved
from daemun.envoy.scopes import ask, whole_side
from daemun.envoy.tls import wrap
from daemun.features import BY_KIND, HEAVY, http_filters, ordered, upstream_filters
from daemun.features.drafts import ChainDraft, Further, ListenerDraft, ManagerDraft
from daemun.flow import Collection, Reader
from daemun.ir.limits import IDLE_SECONDS
from daemun.ir.listener import Frontend, FrontendKey, Listener, ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import LISTENER, Leaf, Part, PartKey, part
from daemun.ir.route import Use
from daemun.ir.uses import NOTHING, ListenerUses

_FILTER_CHAINS = wire.tag(3)  # Listener.filter_chains
_BUFFER_BYTES = 32 * 1024
_STREAMS = 100
_STREAM_WINDOW_BYTES = 64 * 1024
_CONNECTION_WINDOW_BYTES = 1024 * 1024
_HEADERS_SECONDS = 10
_CONNECTION_IDLE_SECONDS = 3600
_UPGRADE = "websocket"
# RE2 has no "all but": what differs from the word at one of its letters, ends early or goes on.
_OTHER_UPGRADES = "(?i)" + "|".join(
    [*(f"{_UPGRADE[:at]}(?:[^{letter}].*)?" for at, letter in enumerate(_UPGRADE)), f"{_UPGRADE}.+"]
)
_LOG_FORMAT = {
    "time": "%START_TIME%",
    "method": "%REQUEST_HEADER(:METHOD)%",
    "host": "%REQUEST_HEADER(:AUTHORITY)%",
    "path": "%REQUEST_HEADER(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream": "%UPSTREAM_HOST%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "ms": "%DURATION%",
    "request_id": "%REQUEST_HEADER(X-REQUEST-ID)%",
}


def listener_rule(
    shared_host: bool,
    access_log: str,
    policies: Collection[ListenerKey, ListenerUses],
    standing: Callable[[Reader], tuple[Use, ...]] = lambda _: (),
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[PartKey, Part]]]:
    """The rule from a port to its Envoy listeners. `access_log` is the path of a file, empty for none.

    With a listener that captures connections comes the cluster of those that just pass.

    What is there once for a port is as the policies of its first listener say; `standing` is what every port has where
    its policies do not say otherwise.
    """

    def listener(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[PartKey, Part]]:
        proto = listener_pb2.Listener()
        # On a machine with other programs a port in use must be an error. With SO_REUSEPORT, Envoy's default, two
        # proxies would share it without a word. But without it the workers would share one UDP socket, and each of
        # them would see some of a client's datagrams.
        proto.enable_reuse_port.value = not shared_host or key.transport == "udp"
        if key.transport == "udp":
            proto.udp_listener_config.SetInParent()
        else:
            proto.per_connection_buffer_limit_bytes.value = _BUFFER_BYTES
        if frontend.tls or frontend.inspects:
            inspector = proto.listener_filters.add(name="envoy.filters.listener.tls_inspector")
            inspector.typed_config.Pack(tls_inspector_pb2.TlsInspector(), deterministic=True)
        http = frontend.http if frontend.tls else frontend.http[:1]
        # What is in the head cannot be refused alone, and files that nobody here has seen may be no good.
        within = 0 if any(one.outside for one in http) else 1
        if not http[:within] and key.transport == "tcp":
            proto.default_filter_chain.CopyFrom(
                passing_chain(access_log) if frontend.captures else closing_chain("none", access_log)
            )
        if frontend.captures:
            proto.use_original_dst.value = True
            yield passing_cluster(key.proxy, frontend.listeners[0].origin)
        if not frontend.bound:
            proto.bind_to_port.value = False
            pass_unless_http(proto, access_log)
        first = (http or frontend.listeners)[0]
        draft = ListenerDraft(proto)
        _apply_to_listener(draft, reader.get(policies, first.key) or NOTHING)
        uses = [reader.get(policies, one.key) or NOTHING for one in http]
        uses = [standing_on(one, standing(reader)) for one in uses]
        common = further_of(uses[0])[0] if uses else []
        chains = [_filter_chain(key, one, access_log, of, common) for one, of in zip(http, uses, strict=True)]
        sides = [whole_side(key, on=True) if has_whole(one) else None for one in uses]
        own = [
            Leaf(data, one.origin, tuple(sorted(needs)), side=side)
            for one, (data, needs), side in zip(http, chains, sides, strict=True)
        ]
        needs = tuple(sorted(draft.needs.union(_needed(frontend), *(needs for _, needs in chains[:within]))))
        for name, address in frontend.bound_as(key):
            if not frontend.head:
                yield PartKey(key.proxy, LISTENER, name, f"section {key.section}"), part(key.section, own)
                continue
            proto.name = name
            proto.address.CopyFrom(_address(address, key))
            # A listener cannot be without a filter chain: to test its address alone would always fail.
            head = Leaf(
                wire.encoded(proto) + b"".join(data for data, _ in chains[:within]),
                frontend.origin or Origin(first.origin.ref, f"{first.origin.where}.port"),
                needs,
                side=next(iter(sides[:within]), None),
            )
            yield PartKey(key.proxy, LISTENER, name), part("", [head, *own[within:]])

    return listener


def _needed(frontend: Frontend) -> set[str]:
    """The clusters that a port needs whatever its listeners do."""
    return {PASSING} if frontend.captures or not frontend.bound else set()


def _address(address: str, key: FrontendKey) -> address_pb2.Address:
    socket = address_pb2.SocketAddress(address=address, port_value=key.port)
    if key.transport == "udp":
        socket.protocol = address_pb2.SocketAddress.UDP
    return address_pb2.Address(socket_address=socket)


def _apply_to_listener(draft: ListenerDraft, uses: ListenerUses) -> None:
    for use in ordered(uses.port):
        if BY_KIND[use.kind].works("on_listener"):
            BY_KIND[use.kind].on_listener(use.spec, use, draft)


def _filter_chain(
    key: FrontendKey, listener: Listener, access_log: str, uses: ListenerUses, common: list[Further]
) -> tuple[bytes, set[str]]:
    """The filter chain of a listener, as a field of Envoy's, and the clusters that must be warm for it."""
    tls = listener.protocol == "HTTPS"
    chain = components_v3.FilterChain(name=listener.chain)
    before = ChainDraft(chain)
    for use in ordered(uses.port):
        if BY_KIND[use.kind].works("on_chain"):
            BY_KIND[use.kind].on_chain(use.spec, use, before)
    manager, needs = connection_manager(key, listener if tls else None, access_log, uses, common)
    if tls and listener.clients and listener.clients.mode == "any":
        tell_nothing_unproved(manager)
    elif tls and (listener.clients or (listener.outside and listener.outside.asks)):
        refuse_odd_names(chain, manager)
    filter_ = chain.filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager, deterministic=True)
    come_from(chain, listener)
    if key.apart:
        chain.filter_chain_match.application_protocols.extend(HTTP_WORDS)
    if tls:
        if key.section:
            # Another section may take what is not TLS.
            chain.filter_chain_match.transport_protocol = "tls"
        if listener.hostname:
            chain.filter_chain_match.server_names.append(listener.hostname)
        wrap(chain, listener, "h2", "http/1.1")
    return wire.delimited(_FILTER_CHAINS, wire.encoded(chain)), needs


def connection_manager(
    port: FrontendKey,
    marked: Listener | None,
    access_log: str,
    uses: ListenerUses,
    common: list[Further] | None = None,
) -> tuple[hcm_v3.HttpConnectionManager, set[str]]:
    """The HTTP connection manager, and the clusters that must be warm for it.

    It is the same for every listener but for the routes it asks for, its mark, and what policies want. `common` are the
    filters that policies put on the port's first listener.
    """
    manager = hcm_v3.HttpConnectionManager(
        stat_prefix="http",
        normalize_path={"value": True},
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm_v3.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
        strip_trailing_host_dot=True,
        use_remote_address={"value": True},
        server_header_transformation=hcm_v3.HttpConnectionManager.PASS_THROUGH,
    )
    ask(manager, port, marked)
    manager.common_http_protocol_options.headers_with_underscores_action = 1  # REJECT_REQUEST
    manager.common_http_protocol_options.idle_timeout.seconds = _CONNECTION_IDLE_SECONDS
    manager.http2_protocol_options.max_concurrent_streams.value = _STREAMS
    manager.http2_protocol_options.initial_stream_window_size.value = _STREAM_WINDOW_BYTES
    manager.http2_protocol_options.initial_connection_window_size.value = _CONNECTION_WINDOW_BYTES
    manager.request_headers_timeout.seconds = _HEADERS_SECONDS
    manager.stream_idle_timeout.seconds = IDLE_SECONDS
    manager.upgrade_configs.add(upgrade_type=_UPGRADE)
    # Where no scope is hit Envoy would not refuse an upgrade that it does not know, and pass it on instead.
    manager.http_protocol_options.ignore_http_11_upgrade.add().safe_regex.regex = _OTHER_UPGRADES
    if access_log:
        manager.access_log.append(log_to(access_log, _LOG_FORMAT))
    if marked is not None and marked.clients is not None and marked.clients.told:
        # What a client says of itself is replaced by this, as it is removed where nothing is told.
        manager.forward_client_cert_details = hcm_v3.HttpConnectionManager.SANITIZE_SET
        for part_ in marked.clients.told:
            _tell(manager, part_)
    draft = ManagerDraft(manager, router_pb2.Router(suppress_envoy_headers=True))
    manage(uses, draft)
    filters = http_filters(draft.filters)
    manager.http_filters.extend(map(_light, filters))
    draft.router.upstream_http_filters.extend(map(_light, upstream_filters()))
    codec = draft.router.upstream_http_filters.add(name="envoy.filters.http.upstream_codec")
    codec.typed_config.Pack(upstream_codec_pb2.UpstreamCodec())
    own = common is not None and draft.filters != common
    # An extension is for all listeners of a port. One with filters of its own brings all that there may be.
    manager.http_filters.extend(misses(port, [one for one in filters if one.disabled] if own else None))
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.Pack(draft.router, deterministic=True)
    return manager, draft.needs


def _light(one: hcm_v3.HttpFilter) -> hcm_v3.HttpFilter:
    return discovered(one) if one.name in HEAVY else one


def _tell(manager: hcm_v3.HttpConnectionManager, part_: str) -> None:
    """Tell backends a part of what the certificate of a client says."""
    details = manager.set_current_client_cert_details
    if part_ == "subject":
        details.subject.value = True
    else:
        setattr(details, part_, True)
