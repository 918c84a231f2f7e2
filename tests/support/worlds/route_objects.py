"""Routes of all kinds, and what delegation between them is made of."""

from typing import Any

from hypothesis import strategies as st

from support.worlds.pieces import GATEWAY, HOSTS, NAMESPACES, Doc, manifest, maybe, one, some

backend = st.fixed_dictionaries({"name": one("a", "b"), "port": one(80, 81)}, optional={"namespace": one("far")})
filters = one(
    {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "host", "value": "x%"}], "remove": ["y"]},
    },
    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "\x01"}]}},
    {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}, "percent": 5}},
    {"type": "ExtensionRef", "extensionRef": {"group": "x.test", "kind": "Y", "name": "z"}},
    {"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": "p"}},
    {"type": "ExtensionRef", "extensionRef": {"group": "gateway.gloo.solo.io", "kind": "DirectResponse", "name": "q"}},
)
http_filters = st.one_of(
    filters,
    one(
        {"type": "URLRewrite", "urlRewrite": {"hostname": "z.test"}},
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "new path"}}},
        {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "port": 8443}},
        {"type": "CORS", "cors": {"allowOrigins": ["https://*.test"], "allowMethods": ["GET"]}},
        {
            "type": "ExternalAuth",
            "externalAuth": {"protocol": "GRPC", "backendRef": {"name": "a", "port": 80}, "grpc": {}},
        },
    ),
)
match = maybe(
    path=one({"value": "/x"}, {"type": "Exact", "value": "/x"}, {"type": "RegularExpression", "value": "("}),
    method=one("GET", "POST"),
    headers=some(one({"name": "H", "value": "1"}, {"name": "k", "type": "RegularExpression", "value": "[0-9]+"}), 1),
)


gateway_parent = st.fixed_dictionaries(
    {"name": one("g", "h")},
    optional={
        "kind": one("ListenerSet"),
        "namespace": one(*NAMESPACES),
        "sectionName": one("one", "two", "three"),
        "port": one(80),
    },
)
service_parent = st.fixed_dictionaries(
    {"group": one(""), "kind": one("Service"), "name": one("a", "b")},
    optional={"namespace": one(*NAMESPACES), "sectionName": one("h"), "port": one(80, 81)},
)
parent = st.one_of(gateway_parent, gateway_parent, gateway_parent, service_parent)


def stream_routes(kind: str, version: str = "v1", **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    refs = some(st.builds(lambda ref, weight: {**ref, **weight}, backend, maybe(weight=one(0, 3))), 3, 1)
    rules = some(st.fixed_dictionaries({"backendRefs": refs}), 1 if version == "v1" else 2, 1)
    return manifest(
        f"{GATEWAY}/{version}",
        kind,
        ("p", "q"),
        spec=st.fixed_dictionaries({"parentRefs": some(parent, 2, 1), "rules": rules, **fields}),
    )


delegate = st.one_of(
    st.fixed_dictionaries(
        {"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("p", "q", "r", "*")},
        optional={"namespace": one("far", "default")},
    ),
    st.fixed_dictionaries(
        {"group": one("delegation.gateway.solo.io"), "kind": one("label"), "name": one("x")},
        optional={"namespace": one("far", "all")},
    ),
)
"""What a rule delegates to."""
delegating_parent = st.fixed_dictionaries(
    {"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("root", "root", "p", "q", "r")},
    optional={"namespace": one("default")},
)


def routes(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    uses = filters if kind == "GRPCRoute" else http_filters
    refs = st.one_of(backend, backend, delegate) if kind == "HTTPRoute" else backend
    rule = maybe(
        backendRefs=some(
            st.builds(lambda ref, more: {**ref, **more}, refs, maybe(weight=one(0, 3), filters=some(uses, 1)))
        ),
        filters=some(uses),
        **fields,
    )
    return manifest(
        f"{GATEWAY}/v1",
        kind,
        ("p", "q"),
        spec=st.fixed_dictionaries(
            {"parentRefs": some(parent, 2, 1), "rules": some(rule, 2, 1)},
            optional={"hostnames": some(one(*HOSTS[1:]), 2)},
        ),
    )


def _marked(document: Doc, labels: Doc, annotations: Doc) -> Doc:
    metadata = {**document["metadata"], "labels": labels, "annotations": annotations}
    return {**document, "metadata": metadata}


_CALM = (
    [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}],
    [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}],
    [{"type": "URLRewrite", "urlRewrite": {"hostname": "z.test"}}],
    [{"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": "o"}}],
    [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "\x01"}]}}],
)
delegatees = st.builds(
    _marked,
    manifest(
        f"{GATEWAY}/v1",
        "HTTPRoute",
        ("p", "q", "r"),
        spec=st.fixed_dictionaries(
            {
                "parentRefs": st.one_of(
                    st.just([]), some(st.one_of(delegating_parent, delegating_parent, parent), 2)
                ).map(lambda refs: list({str(ref): ref for ref in refs}.values())),
                "rules": some(
                    maybe(
                        matches=some(match),
                        backendRefs=some(st.one_of(backend, delegate), 2, 1),
                        filters=one([], [], *_CALM),
                    ),
                    2,
                    1,
                ),
            },
            optional={"hostnames": one([], [], [], ["a.test"])},
        ),
    ),
    one({}, {"delegation.gateway.solo.io/label": "x"}),
    one(
        {},
        {"delegation.gateway.solo.io/inherit-parent-matcher": "true"},
        {"delegation.gateway.solo.io/enable-policy-overrides": "*"},
        {"delegation.gateway.solo.io/enable-policy-overrides": "faults,timeout"},
    ),
)
"""HTTPRoutes that delegate, or that others delegate to, or both, in circles too."""
route_options = manifest(
    "gateway.solo.io/v1",
    "RouteOption",
    ("o", "u"),
    spec=st.fixed_dictionaries(
        {
            "targetRefs": some(
                st.fixed_dictionaries({"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("root", "p", "q")}),
                2,
            ),
            "options": one(
                {"timeout": "1s"}, {"timeout": "2s", "faults": {"abort": {"percentage": 1, "httpStatus": 503}}}
            ),
        }
    ),
)
roots = manifest(
    f"{GATEWAY}/v1",
    "HTTPRoute",
    ("root", "p"),
    ("default",),
    spec=st.fixed_dictionaries(
        {
            "parentRefs": some(parent, 2),
            "rules": some(
                st.fixed_dictionaries(
                    {"backendRefs": some(st.one_of(backend, delegate, delegate), 2, 1)},
                    optional={
                        "matches": some(match),
                        "filters": one([], *_CALM),
                        "timeouts": one({"request": "1s"}),
                    },
                ),
                2,
                1,
            ),
        },
        optional={"hostnames": one([], [], [], ["a.test"])},
    ),
)
delegation_world = st.one_of(delegatees, delegatees, delegatees, route_options, roots)
"""What delegation is made of."""
