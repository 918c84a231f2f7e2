"""Gloo's transformations: what they come to, what is wrong with them and where, and which ports have their filters."""

import json
from typing import Any

import msgspec
import pytest
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as mutation_v3
from envoy.extensions.filters.http.lua.v3 import lua_pb2

from daemun.api.gloo.transformation import Transformations, TransformationStages
from daemun.features import FAMILIES, HEAVY, http_filters
from daemun.features.drafts import Draft
from daemun.features.options.transformations import OldTransformations, StagedTransformations
from daemun.features.transformations.stages import stage_programs, waits
from daemun.ir.route import Match, Use

PLAIN = {"transformationTemplate": {"passthrough": {}, "headers": {"a": {"text": "b"}}}}
USE = Use("stagedTransformations", None, "here")


def stages(template: dict[str, Any], of: str = "request", **rest: Any) -> TransformationStages:
    """A regular stage with one template for requests, or for responses."""
    one = {f"{of}Transformation": {"transformationTemplate": template}}
    return msgspec.convert({"regular": {"requestTransforms": [one]}, **rest}, TransformationStages)


def program(template: dict[str, Any], of: str = "request", **rest: Any) -> Any:
    """What the template comes to."""
    programs, faults = stage_programs(stages(template, of, **rest))
    assert not faults
    return programs["regular"]["requests"][0][of]


@pytest.mark.parametrize(
    "template, waited",
    [
        ({"headers": {"a": {"text": "b"}}}, True),
        ({"headers": {"a": {"text": "b"}}, "passthrough": {}}, False),
        ({"headers": {"a": {"text": "b"}}, "parseBodyBehavior": "DontParse"}, False),
        ({"headers": {"a": {"text": "{{ body() }}"}}, "parseBodyBehavior": "DontParse"}, True),
        ({"headers": {"a": {"text": "{{ body() }}"}}, "passthrough": {}}, False),
        ({"extractors": {"a": {"body": {}, "regex": "x"}}, "parseBodyBehavior": "DontParse"}, True),
        ({"body": {"text": ""}, "parseBodyBehavior": "DontParse"}, True),
        ({"mergeExtractorsToBody": {}, "parseBodyBehavior": "DontParse"}, True),
    ],
)
def test_a_body_is_waited_for_only_where_it_is_needed(template: dict[str, Any], waited: bool) -> None:
    assert program(template).get("waits", False) is waited
    assert waits(stage_programs(stages(template, "response"))[0]) is waited


def test_an_empty_body_is_a_body() -> None:
    assert program({"body": {"text": ""}})["body"] == []
    assert "body" not in program({"passthrough": {}})


def test_the_nearest_says_whether_strings_are_escaped() -> None:
    assert program({"passthrough": {}}, escapeCharacters=True)["escape"] is True
    assert "escape" not in program({"passthrough": {}, "escapeCharacters": False}, escapeCharacters=True)


@pytest.mark.parametrize(
    "text, parts",
    [
        ("a", ["a"]),
        ("<$1>$&", ["<", 1, ">", 0]),
        ("$$x$`$'", ["$", "x", -1, -2]),
        ("$12", [1, "2"]),
        ("$02", [2]),
        ("$", ["$"]),
        ("", []),
    ],
)
def test_what_replaces_a_match_is_read_as_ecmascript_does(text: str, parts: list[Any]) -> None:
    one = {"body": {}, "regex": "(a)(b)", "mode": "REPLACE_ALL", "replacementText": text}
    assert program({"extractors": {"x": one}})["extractors"][0]["replacement"] == parts


