"""Gloo's GatewayParameters: what lies over what, and what of them has no effect."""

from typing import Any

import msgspec
import pytest
import yaml

from daemun.api.gloo.parameters import GatewayParametersSpec
from daemun.gatewayapi.settings import cluster
from daemun.gloo.parameters import SERVED, merged
from daemun.translate import Translation
from support.scenes.churn import typed


def spec(**kube: Any) -> GatewayParametersSpec:
    return msgspec.convert({"kube": kube}, GatewayParametersSpec)


@pytest.mark.parametrize(
    ("general", "own", "result"),
    [
        ({}, {"deployment": {"replicas": 2}}, {"deployment": {"replicas": 2}}),
        ({"deployment": {"replicas": 2}}, {}, {"deployment": {"replicas": 2}}),
        ({"deployment": {"replicas": 2}}, {"deployment": {"replicas": 0}}, {"deployment": {"replicas": 0}}),
        (
            {"podTemplate": {"extraLabels": {"a": "1", "b": "1"}}},
            {"podTemplate": {"extraLabels": {"b": "2"}}},
            {"podTemplate": {"extraLabels": {"a": "1", "b": "2"}}},
        ),
        (
            {"podTemplate": {"extraLabels": {"a": "1"}, "tolerations": [{"key": "a"}]}},
            {"podTemplate": {"extraLabels": {}, "tolerations": []}},
            {"podTemplate": {"extraLabels": {}, "tolerations": []}},
        ),
        (
            {"podTemplate": {"tolerations": [{"key": "a"}]}},
            {"podTemplate": {"tolerations": [{"key": "b"}]}},
            {"podTemplate": {"tolerations": [{"key": "a"}, {"key": "b"}]}},
        ),
        (
            {"envoyContainer": {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}},
            {"envoyContainer": {"resources": {"limits": {"cpu": "2"}}}},
            {"envoyContainer": {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}},
        ),
        (
            {"istio": {"customSidecars": [{"name": "a"}]}},
            {"istio": {"customSidecars": [{"name": "b"}]}},
            {"istio": {"customSidecars": [{"name": "b"}]}},
        ),
    ],
)
def test_own_lies_over_general(general: dict[str, Any], own: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(spec(**general), spec(**own)) == spec(**result)


def _translated(*parameters: dict[str, Any]) -> Translation:
    made = Translation(cluster(yaml.safe_load))
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "annotations": {"gateway.gloo.solo.io/gateway-parameters-name": "own"}},
        "spec": {
            "gatewayClassName": "gloo-gateway",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }
    own = {
        "apiVersion": "gateway.gloo.solo.io/v1alpha1",
        "kind": "GatewayParameters",
        "metadata": {"name": "own"},
    }
    made.apply(typed([gateway, *({**own, "spec": one} for one in parameters)]))
    return made


def test_what_has_no_effect_is_said() -> None:
    image = {"registry": "r.internal", "repository": "solo-io/gloo-envoy-wrapper", "tag": "1"}
    made = _translated(
        {"kube": {"envoyContainer": {"image": image}, "sdsContainer": {"bootstrap": {"logLevel": "debug"}}}}
    )
    (found,) = made.problems.values()
    assert [problem.warning for problem in found] == [True, True]
    said = sorted(problem.text for problem in found)
    assert said[0].startswith("GatewayParameters default/own, spec.kube.envoyContainer.image is Gloo's own Envoy")
    assert said[1].startswith("GatewayParameters default/own, spec.kube.sdsContainer is not served")
    (placement,) = made.placements.values()
    assert placement.made
    assert placement.overrides.image is None


def test_another_image_is_run() -> None:
    image = {"registry": "r.internal", "repository": "copy/daemun", "tag": "1", "digest": "sha256:" + "0" * 64}
    made = _translated({"kube": {"envoyContainer": {"image": image}}})
    assert not made.problems
    (placement,) = made.placements.values()
    assert placement.overrides.image == f"r.internal/copy/daemun:1@sha256:{'0' * 64}"


def test_a_value_that_does_not_fit_names_its_field() -> None:
    made = _translated({"kube": {"envoyContainer": {"bootstrap": {"logLevel": "loud"}}}})
    (found,) = made.problems.values()
    (problem,) = found
    assert "GatewayParameters default/own, spec.kube.envoyContainer.bootstrap.logLevel" in problem.text
    (placement,) = made.placements.values()
    assert placement.held


def test_every_field_is_decided() -> None:
    assert list(SERVED.undecided()) == []
