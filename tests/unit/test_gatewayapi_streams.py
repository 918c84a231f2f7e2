"""Who takes the streams that come in, and how those are told who do not."""

import pytest

from daemun.base.names import Ref
from daemun.explain import explain, request_from
from daemun.translate import Translation
from support.objects.cases import objects

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec:
  gatewayClassName: daemun
  listeners:
  - {name: tcp, port: 9000, protocol: TCP}
  - {name: udp, port: 9000, protocol: UDP}
  - {name: wide, port: 9443, protocol: TLS, hostname: "*.test", tls: {mode: Passthrough}}
  - {name: exact, port: 9443, protocol: TLS, hostname: exact.test, tls: {mode: Passthrough}}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
"""


def route(kind: str, name: str, year: int, section: str, *hosts: str) -> str:
    hostnames = f"hostnames: [{', '.join(repr(host) for host in hosts)}], " if hosts else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, creationTimestamp: "{year}-01-01T00:00:00Z"}}
spec:
  {{parentRefs: [{{name: gate, sectionName: {section}}}], {hostnames}rules: [{{backendRefs: [{{name: a, port: 80}}]}}]}}
"""


def made(*routes: str) -> Translation:
    translation = Translation()
    translation.apply(objects(WORLD + "".join(routes)).items())
    assert not translation.graph.failures
    return translation


def told(translation: Translation, kind: str, name: str) -> list[str]:
    found = translation.problems.get(Ref("gateway.networking.k8s.io", kind, "default", name), ())
    assert all(one.warning for one in found)
    return [one.text for one in found]


def test_the_oldest_takes_all_and_the_others_are_told() -> None:
    old, young = route("TCPRoute", "z", 2020, "tcp"), route("TCPRoute", "a", 2021, "tcp")
    for order in ((old, young), (young, old)):
        translation = made(*order)
        assert told(translation, "TCPRoute", "z") == []
        assert told(translation, "TCPRoute", "a") == [
            "the older TCPRoute default/z takes all that comes in on listener tcp"
        ]
    assert told(made(young), "TCPRoute", "a") == []


def test_by_server_name() -> None:
    translation = made(
        route("TLSRoute", "old", 2020, "wide", "a.test", "exact.test"),
        route("TLSRoute", "young", 2021, "wide", "a.test", "b.test"),
    )
    assert told(translation, "TLSRoute", "old") == [
        "listener exact is more specific and has what comes in for exact.test"
    ]
    assert told(translation, "TLSRoute", "young") == [
        "the older TLSRoute default/old takes all that comes in for a.test on listener wide"
    ]


def test_the_more_specific_hostname_takes_all_though_others_are_older() -> None:
    wild = route("TLSRoute", "wild", 2020, "exact", "*.test")
    exact = route("TLSRoute", "named", 2021, "exact", "*.test", "exact.test")
    for order in ((wild, exact), (exact, wild)):
        translation = made(*order)
        assert told(translation, "TLSRoute", "named") == []
        assert told(translation, "TLSRoute", "wild") == [
            "the more specific TLSRoute default/named takes all that comes in for exact.test on listener exact"
        ]
        outcome = explain(translation, request_from("GET", "https://exact.test:9443/", [])).outcome
        assert "TLSRoute default/named sends it" in outcome.why


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("http://127.0.0.1:9000/", "passed", "TCPRoute default/t sends it to service/default/a/80/tcp (weight 1)"),
        ("https://a.test:9443/", "passed", "listener wide passes it on as it is, unread: TLSRoute default/s"),
        ("https://b.test:9443/", "closed", "listener wide (TLS) has no route"),
        ("https://exact.test:9443/", "closed", "listener exact (TLS) has no route"),
        ("https://elsewhere.org:9443/", "closed", "no listener on port 9443"),
        ("http://a.test:9443/", "closed", "speaks TLS"),
    ],
)
def test_explain_says_where_streams_go(url: str, kind: str, words: str) -> None:
    translation = made(route("TCPRoute", "t", 2020, "tcp"), route("TLSRoute", "s", 2020, "wide", "a.test"))
    outcome = explain(translation, request_from("GET", url, [])).outcome
    assert outcome.kind == kind
    assert words in outcome.why