@pytest.mark.parametrize(
    "template, where, text",
    [
        (
            {"headers": {"a": {"text": "x\n{{ b"}}},
            "headers.a.text",
            "line 2, column 5: expected the end of {{, got 'the end'",
        ),
        (
            {"body": {"text": '{{ env("HOME") }}'}},
            "body.text",
            "line 1, column 4: env(): templates may not read 'HOME'",
        ),
        ({"headers": {"a b": {"text": ""}}}, "headers.a b", "'a b' is not the name of a header"),
        (
            {"headers": {"X-Daemun-Scope": {"text": "x"}}},
            "headers.X-Daemun-Scope",
            "'X-Daemun-Scope' is one of Daemun's own",
        ),
        ({"headersToRemove": ["x-daemun-scope"]}, "headersToRemove[0]", "'x-daemun-scope' is one of Daemun's own"),
        (
            {"headers": {"Content-Length": {"text": "1"}}},
            "headers.Content-Length",
            "'Content-Length' says how long the body is, which a template cannot know",
        ),
        (
            {"headersToRemove": [":path"]},
            "headersToRemove[0]",
            "':path' cannot be removed: there is no message without it",
        ),
        (
            {"headersToRemove": ["Host"]},
            "headersToRemove[0]",
            "'Host' cannot be removed: there is no message without it",
        ),
        ({"headers": {":status": {"text": "200"}}}, "headers.:status", "':status' is not here"),
        ({"headersToAppend": [{"key": ":x", "value": {"text": ""}}]}, "headersToAppend[0].key", "':x' is not here"),
        (
            {"extractors": {"a": {"header": "x", "regex": "("}}},
            "extractors.a.regex",
            "cannot be used as a regular expression, at 1:2: unmatched '('",
        ),
        (
            {"extractors": {"a": {"header": "x", "regex": "a", "subgroup": 1}}},
            "extractors.a.subgroup",
            "is 1, but the expression has 0 groups",
        ),
        ({"extractors": {"a": {"regex": "a"}}}, "extractors.a", "takes from nothing"),
        (
            {"extractors": {"a": {"header": "x", "regex": "a", "mode": "SINGLE_REPLACE"}}},
            "extractors.a.replacementText",
            "is missing, and SINGLE_REPLACE needs it",
        ),
        (
            {
                "extractors": {
                    "a": {"header": "x", "regex": "(a)", "subgroup": 1, "mode": "REPLACE_ALL", "replacementText": ""}
                }
            },
            "extractors.a.subgroup",
            "is not for REPLACE_ALL, which replaces whole matches",
        ),
        ({"dynamicMetadataValues": [{"value": {"text": "a"}}]}, "dynamicMetadataValues[0].key", "is missing"),
    ],
)
def test_what_is_wrong_has_its_place(template: dict[str, Any], where: str, text: str) -> None:
    faults = StagedTransformations().faults(stages(template), "spec.options.stagedTransformations")
    inner = (
        "spec.options.stagedTransformations.regular.requestTransforms[0].requestTransformation.transformationTemplate"
    )
    assert [fault[:2] for fault in faults] == [(f"{inner}.{where}", text)]


@pytest.mark.parametrize(
    "transformation, text",
    [
        ({}, "says nothing to do"),
        ({"xsltTransformation": {"xslt": "<x/>"}}, "is not possible: Envoy knows no XSLT"),
    ],
)
def test_a_transformation_that_cannot_be_done_is_refused(transformation: dict[str, Any], text: str) -> None:
    spec = {"early": {"responseTransforms": [{"responseTransformation": transformation}]}}
    faults = stage_programs(msgspec.convert(spec, TransformationStages), "at")[1]
    assert [fault[1] for fault in faults] == [text]


def test_matchers_with_bad_expressions_are_refused() -> None:
    matcher = {"regex": "(", "headers": [{"name": "a", "value": ")", "regex": True}], "connectMatcher": {}}
    spec = {"regular": {"requestTransforms": [{"matcher": matcher}]}}
    faults = stage_programs(msgspec.convert(spec, TransformationStages), "at")[1]
    inner = "at.regular.requestTransforms[0].matcher"
    assert {fault[0] for fault in faults} == {f"{inner}.connectMatcher", f"{inner}.headers[0].value", f"{inner}.regex"}


def configured(spec: TransformationStages, *, shares: int = 0) -> dict[str, Any]:
    """What a route has of it, by filter; or the first of so many shares that have it instead."""
    feature, proto = StagedTransformations(), route_v3.Route()
    if shares:
        for _ in range(shares):
            assert feature.on_backend(spec, proto.route.weighted_clusters.clusters.add())
    else:
        feature.on_route(spec, USE, Draft(proto, Match("here"), 80, False))
    of: Any = proto.route.weighted_clusters.clusters[0] if shares else proto
    found: dict[str, Any] = {}
    for name, packed in of.typed_per_filter_config.items():
        kinds = (mutation_v3.HeaderMutationPerRoute, route_v3.FilterConfig, lua_pb2.LuaPerRoute)
        found[name] = next(kind() for kind in kinds if packed.Is(kind.DESCRIPTOR))
        packed.Unpack(found[name])
    return found


def test_a_share_has_its_own_in_place_of_its_route_s() -> None:
    found = configured(stages({"passthrough": {}, "headers": {"a": {"text": "b"}}}), shares=1)
    assert found["daemun.transformations.early"].disabled
    written = json.loads(found["daemun.transformations"].filter_context["program"])
    assert written == {"stage": "regular", "requests": [{"request": {"headers": [["a", ["b"]]]}}]}
    assert "daemun.transformations.headers" not in found


def test_a_route_whose_shares_have_programs_has_the_script_because_envoy_would_do_both() -> None:
    spec, proto = stages({"passthrough": {}, "headers": {"a": {"text": "b"}}}), route_v3.Route()
    StagedTransformations().on_backend(spec, proto.route.weighted_clusters.clusters.add())
    StagedTransformations().on_route(spec, USE, Draft(proto, Match("here"), 80, False))
    assert "daemun.transformations.headers" not in proto.typed_per_filter_config


def test_the_new_field_is_in_place_of_the_old_one_in_its_stage() -> None:
    proto = route_v3.Route()
    draft = Draft(proto, Match("here"), 80, False)
    plain = {"requestTransformation": {"transformationTemplate": {"passthrough": {}, "headers": {"a": {"text": "b"}}}}}
    OldTransformations().on_route(msgspec.convert(plain, Transformations), USE, draft)
    assert "daemun.transformations.headers" in proto.typed_per_filter_config
    StagedTransformations().on_route(stages({"headers": {"a": {"text": "c"}}}), USE, draft)
    assert "daemun.transformations.headers" not in proto.typed_per_filter_config


