"""What each feature does to a request, in one sentence. The order is that of `features.FEATURES`."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.cors.v3 import cors_pb2

from daemun.api.filters import (
    HTTPCORSFilter,
    HTTPExternalAuthFilter,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRouteRetry,
    HTTPRouteTimeouts,
    HTTPURLRewriteFilter,
    SessionPersistence,
)
from daemun.base.names import Ref
from daemun.explain.matching import full_match
from daemun.explain.normalise import Seen
from daemun.explain.result import Effect
from daemun.features import BY_KIND, FEATURES, Draft
from daemun.ir.route import Match, Use


class Scene(msgspec.Struct, frozen=True):
    """The request, the match that takes it, and whether it is forwarded."""

    seen: Seen
    match: Match
    forwarded: bool = True


_ORDER = {feature.kind: at for at, feature in enumerate(FEATURES)}


def effects(route: Ref, uses: Iterable[Use], scene: Scene) -> tuple[Effect, ...]:
    """The features in use, in the order in which Envoy applies them."""
    ordered = sorted(uses, key=lambda use: _ORDER[use.kind])
    return tuple(Effect(use.kind, route, use.where, _does(use, scene)) for use in ordered)


def preflight_answer(policy: cors_pb2.CorsPolicy, seen: Seen) -> str:
    """What the gateway answers to a preflight."""
    origin = seen.values("origin")[0]
    verdict = "is allowed" if _allows(policy, origin) else "is not allowed, so without the headers that would allow it"
    return f"answered with 200 by the gateway itself, since it is a CORS preflight; origin {origin} {verdict}"


def _does(use: Use, scene: Scene) -> str:
    say = _SENTENCES.get(use.kind)
    return f"applies {use.kind}" if say is None else say(use.spec, use, scene)


def _allows(policy: cors_pb2.CorsPolicy, origin: str) -> bool:
    return any(
        full_match(one.safe_regex.regex, origin) if one.HasField("safe_regex") else one.exact == origin
        for one in policy.allow_origin_string_match
    )


def _policy(use: Use) -> cors_pb2.CorsPolicy:
    """Envoy's policy, as the feature makes it."""
    draft = Draft(route_v3.Route(), Match(where=""), 0, tls=False)
    BY_KIND[use.kind].on_route(use.spec, use, draft)
    policy = cors_pb2.CorsPolicy()
    for config in draft.proto.typed_per_filter_config.values():
        config.Unpack(policy)
    return policy


def _cors(spec: HTTPCORSFilter, use: Use, scene: Scene) -> str:
    del spec
    origins = scene.seen.values("origin")
    if not origins or not origins[0]:
        return "answers the CORS preflights of browsers; this request has no Origin header and is left as it is"
    if not scene.forwarded:
        return "answers the CORS preflights of browsers; other requests have its headers only where they are forwarded"
    if _allows(_policy(use), origins[0]):
        return f"lets pages of origin {origins[0]} read the answer, by access-control-allow-origin"
    return f"does not let pages of origin {origins[0]} read the answer; the request itself passes"


def _external_auth(spec: HTTPExternalAuthFilter, use: Use, scene: Scene) -> str:
    del scene
    backend = use.backends[0]
    if backend is None:
        return "closes the route: the service to ask cannot be used"
    return f"asks {backend.cluster} ({spec.protocol}) whether the request may pass; whatever goes wrong, it may not"


def _session(spec: SessionPersistence, use: Use, scene: Scene) -> str:
    del use, scene
    named = f" {spec.session_name}" if spec.session_name else ""
    return f"keeps the client with the endpoint that it first met, by a {spec.type.lower()}{named}"


def _headers(spec: HTTPHeaderFilter, verb: str) -> str:
    told = [f"sets {verb}header {one.name.lower()}: {one.value}" for one in spec.set]
    told.extend(f"adds {verb}header {one.name.lower()}: {one.value}" for one in spec.add)
    told.extend(f"removes {verb}header {name.lower()}" for name in spec.remove)
    return ", ".join(told) or "changes no headers"


def _mirror(spec: HTTPRequestMirrorFilter, use: Use, scene: Scene) -> str:
    del scene
    backend = use.backends[0]
    if backend is None:
        return "mirrors nothing: the backend to mirror to cannot be used"
    share = 100.0 if spec.percent is None else float(spec.percent)
    if spec.fraction is not None:
        share = 100 * spec.fraction.numerator / spec.fraction.denominator
    whole = "a copy" if share == 100 else f"a copy of {share:g} % of the requests"
    return f"sends {whole} to {backend.cluster} and drops the answers"


def _path(path: HTTPPathModifier, match: Match) -> str:
    if path.replace_full_path is not None:
        return f"the whole path by {path.replace_full_path}"
    return f"the prefix {match.path} of the path by {path.replace_prefix_match or '/'}"


def _rewrite(spec: HTTPURLRewriteFilter, use: Use, scene: Scene) -> str:
    del use
    told = [f"the host by {spec.hostname}"] if spec.hostname else []
    if spec.path:
        told.append(_path(spec.path, scene.match))
    return f"replaces {' and '.join(told)}" if told else "replaces nothing"


def _redirect(spec: HTTPRequestRedirectFilter, use: Use, scene: Scene) -> str:
    del use
    told = [f"scheme {spec.scheme}"] if spec.scheme else []
    told.extend([f"host {spec.hostname}"] if spec.hostname else [])
    told.extend([f"port {spec.port}"] if spec.port else [])
    told.extend([f"a path with {_path(spec.path, scene.match)}"] if spec.path else [])
    return f"redirects with {spec.status_code} to {', '.join(told) or 'the same URL'}"


def _timeouts(spec: HTTPRouteTimeouts, use: Use, scene: Scene) -> str:
    del use, scene
    told = [f"{spec.request} for the whole request"] if spec.request else []
    told.extend([f"{spec.backend_request} for each try"] if spec.backend_request else [])
    return f"waits at most {' and '.join(told)}, then answers 504 (0s: no limit)" if told else "sets no timeout"


def _retry(spec: HTTPRouteRetry, use: Use, scene: Scene) -> str:
    del use, scene
    codes = ", ".join(str(code) for code in spec.codes) or "502, 503, 504"
    times = spec.attempts or 1
    return f"tries again up to {times} time{'' if times == 1 else 's'}, on connection errors and on {codes}"


_SENTENCES: Mapping[str, Callable[[Any, Use, Scene], str]] = MappingProxyType(
    {
        "CORS": _cors,
        "ExternalAuth": _external_auth,
        "sessionPersistence": _session,
        "RequestHeaderModifier": lambda spec, *_: _headers(spec, ""),
        "ResponseHeaderModifier": lambda spec, *_: _headers(spec, "response "),
        "RequestMirror": _mirror,
        "URLRewrite": _rewrite,
        "timeouts": _timeouts,
        "retry": _retry,
        "RequestRedirect": _redirect,
    }
)
"""By the feature's kind. A feature without a sentence is named, and the test for this file asks for one."""
