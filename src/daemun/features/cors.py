"""CORS: cross-origin requests that browsers may make (Gateway API, HTTPCORSFilter; GEP-1767)."""

import re
from collections.abc import Iterator
from typing import ClassVar

import re2
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.type.matcher.v3 import string_pb2

from daemun.api.filters import HTTPCORSFilter
from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.ir.route import Use

_NAME = "envoy.filters.http.cors"
_FORBIDDEN = 403


class Cors(Feature[HTTPCORSFilter]):
    """Envoy's CORS filter answers preflight requests itself. It does nothing where there is no backend to go to."""

    kind: ClassVar = "CORS"
    rare: ClassVar = "cors"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, which has nothing to set but per route."""
        return disabled_filter(_NAME, cors_pb2.Cors())

    def does(self, spec: HTTPCORSFilter, use: Use, scene: Scene) -> str:
        """Whether pages of this origin may read the answer."""
        del use
        if not scene.origin:
            return "answers the CORS preflights of browsers; this request has no Origin header and is left as it is"
        if not scene.forwarded:
            return "answers the CORS preflights of browsers; others have its headers only where they are forwarded"
        if allows(_policy(spec), scene.origin):
            return f"lets pages of origin {scene.origin} read the answer, by access-control-allow-origin"
        return f"does not let pages of origin {scene.origin} read the answer; the request itself passes"

    def on_route(self, spec: HTTPCORSFilter, use: Use, draft: Draft) -> None:
        """The policy, and routes for the preflight requests that need another answer."""
        del use
        draft.per_route(_NAME, _policy(spec))
        draft.extra.extend(_preflights(spec, draft))


def allows(policy: cors_pb2.CorsPolicy, origin: str) -> bool:
    """Whether Envoy takes the origin for one that is allowed."""
    return any(
        re2.fullmatch(one.safe_regex.regex, origin) if one.HasField("safe_regex") else one.exact == origin
        for one in policy.allow_origin_string_match
    )


def _policy(spec: HTTPCORSFilter) -> cors_pb2.CorsPolicy:
    # With credentials a `*` is the name of a header, so it must not be said (HTTPCORSFilter.exposeHeaders).
    exposed = [name for name in spec.expose_headers if name != "*" or not spec.allow_credentials]
    policy = cors_pb2.CorsPolicy(
        allow_methods=", ".join(spec.allow_methods),
        allow_headers=", ".join(spec.allow_headers),
        expose_headers=", ".join(exposed),
        max_age=str(spec.max_age),
        allow_origin_string_match=[_origin(origin) for origin in spec.allow_origins],
    )
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


def _preflights(spec: HTTPCORSFilter, draft: Draft) -> Iterator[route_v3.Route]:
    if "*" not in spec.allow_origins:
        # Envoy would leave out the origin only, and tell the methods and headers that others may use.
        refused = _preflight(draft)
        for origin in spec.allow_origins:
            refused.match.headers.add(name="origin", string_match=_origin(origin), invert_match=True)
        refused.ClearField("typed_per_filter_config")
        refused.direct_response.status = _FORBIDDEN
        yield refused
    if "*" in spec.allow_headers and spec.allow_credentials:
        # Envoy says what was asked for in place of `*`, and an empty value when that was nothing.
        silent = _preflight(draft)
        silent.match.headers.add(name="access-control-request-headers", present_match=True, invert_match=True)
        policy = _policy(spec)
        policy.ClearField("allow_headers")
        silent.typed_per_filter_config[_NAME].Pack(policy, deterministic=True)
        yield silent
    if _asks_more(draft):
        yield _preflight(draft)


def _asks_more(draft: Draft) -> bool:
    """Whether the match asks for what a preflight cannot have: the method or the headers of the request to come."""
    return draft.match.method not in ("", "OPTIONS") or bool(draft.match.headers)


def _preflight(draft: Draft) -> route_v3.Route:
    """A browser asks with OPTIONS whether it may send a request, without the headers that this would have."""
    route = route_v3.Route()
    route.CopyFrom(draft.proto)
    asked = route.match.headers
    if _asks_more(draft):
        del asked[:]
    if draft.match.method not in ("", "OPTIONS"):
        asked.add(name="access-control-request-method", string_match={"exact": draft.match.method})
    else:
        asked.add(name="access-control-request-method", present_match=True)
    asked.add(name=":method", string_match={"exact": "OPTIONS"})
    asked.add(name="origin", present_match=True)
    return route
