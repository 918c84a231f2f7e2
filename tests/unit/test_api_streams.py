"""TLSRoute, TCPRoute and UDPRoute as an API server would take them, by version."""

import pytest

from support.objects.cases import objects, problem

TEMPLATE = """
apiVersion: gateway.networking.k8s.io/{version}
kind: {kind}
metadata: {{name: r}}
spec: {{{spec}}}
"""
RULE = "{backendRefs: [{name: a, port: 80}]}"


def manifest(kind: str, spec: str, version: str = "v1") -> str:
    return TEMPLATE.format(kind=kind, spec=spec, version=version)


@pytest.mark.parametrize(
    ("kind", "version", "spec"),
    [
        ("TCPRoute", "v1", f"rules: [{RULE}]"),
        ("UDPRoute", "v1", f"rules: [{RULE}], useDefaultGateways: All"),
        ("TCPRoute", "v1alpha2", f"rules: [{RULE}, {RULE}]"),
        ("TLSRoute", "v1", f"hostnames: ['*.a.test'], rules: [{RULE}]"),
        ("TLSRoute", "v1alpha3", f"hostnames: [a.test], rules: [{RULE}]"),
        ("TLSRoute", "v1alpha2", f"rules: [{RULE}]"),
        ("TLSRoute", "v1", f"hostnames: [{', '.join(f'h{at}.test' for at in range(1024))}], rules: [{RULE}]"),
        ("TCPRoute", "v1", "rules: [{name: one, backendRefs: [{name: a, group: example.com, kind: Bucket}]}]"),
    ],
)
def test_good(kind: str, version: str, spec: str) -> None:
    assert objects(manifest(kind, spec, version))


@pytest.mark.parametrize(
    ("kind", "version", "spec", "words"),
    [
        ("TCPRoute", "v1", f"rules: [{RULE}, {RULE}]", "spec.rules: has 2 rules; v1 takes one"),
        ("TCPRoute", "v1", "parentRefs: [{name: g}]", "spec: object missing required field 'rules'"),
        ("TCPRoute", "v1", "rules: [{}]", "spec.rules[0]: object missing required field 'backendRefs'"),
        ("TCPRoute", "v1", "rules: [{backendRefs: []}]", "spec.rules[0].backendRefs: expected 'array' of length >= 1"),
        ("TCPRoute", "v1", f"hostnames: [a.test], rules: [{RULE}]", "spec.hostnames: TCPRoute has no such field"),
        ("UDPRoute", "v1", "rules: [{backendRefs: [{name: a}]}]", "backendRefs[0].port: must be given for a Service"),
        ("UDPRoute", "v1alpha3", f"rules: [{RULE}]", "version 'v1alpha3' of UDPRoute is not served"),
        ("UDPRoute", "v1", "rules: [{backendRefs: [{name: a, port: 80, filters: []}]}]", "has no such field"),
        ("TLSRoute", "v1", f"rules: [{RULE}]", "spec.hostnames: must be given"),
        ("TLSRoute", "v1alpha3", f"rules: [{RULE}]", "spec.hostnames: must be given"),
        ("TLSRoute", "v1", f"hostnames: [1.2.3.4], rules: [{RULE}]", "hostnames[0]: '1.2.3.4' is an IP address"),
        ("TLSRoute", "v1", f"hostnames: ['*'], rules: [{RULE}]", "spec.hostnames[0]"),
        ("TLSRoute", "v1", f"hostnames: ['*.*.test'], rules: [{RULE}]", "spec.hostnames[0]"),
        (
            "TCPRoute",
            "v1alpha2",
            "rules: [{name: x, backendRefs: [{name: a, port: 1}]}, {name: x, backendRefs: [{name: a, port: 1}]}]",
            "spec.rules: two rules have the same name",
        ),
        (
            "TCPRoute",
            "v1",
            f"parentRefs: [{{name: g}}, {{name: g, port: 9}}], rules: [{RULE}]",
            "spec.parentRefs: 'g' is named several times",
        ),
    ],
)
def test_refused(kind: str, version: str, spec: str, words: str) -> None:
    assert words in problem(manifest(kind, spec, version))
