"""The configuration an Envoy starts with: how to reach Daemun, and the limits no xDS resource can set.

Pure: the same arguments give the same bytes, so a running Envoy can be recognised by the digest of its bootstrap.
"""

from collections.abc import Mapping

import msgspec
from google.protobuf import json_format

from daemun.envoy.misdirected import MARK
from daemun.envoy.scopes import SCOPE_HEADER, subscriber
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE

TOKEN_HEADER = "daemun-proxy-token"  # noqa: S105 - the header's name, not a token
"""The gRPC metadata key under which a proxy presents its token."""
XDS_CLUSTER = "daemun_xds"
KEEPALIVE_SECONDS = 30
"""How often an Envoy pings the xDS server. The server must allow this (grpcio's default bears 5 minutes only)."""

WATCHDOG: dict[str, object] = {"miss_timeout": "2s", "megamiss_timeout": "10s"}
"""After how long a thread of Envoy that does not go on counts as late.

Each thread shows that it goes on twice in such a time, and is looked after once. With Envoy's own 0.2 s these 37
wake-ups a second of two workers are two thirds of what a proxy takes that nobody asks anything.
"""

_ANSWER_BYTES = 1 << 20
"""How much of an answer a proxy holds that it has asked for by itself: keys, and who may come in.

Policies name whom it asks. With Envoy's own 32 MiB some that never end are all the memory that there is.
"""
_TYPE = "type.googleapis.com/envoy."
_MONITORS = _TYPE + "extensions.resource_monitors."

# What is made for every cluster though nothing here can move it: 18 of 41 statistics of an idle cluster.
_UNUSED_STATS = [{"contains": text} for text in (".lb_subsets_", ".lb_zone_", ".circuit_breakers.high.")]
# Counted at every request that hits no scope, and the same as the number of those.
_COSTLY_STATS = [{"prefix": "http.http.ip_tagging."}]

Json = dict[str, object]
EXTENSIONS: list[Json] = [
    # Listeners within Envoy: what goes through a further proxy passes one.
    {
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": {"@type": _TYPE + "extensions.bootstrap.internal_listener.v3.InternalListener"},
    }
]


def bootstrap(
    proxy: str,
    token: str,
    xds_socket: str,
    admin_socket: str,
    heap_bytes: int,
    connections: int,
    overrides: Mapping[str, object] | None = None,
) -> bytes:
    """The bootstrap of one local proxy as JSON.

    `heap_bytes` and `connections` bound the process; `overrides` replaces whole top-level fields (tests serve from
    `static_resources` this way).
    """
    xds = xds_cluster({"pipe": {"path": xds_socket}})
    metadata: list[Json] = [{"key": TOKEN_HEADER, "value": token}]
    config = assembled(proxy, admin_socket, {"clusters": [xds]}, [], heap_bytes, connections, metadata)
    return encoded(config | dict(overrides or {}))


def encoded(config: Json) -> bytes:
    """A bootstrap as Envoy reads it."""
    return msgspec.json.encode(config, order="sorted")


def assembled(
    proxy: str,
    admin_socket: str,
    static: Json,
    listeners: list[Json],
    heap_bytes: int,
    connections: int,
    metadata: list[Json] | None = None,
) -> Json:
    """What every bootstrap has; `static` are its static resources, among them the cluster of the xDS server, and
    `listeners` those it listens on by itself.

    `metadata` goes along with the xDS stream. Without `heap_bytes` memory is left to whoever runs the proxy.
    """
    return {
        "node": {"id": proxy, "cluster": "daemun", "metadata": {"daemun.dev/gateway": proxy}},
        "admin": {
            # A file only its owner can open: the admin interface can stop the proxy and shows its secrets.
            "address": {"pipe": {"path": admin_socket, "mode": 0o600}},
            # It must answer when connections have run out: draining needs it.
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": _dynamic(metadata or []),
        "static_resources": static | {"listeners": [*listeners, json_format.MessageToDict(subscriber())]},
        "overload_manager": _overload(heap_bytes, connections),
        "watchdogs": {"main_thread_watchdog": WATCHDOG, "worker_watchdog": WATCHDOG},
        "layered_runtime": {
            "layers": [
                {
                    "name": "daemun",
                    "static_layer": {
                        "re2.max_program_size.error_level": RE2_MAX_PROGRAM_SIZE,
                        "http.async_response_buffer_limit": _ANSWER_BYTES,
                    },
                },
            ]
        },
        "bootstrap_extensions": EXTENSIONS,
        # A cluster's statistics are made at its first request: most of the memory of an idle cluster is they.
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [*_UNUSED_STATS, *_COSTLY_STATS]}}},
        # Each request has these, so they have a place of their own in Envoy's header maps and are not looked for.
        "inline_headers": [
            {"inline_header_name": name, "inline_header_type": "REQUEST_HEADER"} for name in (SCOPE_HEADER, MARK)
        ],
    }


def _dynamic(metadata: list[Json]) -> Json:
    from_ads: Json = {
        "ads": {},
        "resource_api_version": "V3",
        # Wait for Daemun however long it takes: without its first configuration a proxy has nothing to serve, and
        # "ready" shall mean that it serves.
        "initial_fetch_timeout": "0s",
    }
    stream: Json = {
        # The default backs off to 30 s; an Envoy whose Daemun came back should be there at once. A pause is any part of
        # the interval, so it is a sixth of a second until the next attempt.
        "envoy_grpc": {
            "cluster_name": XDS_CLUSTER,
            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}},
        },
        "initial_metadata": metadata,
    }
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [stream],
        },
        "lds_config": from_ads,
        "cds_config": from_ads,
    }


def xds_cluster(address: Json, kind: str = "STATIC", http_filters: list[Json] | None = None) -> Json:
    """The cluster of the xDS server at this address."""
    keepalive = {"interval": f"{KEEPALIVE_SECONDS}s", "timeout": "20s"}
    options: Json = {
        "@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": keepalive}},
    }
    if http_filters:
        options["http_filters"] = http_filters
    return {
        "name": XDS_CLUSTER,
        "type": kind,
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": load_assignment(XDS_CLUSTER, address),
    }


def load_assignment(cluster: str, address: Json) -> Json:
    """The one endpoint of a cluster."""
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def _overload(heap_bytes: int, connections: int) -> Json:
    heap = "envoy.resource_monitors.fixed_heap"
    monitors: list[Json] = [
        {
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": _MONITORS + "downstream_connections.v3.DownstreamConnectionsConfig",
                "max_active_downstream_connections": str(connections),
            },
        },
    ]
    actions: list[Json] = []
    if heap_bytes:
        limit = {"@type": _MONITORS + "fixed_heap.v3.FixedHeapConfig", "max_heap_size_bytes": str(heap_bytes)}
        monitors.append({"name": heap, "typed_config": limit})
        actions += [_at(heap, "shrink_heap", 0.92), _at(heap, "stop_accepting_requests", 0.95)]
    return {"refresh_interval": "0.25s", "resource_monitors": monitors, "actions": actions}


def _at(monitor: str, action: str, level: float) -> Json:
    return {
        "name": f"envoy.overload_actions.{action}",
        "triggers": [{"name": monitor, "threshold": {"value": level}}],
    }
