"""ExternalAuth: another service is asked whether a request may pass (GEP-1494, experimental)."""

from typing import ClassVar

from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as authz_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.filters import HTTPExternalAuthFilter as Spec
from daemun.features.authz import by_name, over_grpc, over_http
from daemun.features.composite import always, composite, nothing
from daemun.features.drafts import Configured, Draft, HostDraft
from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.features.lengths import around
from daemun.ir.auth.asked import Nobody
from daemun.ir.route import Use

_NAME = "envoy.filters.http.ext_authz"
_DEADLINE = 5000
_ALWAYS_SENT = ("authorization",)


class ExternalAuth(Feature[Spec | Nobody]):
    """Envoy's ext_authz. Whatever goes wrong, the request does not pass.

    ext_authz takes the list of headers that the service may see from the filter alone, not from a route. So each route
    brings a whole filter of its own, which a composite filter in the listener's chain runs.
    """

    kind: ClassVar = "ExternalAuth"
    rare: ClassVar = "externalAuth"
    guards: ClassVar = True

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place of the routes' filters in the chain."""
        return disabled_filter(_NAME, composite(_NAME))

    def does(self, spec: Spec | Nobody, use: Use, scene: Scene) -> str:
        """Who is asked."""
        del scene
        if isinstance(spec, Nobody):
            return "asks no service of its host's whether the request may pass"
        backend = use.backends[0]
        if backend is None:
            return "closes the route: the service to ask cannot be used"
        return f"asks {backend.cluster} ({spec.protocol}) whether the request may pass; whatever goes wrong, it may not"

    def on_route(self, spec: Spec | Nobody, use: Use, draft: Draft) -> None:
        """The service, what it sees of the request, and what it may add to it. What the rule itself asks for stays."""
        if not isinstance(spec, Nobody):
            _put(spec, use, draft)
        elif _NAME not in draft.proto.typed_per_filter_config:
            draft.per_route(_NAME, nothing())

    def on_host(self, spec: Spec | Nobody, use: Use, draft: HostDraft) -> None:
        """The same for all routes of a host."""
        if not isinstance(spec, Nobody):
            _put(spec, use, draft)


def _put(spec: Spec, use: Use, draft: Configured) -> None:
    backend = use.backends[0]
    if backend is None:
        draft.close()
        return
    action = composite_v3.ExecuteFilterAction()
    asks = _filter(spec, draft.cluster(backend))
    if spec.protocol == "GRPC":
        for name, config in around((_NAME, asks)):
            action.filter_chain.typed_config.add(name=name).typed_config.Pack(config, deterministic=True)
    else:
        # Over HTTP a server says nothing of the headers of answers.
        action.typed_config.name = _NAME
        action.typed_config.typed_config.Pack(asks, deterministic=True)
    draft.per_route(_NAME, always(_NAME, action))


def _filter(spec: Spec, cluster: str) -> authz_v3.ExtAuthz:
    if spec.protocol == "GRPC":
        config = over_grpc(cluster, _DEADLINE)
        by_name(config.allowed_headers, spec.grpc.allowed_headers if spec.grpc else ())
    else:
        config = over_http(cluster, _DEADLINE, (spec.http.path if spec.http else None) or "")
        by_name(config.allowed_headers, (*_ALWAYS_SENT, *(spec.http.allowed_headers if spec.http else ())))
        answered = spec.http.allowed_response_headers if spec.http else ()
        by_name(config.http_service.authorization_response.allowed_upstream_headers, answered)
    if spec.forward_body and spec.forward_body.max_size:
        # A longer body is answered with 413 (HTTPExternalAuthFilter.forwardBody).
        config.with_request_body.max_request_bytes = spec.forward_body.max_size
    return config
