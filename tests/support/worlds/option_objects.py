"""Gloo's options for routes and listeners, and the policies that go with them."""

from typing import Any

from hypothesis import strategies as st

from support.worlds.pieces import GATEWAY, Doc, manifest, maybe, namespace, one, some


def option(kind: str, targets: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    return manifest(
        "gateway.solo.io/v1",
        kind,
        ("p", "q"),
        spec=maybe(
            targetRefs=some(st.builds(lambda ref, more: {"group": GATEWAY, **ref, **more}, targets, namespace), 2),
            options=maybe(**options),
        ),
    )


of_routes = one(
    {"kind": "HTTPRoute", "name": "p"}, {"kind": "GRPCRoute", "name": "p"}, {"kind": "Gateway", "name": "g"}
)
of_listeners = st.builds(
    lambda ref, more: {**ref, **more},
    one({"kind": "Gateway", "name": "g"}, {"kind": "Gateway", "name": "g"}, {"kind": "ListenerSet", "name": "k"}),
    maybe(sectionName=one("one", "two", "no")),
)
LIMITS = [
    {"key": "generic_key", "value": "all", "rateLimit": {"requestsPerUnit": 1000000, "unit": "SECOND"}},
    {"key": "generic_key", "value": "all", "rateLimit": {"requestsPerUnit": 1, "unit": "SECOND"}},
]
RATES = [{"actions": [{"genericKey": {"descriptorValue": "all"}}]}]
everywhere = {
    "headerManipulation": one({"requestHeadersToAdd": [{"header": {"key": "x", "value": "1"}}]}, {}),
    "retries": one({"retryOn": "5xx"}, {"retryBackOff": {"maxInterval": "1s"}}),
    "csrf": one({}, {"additionalOrigins": [{"safeRegex": {"regex": "("}}]}),
    "cors": one({"allowOrigin": ["https://a.test"]}, {"allowOrigin": ["*"]}),
    "bufferPerRoute": one({"disabled": True}, {"buffer": {"maxRequestBytes": 100}}),
    "ratelimit": one(
        {"localRatelimit": {"maxTokens": 1000000}},
        {"localRatelimit": {}},
        {"rateLimits": [{"actions": [{"remoteAddress": {}}]}]},
    ),
    "rateLimitConfigs": one(
        *({"refs": [{"name": name, "namespace": where}]} for name in "lm" for where in ("", "far"))
    ),
    "waf": one({}, {"disabled": True}),
}
options = st.one_of(
    option(
        "RouteOption",
        of_routes,
        **everywhere,
        prefixRewrite=one("/y", "/"),
        regexRewrite=one(
            {"pattern": {"regex": "^/(x)"}, "substitution": "/\\1\\1"}, {"pattern": {"regex": "("}, "substitution": ""}
        ),
        hostRewriteHeader=one("h", ""),
        hostRewritePathRegex=one({"pattern": {"regex": "/(.*)"}, "substitution": "\\1.test"}),
        timeout=one("0s", "1.5s"),
        ratelimitBasic=one({}, {"anonymousLimits": {"requestsPerUnit": 1000000, "unit": "SECOND"}}),
    ),
    option(
        "VirtualHostOption",
        of_listeners,
        **everywhere,
        stats=one({"virtualClusters": [{"name": "x", "pattern": "/x"}]}),
        includeRequestAttemptCount=one(True, False),
    ),
    option(
        "HttpListenerOption",
        of_listeners,
        ratelimitServer=one({}, {"denyOnFail": False, "ratelimitServerRef": {"name": "no"}}),
    ),
    manifest(
        "ratelimit.solo.io/v1alpha1",
        "RateLimitConfig",
        ("l", "m"),
        spec=one({}, *({"raw": {"descriptors": LIMITS[:count], "rateLimits": RATES}} for count in (1, 2))),
    ),
    manifest(
        "daemun.dev/v1alpha1",
        "RateLimitPolicy",
        ("l", "m"),
        spec=st.fixed_dictionaries(
            {"targetRefs": st.one_of(of_routes, of_listeners).map(lambda ref: [ref])},
            optional={
                "local": one([{"requests": 1000000}], [{"requests": 1000000, "by": [{"type": "Path"}]}]),
                "global": one([{"requests": 1000000, "shadow": True}], [{"requests": 1, "by": [{"type": "Header"}]}]),
            },
        ),
    ),
    option("HttpListenerOption", of_listeners, csrf=everywhere["csrf"], waf=everywhere["waf"]),
    option("ListenerOption", of_listeners, perConnectionBufferLimitBytes=one(1000)),
    st.fixed_dictionaries(
        {
            "apiVersion": one("gateway.gloo.solo.io/v1alpha1"),
            "kind": one("DirectResponse"),
            "metadata": one({"name": "p"}, {"name": "q"}),
            "spec": one({"status": 418, "body": "x"}, {"status": 200}),
        }
    ),
)
