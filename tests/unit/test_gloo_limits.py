"""Rate limits beyond what the goldens show: what a change touches, whose service is asked, what explain says."""

import json

import pytest

from daemun.api.gloo.status import GlooStatus
from daemun.base.names import Name
from daemun.explain import explain
from daemun.explain.request import request_from
from daemun.ir.backend import OWN_LIMITS
from daemun.ir.quotas import SERVER, decoded
from daemun.ir.resource import encode
from daemun.translate import Translation
from support.checks.render import messages
from support.objects.cases import objects, problem, translation

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: gate}], rules: [{backendRefs: [{name: a, port: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {rateLimitConfigs: {refs: [{name: few}]}}
"""
ACTIONS = """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {ratelimit: {rateLimits: [{actions: [{remoteAddress: {}}]}]}}
"""


def config(requests: int, key: str = "a") -> str:
    return f"""
apiVersion: ratelimit.solo.io/v1alpha1
kind: RateLimitConfig
metadata: {{name: few}}
spec:
  raw:
    descriptors: [{{key: generic_key, value: {key}, rateLimit: {{requestsPerUnit: {requests}, unit: MINUTE}}}}]
    rateLimits: [{{actions: [{{genericKey: {{descriptorValue: {key}}}}}]}}]
"""


def settings(spec: object) -> str:
    metadata = {"name": "default", "namespace": "gloo-system"}
    return json.dumps({"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": metadata, "spec": spec})


def server(name: str, namespace: str = "gloo-system") -> str:
    return settings({"ratelimitServer": {"ratelimitServerRef": {"name": name, "namespace": namespace}}})


def asked(made: Translation) -> set[str]:
    """The clusters that limits are asked of, which are not those of backends."""
    clusters = {name for _, kind, name in messages(made) if kind.endswith("Cluster")}
    return clusters - {"service/default/a/80"}


def test_another_number_is_for_the_service_alone() -> None:
    made = translation({**objects(WORLD), **objects(config(10))})
    changed: list[str] = []
    made.resources.subscribe(lambda delta: changed.extend(str(key) for key in delta))
    changed.clear()
    made.apply(objects(config(20)).items())
    assert not changed
    ((key, part),) = made.limits.quotas.items()
    assert (key.proxy, key.resource) == (SERVER, "default.few")
    (root,) = decoded(encode(part)).descriptors
    assert (root.value, root.descriptors[0].quota and root.descriptors[0].quota.requests) == ("default.few", 20)
    made.apply(objects(config(20, "b")).items())
    assert changed, "another action is for the routes"


def test_limits_are_for_the_service_and_for_no_proxy() -> None:
    made = translation({**objects(WORLD), **objects(config(10))})
    assert {key.proxy for key in made.resources} == {"default/gate"}
    made.apply((ref, None) for ref in objects(config(10)))
    assert not made.limits.quotas


def test_the_service_that_gloo_brings_is_ours_where_it_is_gone() -> None:
    world = {**objects(WORLD), **objects(ACTIONS), **objects(server("rate-limit"))}
    assert asked(translation(world)) == {OWN_LIMITS.cluster}
    (told,) = (one for ref, one in translation(world).statuses.items() if ref.kind == "Settings")
    assert isinstance(told, GlooStatus)
    assert told.state == "Accepted"


def test_its_upstream_counts_where_it_is_there() -> None:
    theirs = """
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: rate-limit, namespace: gloo-system}
spec: {static: {hosts: [{addr: 192.0.2.1, port: 8081}]}}
"""
    world = {**objects(WORLD), **objects(ACTIONS), **objects(server("rate-limit")), **objects(theirs)}
    assert asked(translation(world)) == {"upstream/gloo-system/rate-limit/h2c"}


@pytest.mark.parametrize(("strict", "words"), [(False, "are not limited"), (True, "are answered with 500")])
def test_where_there_is_no_service_it_is_told_what_happens(strict: bool, words: str) -> None:
    world = {**objects(WORLD), **objects(config(1)), **objects(settings({"ratelimitServer": {"denyOnFail": strict}}))}
    made = translation(world, ratelimit="")
    (found,) = (one for every in made.problems.values() for one in every if one.code == "NoServer")
    assert found.warning
    assert words in found.text
    assert asked(made) == set()


def test_explain_says_which_limits_a_request_meets() -> None:
    made = translation({**objects(WORLD), **objects(config(10))})
    said = explain(made, request_from("GET", "http://a.test:8080/"))
    does = [one.does for one in said.effects]
    assert any("asks the rate limit service about the limits of RateLimitConfig default/few" in one for one in does)


POLICY = """
apiVersion: daemun.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRefs: [{kind: HTTPRoute, name: r}]
"""


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "set local or global"),
        ("  local: [{requests: 1, per: 10ms}]", "spec.local[0].per"),
        ("  global: [{requests: 1, per: 1500ms}]", "spec.global[0].per"),
        ("  global: [{requests: 1, per: 0s}]", "spec.global[0].per"),
        ("  local: [{requests: 1, by: [{type: Header}]}]", "spec.local[0].by[0].name"),
        ("  global: [{requests: 1, by: [{type: Path, name: x}]}]", "spec.global[0].by[0].name"),
        ("  local: [{requests: 1, by: [{type: Header, name: a}, {type: Header, name: A}]}]", "the same"),
        ("  local: [{requests: 0}]", "requests"),
    ],
)
def test_what_is_no_policy(spec: str, words: str) -> None:
    assert words in problem(POLICY + spec)


def test_the_older_policy_counts_and_the_other_one_is_told() -> None:
    first = POLICY + "  local: [{requests: 1}]"
    second = first.replace("name: p}", "name: q}")
    made = translation({**objects(WORLD), **objects(config(1)), **objects(first), **objects(second)})
    told = {ref.name: [one.code for one in every] for ref, every in made.problems.items()}
    assert told == {"q": ["Conflicted"]}
    assert made.limits.policies[Name("default", "p")].options
