"""The log of a proxy as what happened to a request, and its dump beside what it should have."""

from daemun.cli.dumps import differences, options_of
from daemun.explain import explain, request_from
from daemun.ir.resource import CLUSTER
from daemun.trial.traced import MARK, aspects, trace
from support.objects.cases import objects, translation

_HEAD = "[2026-11-28 19:40:10.161][13031][debug][{part}] [source/x.cc:1] "
_TAGS = '[Tags: "ConnectionId":"{c}","StreamId":"{s}"] '
_WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: a, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: main, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: main, port: 9000}]
endpoints: [{addresses: [127.0.0.1]}]
"""


def record(text: str, part: str = "http", c: int = 4, s: int = 1) -> str:
    return _HEAD.format(part=part) + _TAGS.format(c=c, s=s) + text + "\n"


def log(mark: str = "m", s: int = 1, cluster: str = "service/default/a/80", status: int = 200) -> str:
    return "".join(
        [
            record(f"request headers complete (end_stream=true):\n':path', '/x'\n'{MARK}', '{mark}'\n", s=s),
            _HEAD.format(part="pool") + "creating a new connection (connecting=0)\n",
            record(f"cluster '{cluster}' match for URL '/x'", "router", s=s),
            record(
                "router decoding headers:\n':authority', 'a.test'\n':path', '/x'\n'x-set', 'it''s'\n", "router", s=s
            ),
            record("decode headers called: filter=envoy.filters.http.cors status=0", s=s),
            record("decode headers called: filter=envoy.filters.http.upstream_codec status=4", s=s),
            record(f"encoding headers via codec (end_stream=false):\n':status', '{status}'\n", s=s),
            record("Codec completed encoding stream.", s=s),
        ]
    )


def test_a_request_is_told_from_others() -> None:
    whole = "half a line\n" + log("other", 7, "service/default/b/80") + log()
    found = trace(whole, "m")
    assert found is not None
    assert (found.stream, found.cluster, found.status()) == ("1", "service/default/a/80", 200)
    assert found.sent[-1] == ("x-set", "it''s")
    assert [(one.what, one.told) for one in found.steps] == [
        ("router", "cluster 'service/default/a/80' match for URL '/x'"),
        ("envoy.filters.http.cors", "request headers: went on"),
    ]


def test_a_request_that_is_not_over_is_no_trace_yet() -> None:
    assert trace("", "m") is None
    assert trace(log().partition("Codec completed")[0], "m") is None
    assert trace(log(), "another") is None


def test_what_should_have_happened() -> None:
    made = translation(objects(_WORLD))
    expected = explain(made, request_from("GET", "http://a.test/x"))
    found = trace(log(), "m")
    assert found is not None
    assert {(one.what, one.verdict) for one in aspects(expected, found)} == {
        ("cluster", "as it should be"),
        ("path", "as it should be"),
        ("host", "as it should be"),
    }
    elsewhere = trace(log(cluster="service/default/b/80"), "m")
    assert elsewhere is not None
    (only,) = aspects(expected, elsewhere)
    assert (only.should, only.was, only.verdict) == ("service/default/a/80", "service/default/b/80", "differs")


def test_an_answer_of_envoys_own_is_none_of_the_backends() -> None:
    made = translation(objects(_WORLD))
    expected = explain(made, request_from("GET", "http://a.test/x"))
    end = record("Codec completed encoding stream.")
    local = record("Preparing local reply with details upstream_reset_before_response_started{connect}")
    found = trace(log(status=503).replace(end, local + end), "m")
    assert found is not None
    (differs,) = [one for one in aspects(expected, found) if one.verdict == "differs"]
    assert differs.was.startswith("Envoy's own: upstream_reset")


def test_a_dump_with_too_much_and_too_little() -> None:
    made = translation(objects(_WORLD))
    secrets = [{"name": name} for name in ("authority", "*/proxies", "default/old")]
    dump = {
        "configs": [
            {"dynamic_active_clusters": [{"cluster": {"name": "service/default/old/80"}}]},
            {"dynamic_active_secrets": secrets},
        ]
    }
    found = {(one.state, one.type, one.name) for one in differences(dump, made.resources, "default/gw")}
    assert ("too much", "Cluster", "service/default/old/80") in found
    assert ("missing", "Cluster", "service/default/a/80") in found
    assert [name for _, kind, name in found if kind == "Secret"] == ["default/old"]
    assert {one.resource for one in made.resources if one.type_url == CLUSTER} == {"service/default/a/80"}
    assert differences({"configs": []}, made.resources, "default/nobody") == []


def test_what_daemun_was_started_with_is_seen() -> None:
    assert options_of({"configs": []}) == ("", ("extauth", "ratelimit"))
    assert options_of({"log": {"path": "/dev/stdout"}, "cluster_name": "daemun/daemun/extauth"}) == (
        "/dev/stdout",
        ("ratelimit",),
    )
