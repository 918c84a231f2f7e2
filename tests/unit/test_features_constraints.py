"""Envoy's own rules about its messages: each kind of rule that occurs, broken and kept."""

from typing import Any

import pytest
from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3
from envoy.type.matcher.v3 import string_pb2
from google.protobuf import json_format

from daemun.features.constraints import broken


def faults(**fields: Any) -> list[tuple[str, str]]:
    return list(broken(json_format.ParseDict({"name": "c", **fields}, cluster_pb2.Cluster())))


CHECK = {"timeout": "1s", "interval": "1s", "unhealthyThreshold": 1, "healthyThreshold": 1, "tcpHealthCheck": {}}


@pytest.mark.parametrize(
    "fields, found",
    [
        ({}, []),
        ({"healthChecks": [CHECK]}, []),
        ({"name": ""}, [("name", "must have 1 characters at least")]),
        ({"connectTimeout": "0s"}, [("connectTimeout", "must be more than 0s (it is 0s)")]),
        ({"connectTimeout": "0.5s"}, []),
        ({"dnsRefreshRate": "0.0005s"}, [("dnsRefreshRate", "must be more than 0.001s (it is 0.0005s)")]),
        (
            {"outlierDetection": {"maxEjectionPercent": 101}},
            [("outlierDetection.maxEjectionPercent", "must be at most 100 (it is 101)")],
        ),
        ({"healthChecks": [CHECK | {"interval": None}]}, [("healthChecks[0].interval", "must be given")]),
        (
            {
                "lbSubsetConfig": {"subsetSelectors": [{"keys": ["a"]}]},
                "preconnectPolicy": {"predictivePreconnectRatio": 9},
            },
            [("preconnectPolicy.predictivePreconnectRatio", "must be at most 3 (it is 9)")],
        ),
        (
            {"loadAssignment": {"endpoints": []}},
            [("loadAssignment.clusterName", "must have 1 characters at least")],
        ),
        ({"metadata": {"filterMetadata": {"": {}}}}, []),
    ],
)
def test_rules(fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert faults(**fields) == found


def test_what_is_packed_is_looked_at_too() -> None:
    cluster = cluster_pb2.Cluster(name="c")
    cluster.typed_extension_protocol_options["http"].Pack(http_v3.HttpProtocolOptions())
    ((path, text),) = broken(cluster)
    assert path == "typedExtensionProtocolOptions.http"
    assert text.startswith("one of explicitHttpConfig, useDownstreamProtocolConfig")


def test_what_is_not_chosen_of_several_need_not_be_there() -> None:
    matcher = string_pb2.StringMatcher(exact="a")
    assert list(broken(matcher)) == []
    assert list(broken(string_pb2.StringMatcher(safe_regex={}))) == [
        ("safeRegex.regex", "must have 1 characters at least")
    ]


def test_a_header_has_no_line_breaks() -> None:
    header = base_pb2.HeaderValue(key="a\nb", value="v")
    assert list(broken(header)) == [("key", "must not have line breaks in it")]


def test_a_text_that_is_none_of_those_there_are() -> None:
    ((path, text),) = broken(accesslog_pb2.ResponseFlagFilter(flags=["UH", "QQ"]))
    assert path == "flags[1]"
    assert text.startswith("'QQ' is none of ")
