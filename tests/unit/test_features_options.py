"""The fields of Gloo's options one at a time: what cannot be, and how they are told, beyond what the goldens show."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemun.api.gloo.options import (
    HttpListenerOptions,
    ListenerOptions,
    RouteOptions,
    TcpListenerOptions,
    VirtualHostOptions,
)
from daemun.api.gloo.policies import RouteOption
from daemun.api.gloo.routing import RetryPolicy
from daemun.explain import explain
from daemun.explain.request import request_from
from daemun.features import BY_KIND
from daemun.features.served import PLACES
from support.objects.cases import objects, translation

GOLDEN = Path(__file__).parents[1] / "golden"

FAULTS: list[tuple[type, str, str]] = [
    (RouteOptions, "{faults: {abort: {percentage: 101, httpStatus: 500}}}", "faults.abort.percentage"),
    (RouteOptions, "{faults: {abort: {percentage: 1, httpStatus: 600}}}", "faults.abort.httpStatus"),
    (RouteOptions, "{faults: {delay: {percentage: 1}}}", "faults.delay.fixedDelay"),
    (RouteOptions, "{regexRewrite: {substitution: x}}", "regexRewrite.pattern.regex"),
    (RouteOptions, r"{regexRewrite: {pattern: {regex: '(a)'}, substitution: '\2'}}", "regexRewrite.substitution"),
    (RouteOptions, r"{regexRewrite: {pattern: {regex: a}, substitution: '\x'}}", "regexRewrite.substitution"),
    (RouteOptions, "{regexRewrite: {pattern: {regex: 'a{1000}{1000}'}}}", "regexRewrite.pattern.regex"),
    (RouteOptions, "{hostRewritePathRegex: {pattern: {regex: '['}}}", "hostRewritePathRegex.pattern.regex"),
    (RouteOptions, "{hostRewriteHeader: ':path'}", "hostRewriteHeader"),
    (RouteOptions, r'{hostRewrite: "a\nb"}', "hostRewrite"),
    (
        RouteOptions,
        r'{hostRewritePathRegex: {pattern: {regex: a}, substitution: "a\nb"}}',
        "hostRewritePathRegex.substitution",
    ),
    *((RouteOptions, f"{{prefixRewrite: {path}}}", "prefixRewrite") for path in ("api", "/a b", r'"/a\r\nb"')),
    (RouteOptions, "{regexRewrite: {pattern: {regex: a}, substitution: 'a b'}}", "regexRewrite.substitution"),
    (RouteOptions, "{timeout: 1000000000000s}", "timeout"),
    *(
        (RouteOptions, f"{{idleTimeout: {time}}}", "idleTimeout")
        for time in ("9999999999s", "2562047h1s", "1ns", "999us")
    ),
    (RouteOptions, "{retries: {perTryTimeout: 0.5ms}}", "retries.perTryTimeout"),
    (RouteOptions, "{retries: {retryBackOff: {maxInterval: 1s}}}", "retries.retryBackOff.baseInterval"),
    (RouteOptions, "{retries: {retryBackOff: {baseInterval: 0s}}}", "retries.retryBackOff.baseInterval"),
    (
        RouteOptions,
        "{retries: {retryBackOff: {baseInterval: 2s, maxInterval: 1s}}}",
        "retries.retryBackOff.maxInterval",
    ),
    (
        RouteOptions,
        "{tracing: {tracePercentages: {randomSamplePercentage: -1}}}",
        "tracing.tracePercentages.randomSamplePercentage",
    ),
    (RouteOptions, "{shadowing: {percentage: 100}}", "shadowing.upstream"),
    (
        RouteOptions,
        "{headerManipulation: {requestHeadersToAdd: [{header: {key: Host, value: x}}]}}",
        "headerManipulation.requestHeadersToAdd[0].header.key",
    ),
    (
        RouteOptions,
        "{headerManipulation: {responseHeadersToAdd: [{header: {key: x, value: 100%}}]}}",
        "headerManipulation.responseHeadersToAdd[0].header.value",
    ),
    (
        RouteOptions,
        "{headerManipulation: {requestHeadersToRemove: [':path']}}",
        "headerManipulation.requestHeadersToRemove[0]",
    ),
    (
        RouteOptions,
        "{headerManipulation: {responseHeadersToAdd: [{}]}}",
        "headerManipulation.responseHeadersToAdd[0].header",
    ),
    *(
        (
            RouteOptions,
            f"{{headerManipulation: {{requestHeadersToAdd: [{{header: {{key: {key}, value: {value}}}}}]}}}}",
            f"headerManipulation.requestHeadersToAdd[0].header.{where}",
        )
        for key, value, where in (
            ("x" * 16385, "y", "key"),
            ("x", "y" * 16385, "value"),
            ("x", r'"y\0"', "value"),
            ("a b", "y", "key"),
        )
    ),
    (
        ListenerOptions,
        r'{accessLoggingService: {accessLog: [{fileSink: {path: "/a\0b"}}]}}',
        "accessLoggingService.accessLog[0].fileSink.path",
    ),
    (RouteOptions, "{cors: {}}", "cors"),
    *(
        (RouteOptions, f"{{cors: {{allowOrigin: [a], {field}: {value}}}}}", f"cors.{where}")
        for field, value, where in (
            ("allowHeaders", r'["x\r\nset-cookie: a"]', "allowHeaders[0]"),
            ("allowMethods", r'[GET, "\0"]', "allowMethods[1]"),
            ("exposeHeaders", r'["\n"]', "exposeHeaders[0]"),
            ("maxAge", r'"1\n"', "maxAge"),
        )
    ),
    (RouteOptions, "{lbHash: {hashPolicies: [{terminal: true}]}}", "lbHash.hashPolicies[0]"),
    (RouteOptions, "{lbHash: {hashPolicies: [{cookie: {}}]}}", "lbHash.hashPolicies[0].cookie.name"),
    (RouteOptions, "{lbHash: {hashPolicies: [{cookie: {name: 'a;b'}}]}}", "lbHash.hashPolicies[0].cookie.name"),
    (
        RouteOptions,
        r'{lbHash: {hashPolicies: [{cookie: {name: a, path: "/\r\nx: y"}}]}}',
        "lbHash.hashPolicies[0].cookie.path",
    ),
    (RouteOptions, "{lbHash: {hashPolicies: [{header: 'a b'}]}}", "lbHash.hashPolicies[0].header"),
    (
        RouteOptions,
        r'{shadowing: {upstream: {name: u}, percentage: 1, hostRewriteLiteral: "a\nb"}}',
        "shadowing.hostRewriteLiteral",
    ),
    *(
        (
            HttpListenerOptions,
            f"{{statefulSession: {{headerBased: {{headerName: '{name}'}}}}}}",
            "statefulSession.headerBased.headerName",
        )
        for name in ("a b", ":path")
    ),
    (
        HttpListenerOptions,
        "{statefulSession: {cookieBased: {cookie: {name: 'a=b'}}}}",
        "statefulSession.cookieBased.cookie.name",
    ),
    *(
        (
            TcpListenerOptions,
            f"{{tcpProxySettings: {{tunnelingConfig: {{{text}}}}}}}",
            f"tcpProxySettings.tunnelingConfig.{where}",
        )
        for text, where in (
            (r'hostname: "a:1\r\nx: y"', "hostname"),
            ("hostname: 'a:1', headersToAdd: [{header: {key: 'a b', value: x}}]", "headersToAdd[0].header.key"),
            (r"""hostname: 'a:1', headersToAdd: [{header: {key: a, value: "x\n"}}]""", "headersToAdd[0].header.value"),
        )
    ),
    (RouteOptions, "{upgrades: [{websocket: {}}, {websocket: {}}]}", "upgrades[1]"),
    (RouteOptions, "{upgrades: [{}]}", "upgrades[0]"),
    (RouteOptions, "{ratelimit: {localRatelimit: {}}}", "ratelimit.localRatelimit.maxTokens"),
    (
        RouteOptions,
        "{ratelimit: {localRatelimit: {maxTokens: 1, fillInterval: 1ms}}}",
        "ratelimit.localRatelimit.fillInterval",
    ),
    (
        RouteOptions,
        "{ratelimit: {localRatelimit: {maxTokens: 1, tokensPerFill: 0}}}",
        "ratelimit.localRatelimit.tokensPerFill",
    ),
    (RouteOptions, "{bufferPerRoute: {buffer: {}}}", "bufferPerRoute.buffer.maxRequestBytes"),
    (RouteOptions, "{extProc: {overrides: {grpcService: {}}}}", "extProc.overrides.grpcService.extProcServerRef"),
    (RouteOptions, "{extProc: {overrides: {responseAttributes: [a b]}}}", "extProc.overrides.responseAttributes[0]"),
    *(
        (HttpListenerOptions, f"{{extProc: {{grpcService: {{extProcServerRef: {{name: p}}{more}}}{rest}}}}}", where)
        for more, rest, where in (
            (", initialMetadata: [{value: v}]", "", "extProc.grpcService.initialMetadata[0].key"),
            (", initialMetadata: [{key: k, value: '%'}]", "", "extProc.grpcService.initialMetadata[0].value"),
            ("", ", messageTimeout: 3601s", "extProc.messageTimeout"),
            ("", ", mutationRules: {allowExpression: {regex: '('}}", "extProc.mutationRules.allowExpression.regex"),
            ("", ", forwardRules: {allowedHeaders: {}}", "extProc.forwardRules.allowedHeaders.patterns"),
        )
    ),
    (HttpListenerOptions, "{wasm: {filters: [{}]}}", "wasm.filters[0].filePath"),
    (HttpListenerOptions, "{wasm: {filters: [{image: x}]}}", "wasm.filters[0].image"),
    (HttpListenerOptions, "{wasm: {filters: [{filePath: x, config: {'@type': x}}]}}", "wasm.filters[0].config"),
    (HttpListenerOptions, "{extProc: {}}", "extProc.grpcService.extProcServerRef"),
    (
        RouteOptions,
        "{csrf: {additionalOrigins: [{safeRegex: {regex: '('}}]}}",
        "csrf.additionalOrigins[0].safeRegex.regex",
    ),
    (RouteOptions, "{csrf: {additionalOrigins: [{}]}}", "csrf.additionalOrigins[0]"),
    (RouteOptions, "{rbac: {policies: {p: {}}}}", "rbac.policies.p.principals"),
    (RouteOptions, "{rbac: {policies: {p: {principals: [{}]}}}}", "rbac.policies.p.principals[0].jwtPrincipal.claims"),
    (
        RouteOptions,
        "{rbac: {policies: {p: {principals: [{jwtPrincipal: {claims: {a: maybe}, matcher: BOOLEAN}}]}}}}",
        "rbac.policies.p.principals[0].jwtPrincipal.claims.a",
    ),
    *(
        (
            RouteOptions,
            "{rbac: {policies: {p: {principals: [{jwtPrincipal: {claims: {a: %s}, matcher: %s}}]}}}}" % wrong,  # noqa: UP031 - it has braces of its own
            "rbac.policies.p.principals[0].jwtPrincipal.claims.a",
        )
        for wrong in (
            ("1", "BOOLEAN"),
            ("[true]", "BOOLEAN"),
            ("[]", "LIST_CONTAINS"),
            ("9007199254740993", "EXACT_STRING"),
            (".nan", "EXACT_STRING"),
            ("[.inf]", "LIST_CONTAINS"),
        )
    ),
    (VirtualHostOptions, "{jwt: {}}", "jwt.providers"),
    (VirtualHostOptions, "{jwt: {providers: {p: {}}}}", "jwt.providers.p.jwks"),
    (
        VirtualHostOptions,
        "{jwtStaged: {beforeExtAuth: {providers: {p: {jwks: {local: {key: x}}}}}}}",
        "jwtStaged.beforeExtAuth.providers.p.jwks.local.key",
    ),
    (VirtualHostOptions, "{stats: {virtualClusters: [{name: x}]}}", "stats.virtualClusters[0].pattern"),
    (VirtualHostOptions, "{stats: {virtualClusters: [{pattern: x}]}}", "stats.virtualClusters[0].name"),
]


@pytest.mark.parametrize("message, text, where", FAULTS)
def test_what_cannot_be_is_found_with_its_place(message: type, text: str, where: str) -> None:
    found = list(faults(msgspec.yaml.decode(text, type=message)))
    assert [at for at, _, _ in found] == [where]
    assert all(what for _, what, _ in found)


def faults(options: Any) -> Any:
    for field in msgspec.structs.fields(options):
        value = getattr(options, field.name)
        if value not in (None, (), {}):
            yield from BY_KIND[field.encode_name].faults(value, field.encode_name)


@pytest.mark.parametrize(
    "text, words", [("5xx, conect-failure", "Did you mean 'connect-failure'?"), ("often", "Use 5xx")]
)
def test_a_condition_of_retries_that_envoy_passes_over_is_told(text: str, words: str) -> None:
    ((where, told, mend),) = BY_KIND["retries"].omits(RetryPolicy(retry_on=text), "retries")
    assert (where, words in mend) == ("retries.retryOn", True), (told, mend)


def test_a_percent_sign_that_is_written_twice_is_one() -> None:
    text = "{headerManipulation: {responseHeadersToAdd: [{header: {key: x, value: '100%% %REQ(a):3% %PROTOCOL%'}}]}}"
    assert not list(faults(msgspec.yaml.decode(text, type=RouteOptions)))


@pytest.mark.parametrize("case", sorted((GOLDEN / "gloo/route-options").iterdir()), ids=lambda case: case.name)
def test_every_field_is_told_with_the_policy_that_asks_for_it(case: Path) -> None:
    made = translation({**objects(GOLDEN / "base.yaml"), **objects(case / "in.yaml")})
    request = request_from("GET", "http://127.0.0.1:8080/api/x")
    told = explain(made, request).effects
    (option,) = (value for ref, value in objects(case / "in.yaml").items() if ref.kind == "RouteOption")
    assert isinstance(option, RouteOption)
    fields = msgspec.structs.fields(RouteOptions)
    wanted = {one.encode_name for one in fields if getattr(option.spec.options, one.name) not in (None, (), {})}
    assert {effect.kind for effect in told} == wanted
    assert {(effect.route.kind, effect.where.split(".")[1]) for effect in told} == {("RouteOption", "options")}
    assert all(effect.does and not effect.does.endswith(".") for effect in told)


def test_a_feature_has_the_method_of_each_place_that_it_serves() -> None:
    for feature in BY_KIND.values():
        places = ("on_route", "on_backend", *(place for places in PLACES.values() for place in places))
        assert feature.works(*places) or feature.http_filter() or feature.upstream_filter()


def test_what_policies_do_on_a_host_is_told_but_for_what_its_route_says_itself() -> None:
    case = GOLDEN / "gloo/virtual-host-options/fields/in.yaml"
    own = """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: own}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {csrf: {}, headerManipulation: {requestHeadersToRemove: [x]}}
"""
    made = translation({**objects(GOLDEN / "base.yaml"), **objects(case), **objects(own)})
    told = explain(made, request_from("GET", "http://127.0.0.1:8080/", [("host", "www.one.com")])).effects
    by_kind = [(effect.kind, effect.route.kind) for effect in told]
    assert ("csrf", "RouteOption") in by_kind
    assert ("csrf", "VirtualHostOption") not in by_kind
    assert {kind for kind, by in by_kind if by == "VirtualHostOption"} >= {"cors", "ratelimit", "headerManipulation"}
    assert ("headerManipulation", "RouteOption") in by_kind


def test_a_host_that_is_closed_says_why() -> None:
    made = translation(
        {**objects(GOLDEN / "base.yaml"), **objects(GOLDEN / "gloo/virtual-host-options/closed/in.yaml")}
    )
    told = explain(made, request_from("GET", "http://127.0.0.1:8080/", [("host", "www.one.com")])).outcome
    assert (told.kind, told.status) == ("answered", 500)
    assert "VirtualHostOption default/o spec.options.waf" in told.why
