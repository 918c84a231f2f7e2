"""ExternalAuth: another service is asked whether a request may pass (GEP-1494, experimental)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.core.v3 import http_uri_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as authz_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.filters import HTTPExternalAuthFilter as Spec
from daemun.features.feature import Draft, Fault, Feature, disabled_filter
from daemun.ir.route import Rule, Use

_NAME = "envoy.filters.http.ext_authz"
_NOBODY = "external-auth-not-configured"
_DEADLINE_SECONDS = 5
_ALWAYS_SENT = ("authorization",)


class ExternalAuth(Feature[Spec]):
    """Envoy's ext_authz, with the service to ask chosen per route. Whatever goes wrong, the request does not pass."""

    kind: ClassVar = "ExternalAuth"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter needs some service; its cluster does not exist, so that a route that names none stays closed."""
        config = authz_v3.ExtAuthz(failure_mode_allow=False, transport_api_version="V3")
        config.http_service.server_uri.CopyFrom(_uri(_NOBODY))
        return disabled_filter(_NAME, config)

    def faults(self, spec: Spec, where: str, rule: Rule) -> Iterable[Fault]:
        """Envoy can choose headers for a gRPC service per filter, not per route: rather closed than shown too much."""
        del rule
        if spec.grpc and spec.grpc.allowed_headers:
            yield f"{where}.grpc.allowedHeaders", "cannot be limited for a gRPC service", "Remove it, or use HTTP."

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """The service, what it sees of the request, and what it may add to it."""
        backend = use.backends[0]
        if backend is None:
            draft.close()
            return
        settings = authz_v3.CheckSettings()
        cluster = draft.cluster(backend)
        if spec.protocol == "GRPC":
            settings.grpc_service.envoy_grpc.cluster_name = cluster
            settings.grpc_service.timeout.seconds = _DEADLINE_SECONDS
        else:
            service = settings.http_service
            service.server_uri.CopyFrom(_uri(cluster))
            if spec.http and spec.http.path:
                service.path_prefix = f"/{spec.http.path.lstrip('/')}"
            names = spec.http.allowed_headers if spec.http else ()
            for name in (*_ALWAYS_SENT, *names):
                service.authorization_request.allowed_headers.patterns.add(exact=name.lower(), ignore_case=True)
            for name in spec.http.allowed_response_headers if spec.http else ():
                service.authorization_response.allowed_upstream_headers.patterns.add(
                    exact=name.lower(), ignore_case=True
                )
        if spec.forward_body and spec.forward_body.max_size:
            settings.with_request_body.max_request_bytes = spec.forward_body.max_size
            settings.with_request_body.allow_partial_message = True
        draft.per_route(_NAME, authz_v3.ExtAuthzPerRoute(check_settings=settings))


def _uri(cluster: str) -> http_uri_pb2.HttpUri:
    uri = http_uri_pb2.HttpUri(uri="http://external-auth", cluster=cluster)
    uri.timeout.seconds = _DEADLINE_SECONDS
    return uri
