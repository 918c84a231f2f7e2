"""The bootstrap of a proxy in a pod: xDS over TLS, by a token that names its service account, and a readiness port."""

from daemun.provision.bootstrap import Json, assembled, encoded, load_assignment, xds_cluster
from daemun.provision.kube.settings import ADMIN_SOCKET, CONFIG_DIR, READY_PORT, TOKEN_DIR, ProxySettings

AUTHORITY_FILE = "ca.crt"
AUTHORITY_SDS = "authority.json"
TOKEN_SDS = "token.json"  # noqa: S105 - a file's name
_CONNECTIONS = 50_000
_TYPE = "type.googleapis.com/envoy."
_SECRET = _TYPE + "extensions.transport_sockets.tls.v3.Secret"
_ADMIN = "daemun_admin"
_READ = {"/ready": "/ready", "/metrics": "/stats/prometheus", "/stats/prometheus": "/stats/prometheus"}
"""All that is let through to the admin interface, by path."""


def bootstrap(proxy: str, settings: ProxySettings, heap_bytes: int) -> bytes:
    """The bootstrap of one proxy as JSON: the same for every pod of a Gateway, and without a secret."""
    host = settings.xds_address or settings.xds_host
    address: Json = {"socket_address": {"address": host, "port_value": settings.xds_port}}
    xds = xds_cluster(address, "STRICT_DNS", [_bearer(), _codec()])
    xds |= {"dns_lookup_family": "V4_PREFERRED", "transport_socket": _tls(settings.xds_host)}
    admin: Json = {
        "name": _ADMIN,
        "type": "STATIC",
        "load_assignment": load_assignment(_ADMIN, {"pipe": {"path": ADMIN_SOCKET}}),
    }
    clusters: Json = {"clusters": [xds, admin]}
    return encoded(assembled(proxy, ADMIN_SOCKET, clusters, [_ready_listener()], heap_bytes, _CONNECTIONS))


def secrets(xds_host: str) -> dict[str, str]:
    """The files in which Envoy looks for its token and for whom to trust, by name. They follow what they point at."""
    names = [{"san_type": "DNS", "matcher": {"exact": xds_host}}]
    trusted: Json = {
        "trusted_ca": {"filename": f"{CONFIG_DIR}/{AUTHORITY_FILE}"},
        "watched_directory": {"path": CONFIG_DIR},
        "match_typed_subject_alt_names": names,
    }
    token: Json = {"secret": {"filename": f"{TOKEN_DIR}/token"}}
    return {
        AUTHORITY_SDS: _secret("authority", {"validation_context": trusted}),
        TOKEN_SDS: _secret("token", {"generic_secret": token}),
    }


def _secret(name: str, value: Json) -> str:
    return encoded({"resources": [{"@type": _SECRET, "name": name} | value]}).decode()


def _from_file(name: str, file: str, watched: str) -> Json:
    """A secret in a file. kubelet swaps a whole directory at once, so the directory is what is watched."""
    source = {"path": f"{CONFIG_DIR}/{file}", "watched_directory": {"path": watched}}
    return {"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}}


def _tls(host: str) -> Json:
    context: Json = {
        "@type": _TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": host,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "validation_context_sds_secret_config": _from_file("authority", AUTHORITY_SDS, CONFIG_DIR),
        },
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _bearer() -> Json:
    """Every stream carries the token as it is in its file at that moment."""
    credential: Json = {
        "@type": _TYPE + "extensions.http.injected_credentials.generic.v3.Generic",
        "credential": _from_file("token", TOKEN_SDS, TOKEN_DIR),
        "header": "authorization",
        "header_value_prefix": "Bearer ",
    }
    injector: Json = {
        "@type": _TYPE + "extensions.filters.http.credential_injector.v3.CredentialInjector",
        "overwrite": True,
        "credential": {"name": "envoy.http.injected_credentials.generic", "typed_config": credential},
    }
    return {"name": "envoy.filters.http.credential_injector", "typed_config": injector}


def _codec() -> Json:
    codec = {"@type": _TYPE + "extensions.filters.http.upstream_codec.v3.UpstreamCodec"}
    return {"name": "envoy.filters.http.upstream_codec", "typed_config": codec}


def _ready_listener() -> Json:
    """`/ready` and the statistics, and nothing else of the admin interface.

    A listener of the bootstrap is served once the first configuration is complete, so it answers 200 not before.
    """
    routes = [
        {"match": {"path": path}, "route": {"cluster": _ADMIN, "prefix_rewrite": target}}
        for path, target in _READ.items()
    ]
    manager: Json = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ready",
        "route_config": {"virtual_hosts": [{"name": "ready", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    address = {"address": "0.0.0.0", "port_value": READY_PORT}  # noqa: S104 - kubelet asks from outside of the pod
    return {
        "name": "daemun_ready",
        "address": {"socket_address": address},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
        # A proxy that is full is not one that is broken.
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
    }
