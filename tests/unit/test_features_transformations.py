"""Gloo's transformations: what they come to, what is wrong with them and where, and which ports have their filters."""

import json
from typing import Any

import msgspec
import pytest
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.lua.v3 import lua_pb2

from daemun.api.gloo.transformation import TransformationStages
from daemun.features import RARE, http_filters
from daemun.features.options.transformations import StagedTransformations
from daemun.features.transformations.stages import stage_programs, waits


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


def test_a_share_has_its_own_in_place_of_its_route_s() -> None:
    share = route_v3.WeightedCluster.ClusterWeight()
    assert StagedTransformations().on_backend(stages({"passthrough": {}, "headers": {"a": {"text": "b"}}}), share)
    found = {name: lua_pb2.LuaPerRoute() for name in share.typed_per_filter_config}
    for name, config in found.items():
        assert share.typed_per_filter_config[name].Unpack(config)
    assert found["daemun.transformations.early"].disabled
    written = json.loads(found["daemun.transformations"].filter_context["program"])
    assert written == [{"stage": "regular", "requests": [{"request": {"headers": [["a", ["b"]]]}}]}]


def test_the_filters_stand_around_what_guards_and_only_where_they_are_used() -> None:
    assert not any(one.name.startswith("daemun.transformations") for one in http_filters({}))
    names = [one.name for one in http_filters({}, RARE)]
    at = {name: place for place, name in enumerate(names)}
    assert at["daemun.transformations.early"] < at["envoy.filters.http.cors"]
    assert at["envoy.filters.http.ext_authz"] < at["daemun.transformations"] < at["envoy.filters.http.buffer"]
    assert names[-1] == "daemun.transformations.why"