@pytest.mark.parametrize(
    "text, value",
    [
        ("b", "b"),
        ("100 %", "100 %%"),
        ('{{ header("X-B") }}', "%REQ(x-b)%"),
        ('a{{ request_header(":path") }}\n', "a%REQ(:path)%"),
        ('{{ "a" + header("b") }}{{ 1 }}', "a%REQ(b)%1"),
        ('{{ header("b") }}/ {{ header(":path") }}', "%REQ(b)%/ %REQ(:path)%"),
    ],
)
def test_headers_that_are_only_joined_are_for_envoy_s_own_filter(text: str, value: str) -> None:
    found = configured(stages({"passthrough": {}, "headers": {"a": {"text": text}}}))
    assert found["daemun.transformations"].disabled
    changes = found["daemun.transformations.headers"].mutations.request_mutations
    assert changes[-1].append.header.value == value


@pytest.mark.parametrize(
    "template, further",
    [
        ({"headers": {"a": {"text": '{{ upper(header("b")) }}'}}}, {}),
        ({"headers": {"a": {"text": '{{ header("a") }}'}}}, {}),  # what it may be empty of is what is removed first
        ({"headers": {"a": {"text": '{{ header("b") }} c'}}}, {}),  # the script would cut the blank
        ({"headers": {"a": {"text": '%DYNAMIC_METADATA(["b"])%'}}}, {}),
        ({"headers": {"a": {"text": '{{ header("b") }}'}}}, {"escapeCharacters": True}),
        ({"headers": {":path": {"text": "/"}}}, {}),
        ({"headers": {"a": {"text": "b"}}, "extractors": {"c": {"header": "d", "regex": "e"}}}, {}),
        ({"headers": {"a": {"text": "b" * 9000}}}, {}),
    ],
)
def test_what_could_come_out_otherwise_is_for_the_script(template: dict[str, Any], further: dict[str, Any]) -> None:
    found = configured(stages({"passthrough": {}, **template}, **further))
    assert not found["daemun.transformations"].disabled
    assert "daemun.transformations.headers" not in found


def test_a_response_that_is_its_request_s_own_is_for_the_script() -> None:
    found = configured(stages({"passthrough": {}, "headers": {"a": {"text": "b"}}}, "response"))
    assert not found["daemun.transformations"].disabled


@pytest.mark.parametrize(
    "template, alone, families",
    [
        ({"passthrough": {}, "headers": {"a": {"text": "b"}}}, True, {"daemun.transformations.headers"}),
        ({"headers": {"a": {"text": "b"}}}, True, {"daemun.transformations"}),
        (
            {"passthrough": {}, "headers": {"a": {"text": "b"}}},
            False,
            {"daemun.transformations", "daemun.transformations.headers"},
        ),
    ],
)
def test_a_port_has_only_the_filters_that_do_something(
    template: dict[str, Any], alone: bool, families: set[str]
) -> None:
    assert set(StagedTransformations().families(stages(template), alone)) == families
    assert families <= FAMILIES | HEAVY.keys() | {"daemun.transformations.last.headers"}


def test_the_filters_stand_around_what_guards() -> None:
    names = [one.name for one in http_filters()]
    at = {name: place for place, name in enumerate(names)}
    assert at["daemun.transformations.early"] < at["envoy.filters.http.cors"]
    assert at["envoy.filters.http.ext_authz"] < at["daemun.transformations"] < at["envoy.filters.http.buffer"]
    assert at["daemun.guards.first"] < at["daemun.transformations.early.headers"]
    assert at["daemun.transformations.early"] < at["daemun.guards.noted"] < at["envoy.filters.http.cors"]
    assert names[-2:] == ["daemun.guards", "daemun.transformations.why"]


def test_behind_the_router_no_other_route_can_be_looked_for() -> None:
    late = {"postRouting": {"requestTransforms": [{"clearRouteCache": True, "requestTransformation": PLAIN}]}}
    spec = msgspec.convert(late, TransformationStages)
    assert stage_programs(spec)[0]["postRouting"]["requests"] == [{"request": {"headers": [["a", ["b"]]]}}]
    [(where, text, _)] = StagedTransformations().omits(spec, "at")
    assert where == "at.postRouting.requestTransforms[0].clearRouteCache"
    assert text == "does nothing: the request is on its way by then"


def test_behind_the_router_only_an_endpoint_s_responses_come_by() -> None:
    both = [
        {"responseCodeDetails": why, "responseTransformation": PLAIN} for why in ("direct_response", "via_upstream")
    ]
    spec = msgspec.convert({"postRouting": {"responseTransforms": both}}, TransformationStages)
    programs = stage_programs(spec)[0]
    assert programs["postRouting"]["responses"] == [{"response": {"headers": [["a", ["b"]]]}}]
    assert list(StagedTransformations().families(spec, alone=True)) == ["daemun.transformations.last.headers"]
