"""Every problem with a manifest names the object, the field, what is wrong there and, where there is one, the mend."""

import pytest

from daemun.api.core import Secret, Service
from daemun.api.decode import decode, identify
from daemun.api.gateway import Gateway
from daemun.api.routes import HTTPRoute
from daemun.base.names import Ref
from support.objects.cases import objects, problem

ROUTE = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {rules: [RULE]}\n"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{bakendRefs: []}", "spec.rules[0].bakendRefs: HTTPRoute has no such field Did you mean 'backendRefs'?"),
        (
            "{matches: [{zzz: 1}]}",
            (
                "spec.rules[0].matches[0].zzz: HTTPRoute has no such field "
                "Remove it, or check the API version that it belongs to."
            ),
        ),
        (
            "{backendRefs: [{name: a, port: '80'}]}",
            "spec.rules[0].backendRefs[0].port: expected 'int | null', got 'str' (it is '80') Leave out the quotes.",
        ),
        (
            "{backendRefs: [{name: a, port: 65536}]}",
            "spec.rules[0].backendRefs[0].port: expected 'int' <= 65535 (it is 65536)",
        ),
        (
            "{backendRefs: [{port: 80}]}",
            "spec.rules[0].backendRefs[0]: object missing required field 'name' Give it name.",
        ),
        (
            "{matches: [{path: {type: exact, value: /}}]}",
            (
                "spec.rules[0].matches[0].path.type: is none of the values that it may have (it is 'exact') "
                "Did you mean 'Exact'?"
            ),
        ),
        (
            "{matches: [{method: 418x}]}",
            (
                "spec.rules[0].matches[0].method: is none of the values that it may have (it is '418x') "
                "Use GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH."
            ),
        ),
        (
            "{backendRefs: [{name: no}]}",
            (
                "spec.rules[0].backendRefs[0].name: expected 'str', got 'bool' (it is False) "
                "Put it into quotes: without them YAML reads no, off, yes and on as true or false."
            ),
        ),
        (
            "{timeouts: {request: soon}}",
            (
                "spec.rules[0].timeouts.request: is not a duration (it is 'soon') "
                "Write 500ms or 1m30s, say, with whole numbers."
            ),
        ),
        (
            "{matches: [{path: {value: x}}]}",
            (
                "spec.rules[0].matches[0].path.value: 'x' must start with '/' "
                "This is a rule of the API; an API server refuses the object too."
            ),
        ),
        ("5", "spec.rules[0]: expected 'object', got 'int' (it is 5) Write fields: NAME: VALUE."),
        (
            "{backendRefs: a}",
            "spec.rules[0].backendRefs: expected 'array', got 'str' (it is 'a') Write a list: [ONE, ANOTHER].",
        ),
    ],
)
def test_a_wrong_field(rule: str, expected: str) -> None:
    assert problem(ROUTE.replace("RULE", rule)) == f"HTTPRoute default/r {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just: this", " /: this is not a Kubernetes object Give it apiVersion, kind and metadata."),
        (
            "apiVersion: gateway.networking.k8s.io/v2\nkind: Gateway\nmetadata: {name: g}",
            "Gateway default/g apiVersion: version 'v2' of Gateway is not served Use v1 or v1beta1.",
        ),
        ("apiVersion: v1\nkind: Service", "Service default/ metadata: is missing or not a mapping"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: A_b}", "metadata.name: 'A_b' is not a name Use lower-case"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: 5}", "metadata.namespace: 5 is not a name"),
        ("apiVersion: v1\nkind: Service\nmetadata: {}", "metadata.name: '' is not a name"),
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\nspecs: {}",
            "Gateway default/g specs: Gateway has no such field Did you mean 'spec'?",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 0}]}",
            "Service default/s spec.ports[0].port: expected 'int' >= 1 (it is 0)",
        ),
    ],
)
def test_a_wrong_object(text: str, expected: str) -> None:
    assert expected.strip(" /:") in problem(text).strip(" /:")


