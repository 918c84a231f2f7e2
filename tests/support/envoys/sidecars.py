"""Real Envoys as the sidecars of a mesh, before backends on loopback."""

from collections.abc import Sequence

from support.envoys.standing import StandingEnvoy
from support.objects.certificates import Authority

_TYPE = "type.googleapis.com/envoy."
OF_ISTIO = ("istio", "istio-peer-exchange", "istio-http/1.1", "istio-h2")
"""What Istio's sidecars know each other by."""


def sidecar(
    authority: Authority, identity: str, to: int, port: int, clients: str, protocols: Sequence[str] = ()
) -> StandingEnvoy:
    """An Envoy before a backend, as a strict mesh has it: TLS alone, by an `identity`, from members of the mesh.

    `clients`: a pattern of the identities that may ask. `protocols` (ALPN), one of which clients must speak, if there
    are any. The backend is told who asked, and for which name.
    """
    certificate, key = authority.issue(identity, common="sidecar")
    context = {
        "@type": f"{_TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["istio-peer-exchange", "h2", "http/1.1"],
            "tls_certificates": [
                {
                    "certificate_chain": {"inline_string": certificate.decode()},
                    "private_key": {"inline_string": key.decode()},
                }
            ],
            "validation_context": {
                "trusted_ca": {"inline_string": authority.pem},
                "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"safe_regex": {"regex": clients}}}],
            },
        },
    }
    manager = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound",
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{_TYPE}extensions.filters.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                    "request_headers_to_add": [
                        {"header": {"key": "x-sni", "value": "%REQUESTED_SERVER_NAME%"}},
                    ],
                }
            ]
        },
    }
    listener = {
        "name": "inbound",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [
            {
                "name": "tls_inspector",
                "typed_config": {"@type": f"{_TYPE}extensions.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ],
        "filter_chains": [
            {
                "filter_chain_match": {"transport_protocol": "tls", "application_protocols": list(protocols)},
                "filters": [{"name": "hcm", "typed_config": manager}],
                "transport_socket": {"name": "tls", "typed_config": context},
            }
        ],
    }
    app = {
        "name": "app",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "app",
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": to}}}}
                    ]
                }
            ],
        },
    }
    return StandingEnvoy({"static_resources": {"listeners": [listener], "clusters": [app]}}, port)
