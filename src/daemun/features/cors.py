"""CORS: cross-origin requests that browsers may make (Gateway API, HTTPCORSFilter; GEP-1767)."""

import re
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.type.matcher.v3 import string_pb2

from daemun.api.filters import HTTPCORSFilter
from daemun.features.feature import Draft, Feature, disabled_filter
from daemun.ir.route import Use

_NAME = "envoy.filters.http.cors"


class Cors(Feature[HTTPCORSFilter]):
    """Envoy's CORS filter answers preflight requests itself, also those of an origin that is not allowed."""

    kind: ClassVar = "CORS"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, which has nothing to set but per route."""
        return disabled_filter(_NAME, cors_pb2.Cors())

    def on_route(self, spec: HTTPCORSFilter, use: Use, draft: Draft) -> None:
        """The policy, and a route for the preflight of requests that are matched by their method."""
        del use
        draft.per_route(_NAME, _policy(spec))
        if draft.match.method not in ("", "OPTIONS"):
            draft.extra.append(_preflight(draft))


def _policy(spec: HTTPCORSFilter) -> cors_pb2.CorsPolicy:
    policy = cors_pb2.CorsPolicy(
        allow_methods=", ".join(spec.allow_methods),
        allow_headers=", ".join(spec.allow_headers),
        expose_headers=", ".join(spec.expose_headers),
        max_age=str(spec.max_age),
        allow_origin_string_match=[_origin(origin) for origin in spec.allow_origins],
    )
    # What is not allowed is answered here, without the headers that would allow it, and never reaches the backend.
    policy.forward_not_matching_preflights.value = False
    policy.allow_credentials.value = spec.allow_credentials
    return policy


def _origin(origin: str) -> string_pb2.StringMatcher:
    """`*` stands for any characters to its left, dots included; alone it is every origin, which is then echoed."""
    if origin == "*":
        return string_pb2.StringMatcher(safe_regex={"regex": ".*"})
    if "*" not in origin:
        return string_pb2.StringMatcher(exact=origin)
    return string_pb2.StringMatcher(safe_regex={"regex": re.escape(origin).replace(r"\*", ".+")})


def _preflight(draft: Draft) -> route_v3.Route:
    """A browser asks with OPTIONS, and without the headers of the request to come, whether it may send it."""
    route = route_v3.Route()
    route.CopyFrom(draft.proto)
    del route.match.headers[:]
    route.match.headers.add(name=":method", string_match={"exact": "OPTIONS"})
    route.match.headers.add(name="access-control-request-method", string_match={"exact": draft.match.method})
    route.match.headers.add(name="origin", present_match=True)
    return route