def test_a_problem_with_a_secret_never_shows_its_content() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
    for wrong in ("data: {k: hunter2!}", "stringData: {k: 12345678}", "type: 12345678"):
        shown = problem(text + wrong)
        assert "hunter2" not in shown
        assert "12345678" not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {good: Z29vZA==, tls.crt: '%%%'}",
            (
                "Secret default/s data[tls.crt]: invalid base64 encoded string "
                "Encode it with base64; a Secret also takes it as it is, below stringData."
            ),
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: x, port: 80}",
            "Secret default/s stringData.port: expected 'str', got 'int' Put it into quotes.",
        ),
        (
            (
                "apiVersion: gateway.solo.io/v1\nkind: RouteOption\nmetadata: {name: o}\nspec: {options: {rbac: "
                "{policies: {a: {}, b.c: {principals: [{}, {jwtPrincipal: {matcher: REGEX}}]}}}}}"
            ),
            (
                "RouteOption default/o spec.options.rbac.policies[b.c].principals[1].jwtPrincipal.matcher: "
                "is none of the values that it may have (it is 'REGEX') Use EXACT_STRING, BOOLEAN or LIST_CONTAINS."
            ),
        ),
    ],
)
def test_which_key_of_a_mapping_is_wrong(text: str, expected: str) -> None:
    assert problem(text) == expected


def test_half_a_character_is_refused_and_the_problem_can_be_printed() -> None:
    decoded = decode({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "\ud800"}, "spec": {}})
    assert decoded is not None
    assert str(decoded.problems[0]).startswith("Service default/?: holds half a character")


def test_nesting_is_bounded() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    decoded = decode({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": deep})
    assert decoded is not None
    assert "nested too deep" in decoded.problems[0].text


def test_other_kinds_are_left_alone() -> None:
    assert decode({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}) is None
    assert identify("text") is None
    assert identify({"apiVersion": "v1"}) is None


def test_cluster_scoped_kinds_have_no_namespace_and_others_have_one() -> None:
    meta = {"name": "x", "namespace": "ns"}
    assert identify({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}) == Ref("", "Namespace", "", "x")
    assert identify({"apiVersion": "v1", "kind": "Service", "metadata": meta}) == Ref("", "Service", "ns", "x")
    assert identify({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}) == Ref(
        "", "Service", "default", "x"
    )


def test_nulls_are_not_there_and_unknown_fields_of_other_apis_do_not_matter() -> None:
    (value,) = objects(
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, creationTimestamp: null, uid: x}\n"
        "spec: {clusterIP: None, ports: [{port: 80, name: null}]}"
    ).values()
    assert isinstance(value, Service)
    assert value.metadata.creation_timestamp == ""
    assert value.spec.ports[0].name == ""


def test_defaults_are_those_of_the_api() -> None:
    (route,) = objects(ROUTE.replace("RULE", "{backendRefs: [{name: a, port: 80}]}")).values()
    assert isinstance(route, HTTPRoute)
    rule = route.spec.rules[0]
    assert (rule.matches[0].path.type, rule.matches[0].path.value) == ("PathPrefix", "/")
    assert (rule.backend_refs[0].weight, rule.backend_refs[0].kind) == (1, "Service")


def test_older_versions_are_read() -> None:
    for version in ("v1", "v1beta1"):
        text = f"apiVersion: gateway.networking.k8s.io/{version}\nkind: Gateway\nmetadata: {{name: g}}\nspec: SPEC"
        spec = "{gatewayClassName: c, listeners: [{name: l, port: 80, protocol: HTTP}]}"
        (gateway,) = objects(text.replace("SPEC", spec)).values()
        assert isinstance(gateway, Gateway)
        assert gateway.spec.listeners[0].allowed_routes.namespaces.from_ == "Same"


def test_secrets_decode_base64_also_over_several_lines_and_never_show_it() -> None:
    (secret,) = objects(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        "data:\n  a: |\n    aHVu\n    dGVy\n  b: YQ==\nstringData: {b: wins}"
    ).values()
    assert isinstance(secret, Secret)
    assert (secret.get("a"), secret.get("b"), secret.get("c")) == (b"hunter", b"wins", None)
    assert "hunter" not in repr(secret)
    assert repr(secret) == "<Secret default/s>"
    assert secret.__rich_repr__() == [("name", "default/s")]
