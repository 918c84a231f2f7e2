"""Gloo's resources: its names, what protobuf's JSON may look like in YAML, and fields that exclude each other."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import daemun.api.gloo
from daemun.api.decode import decode, served
from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import BY_NAME, KINDS, Kind
from daemun.api.meta import Api
from daemun.base.durations import nanoseconds
from daemun.base.names import Ref

_GLOO = [kind for kind in KINDS if issubclass(kind.type, GlooResource)]


def _messages() -> Iterator[type[Api]]:
    for found in pkgutil.iter_modules(daemun.api.gloo.__path__):
        module = importlib.import_module(f"daemun.api.gloo.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Api) and value.__module__ == module.__name__:
                yield value


def _object(group: str, kind: str, spec: object) -> dict[str, Any]:
    version = BY_NAME[group, kind].versions[0]
    return {
        "apiVersion": f"{group}/{version}",
        "kind": kind,
        "metadata": {"name": "it", "namespace": "ns"},
        "spec": spec,
    }


def _spec(group: str, kind: str, spec: object) -> Any:
    found = decode(_object(group, kind, spec))
    assert found is not None
    assert not found.problems, found.problems
    assert isinstance(found.value, BY_NAME[group, kind].type)
    return msgspec.structs.asdict(found.value)["spec"]


def _problem(group: str, kind: str, spec: object) -> tuple[str, str]:
    found = decode(_object(group, kind, spec))
    assert found is not None
    assert found.value is None
    return found.problems[0].where, found.problems[0].text


@pytest.mark.parametrize("message", list(_messages()), ids=lambda message: message.__name__)
def test_what_excludes_each_other_are_fields_that_may_be_absent(message: type[Api]) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(message)}
    for group in getattr(message, "ONE_OF", ()):
        assert len(group) > 1
        assert [name for name in group if fields[name].default is not None] == []


@pytest.mark.parametrize("kind", _GLOO, ids=lambda kind: kind.kind)
def test_nothing_but_a_spec_needs_to_be_said(kind: Kind) -> None:
    spec = {"status": 200} if kind.kind == "DirectResponse" else {}
    assert _spec(kind.group, kind.kind, spec) is not None


def test_all_kinds_of_gloo_are_there() -> None:
    assert len(_GLOO) == 18


def test_a_route_option_as_it_is_written() -> None:
    spec = _spec(
        "gateway.solo.io",
        "RouteOption",
        {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "a"}],
            "options": {
                "timeout": "1.5s",
                "prefixRewrite": "/",
                "faults": {"abort": {"percentage": 50, "httpStatus": 503}},
                "envoyMetadata": {"a.b": {"any": ["thing", 1]}},
                "hostRewritePathRegex": {"pattern": {"regex": "^/(.+)$"}, "substitution": r"\1"},
                "stagedTransformations": {
                    "early": {
                        "requestTransforms": [
                            {
                                "matcher": {"prefix": "/"},
                                "requestTransformation": {
                                    "transformationTemplate": {
                                        "extractors": {"id": {"header": ":path", "regex": ".*", "subgroup": 1}},
                                        "headers": {"x-id": {"text": "{{ id }}"}},
                                        "passthrough": {},
                                    }
                                },
                            }
                        ]
                    }
                },
            },
        },
    )
    options = spec.options
    assert options.timeout == "1.5s"
    assert options.faults.abort.percentage == 50.0
    assert options.envoy_metadata == {"a.b": {"any": ["thing", 1]}}
    template = options.staged_transformations.early.request_transforms[0].request_transformation.transformation_template
    assert template.extractors["id"].subgroup == 1
    assert template.passthrough is not None
    assert template.body is None


def test_numbers_that_json_cannot_hold_may_be_strings() -> None:
    def ring(size: object) -> object:
        load = {"ringHash": {"ringHashConfig": {"minimumRingSize": size}}}
        spec = _spec("gloo.solo.io", "Upstream", {"loadBalancerConfig": load})
        return spec.load_balancer_config.ring_hash.ring_hash_config.minimum_ring_size

    assert (ring(100), ring("100")) == (100, "100")
    for number in (2**63, -(2**63) - 1, "9999999999999999999"):
        options = {"options": {"socketOptions": [{"intValue": number}]}}
        assert _problem("gateway.solo.io", "ListenerOption", options)[0] == "spec.options.socketOptions[0].intValue"
    assert _problem("gloo.solo.io", "Upstream", {"maxConcurrentStreams": 2**32})[0] == "spec.maxConcurrentStreams"


def test_a_filter_of_filters() -> None:
    either = {"orFilter": {"filters": [{"statusCodeFilter": {"comparison": {"op": "GE"}}}, {"traceableFilter": {}}]}}
    spec = _spec(
        "gateway.solo.io",
        "ListenerOption",
        {"options": {"accessLoggingService": {"accessLog": [{"filter": {"andFilter": {"filters": [either]}}}]}}},
    )
    inner = spec.options.access_logging_service.access_log[0].filter.and_filter.filters[0].or_filter.filters
    assert inner[0].status_code_filter.comparison.op == "GE"
    assert inner[1].traceable_filter is not None


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"options": {"timeOut": "5s"}}, "spec.options.timeOut"),
        ({"options": {"timeout": "5"}}, "spec.options.timeout"),
        ({"options": {"retries": {"numRetries": -1}}}, "spec.options.retries.numRetries"),
    ],
)
def test_what_is_wrong_is_named(spec: object, where: str) -> None:
    assert _problem("gateway.solo.io", "RouteOption", spec)[0] == where


def test_an_unknown_field_in_a_map_is_named() -> None:
    template = {"extractors": {"id": {"heder": ":path"}}}
    stages = {"regular": {"requestTransforms": [{"requestTransformation": {"transformationTemplate": template}}]}}
    where, _ = _problem("gateway.solo.io", "RouteOption", {"options": {"stagedTransformations": stages}})
    assert where.endswith("transformationTemplate.extractors.id.heder")


def test_of_fields_that_exclude_each_other_one_may_be_set() -> None:
    matcher = {"prefix": "/a", "exact": "/b", "methods": ["GET"]}
    document = _object("gateway.solo.io", "RouteTable", {"routes": [{}, {"matchers": [matcher]}]})
    found = decode(document)
    assert found is not None
    assert found.value is None
    problem = found.problems[0]
    assert problem.where == "spec.routes[1].matchers[0]"
    assert problem.text == "prefix and exact exclude each other: set one of prefix, exact"
    from_server = served(problem.ref, BY_NAME["gateway.solo.io", "RouteTable"], msgspec.json.encode(document))
    assert from_server.value is None
    assert from_server.problems == found.problems


def test_of_gateways_the_group_tells() -> None:
    found = decode(_object("gateway.solo.io", "Gateway", {"bindPort": 8080, "httpGateway": {}}))
    assert found is not None
    assert found.ref == Ref("gateway.solo.io", "Gateway", "ns", "it")
    assert BY_NAME["gateway.networking.k8s.io", "Gateway"].type is not BY_NAME["gateway.solo.io", "Gateway"].type


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("5s", 5e9), ("0.5s", 5e8), ("1m30s", 9e10), ("100ms", 1e8), (".25s", 25e7), ("1.5h", 5400e9)],
)
def test_durations_as_go_writes_them(text: str, expected: float) -> None:
    assert nanoseconds(text) == expected
