"""What Envoy's header mutation does in place of the script is what the script does, whatever template and message."""

import http.client
import json
from collections.abc import Iterable
from typing import Any

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemun.api.gloo.transformation import TransformationStages
from daemun.features import http_filters, upstream_filters
from daemun.features.transformations.native import native
from daemun.features.transformations.places import put_on_route
from daemun.features.transformations.stages import Programs, stage_programs
from support.envoys.standing import StandingEnvoy
from support.servers.ports import free_port

_TYPE = "type.googleapis.com/envoy.extensions.filters"
# What is behind says what it got, and answers with headers of the same names.
_BEHIND = """
function envoy_on_request(handle)
  local told, answer = {}, { [":status"] = "200" }
  for name, value in pairs(handle:headers()) do
    if name:sub(1, 2) == "x-" then
      told[#told + 1] = name .. "\1" .. value
      answer[name] = answer[name] or {}
      table.insert(answer[name], value)
    end
  end
  handle:respond(answer, table.concat(told, "\2"))
end
"""
_NAMES = ("x-a", "x-b", "x-c", "x-long-name")
_signs = st.sampled_from(
    [
        "a",
        "B",
        " ",
        "  ",
        "%",
        "%%",
        "%REQ(x-b)%",
        '%DYNAMIC_METADATA(["a","b"])%',
        "\\",
        '"',
        ",",
        "ü",
        "\t",
        "{",
        "$1",
    ]
)
_texts = st.lists(_signs, max_size=4).map("".join)
_reads = st.builds(
    '{{{{ {}("{}") }}}}'.format, st.sampled_from(["header", "request_header"]), st.sampled_from([*_NAMES, ":method"])
)
_joined = st.builds('{{{{ header("x-b") + {} }}}}'.format, _texts.map(json.dumps))
_literals = st.one_of(st.integers(-9, 2**53 - 1).map(str), _texts.map(json.dumps)).map("{{{{ {} }}}}".format)
_compared = st.one_of(st.sampled_from(["a", "", "é", 'a"%', "="]).map(json.dumps), _reads.map(lambda one: one[3:-3]))
_conditions = st.recursive(
    st.one_of(
        st.builds("{} {} {}".format, _compared, st.sampled_from(["==", "!="]), _compared),
        _reads.map(lambda one: one[3:-3]),
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=3,
)
_chosen = st.sampled_from(["", "yes", " no", "%REQ(x-a)%", "it's", ")%", "a b", "ü", "\\", '"', "1"])
_choices = st.one_of(
    st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, _conditions, _chosen, _chosen),
    st.builds("{{% if {} %}}{}{{% else if {} %}}{}{{% endif %}}".format, _conditions, _chosen, _conditions, _chosen),
)
_templates = st.lists(
    st.one_of(_texts.filter(lambda text: "{" not in text), _reads, _reads, _joined, _literals, _choices, _choices),
    max_size=4,
).map("".join)
_names = st.sampled_from(_NAMES)
_changes = st.fixed_dictionaries(
    {},
    optional={
        "headers": st.dictionaries(_names, _templates, max_size=3),
        "headersToAppend": st.lists(st.tuples(_names, _templates), max_size=2),
        "headersToRemove": st.lists(_names, max_size=1),
        "escapeCharacters": st.booleans(),
    },
)
_values = st.lists(st.sampled_from(["a", "%", "é", '"', " ", "%REQ(x-a)%", "\t"]), max_size=3).map("".join)
_messages = st.lists(st.tuples(_names, _values.map(str.strip)), max_size=4)


def _template(changes: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in changes.items() if name not in {"headers", "headersToAppend"}}
    found["headers"] = {name: {"text": text} for name, text in changes.get("headers", {}).items()}
    found["headersToAppend"] = [
        {"key": name, "value": {"text": text}} for name, text in changes.get("headersToAppend", ())
    ]
    return {"transformationTemplate": {"passthrough": {}, **found}}


def _stage(request: dict[str, Any] | None, response: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if request is not None:
        found["requestTransforms"] = [{"requestTransformation": _template(request)}]
    if response is not None:
        found["responseTransforms"] = [{"responseTransformation": _template(response)}]
    return found


_stages = st.builds(_stage, st.none() | _changes, st.none() | _changes)
_specs = st.builds(
    lambda early, regular, last: msgspec.convert(
        {"early": early, "regular": regular, "postRouting": last}, TransformationStages
    ),
    _stages,
    _stages,
    _stages,
)


@given(specs=st.lists(_specs, min_size=30, max_size=60), messages=st.lists(_messages, min_size=3, max_size=5))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_envoy_s_own_header_mutation_does_what_the_script_does(
    specs: list[TransformationStages], messages: list[list[tuple[str, str]]]
) -> None:
    made = [stage_programs(spec)[0] for spec in specs]
    ours = [one for one in made if one and all(native(stage) is not None for stage in one.values())]
    routes = [
        _route(f"/{way}/{number}/", one, natively=way == "fast")
        for way in ("fast", "slow")
        for number, one in enumerate(ours)
    ]
    port = free_port()
    envoy = StandingEnvoy(_bootstrap(port, free_port(), routes), port)
    try:
        for number in range(len(ours)):
            for message in messages:
                one, other = (_asked(envoy.connection, f"/{way}/{number}/", message) for way in ("fast", "slow"))
                assert one == other, (specs[made.index(ours[number])], message)
    finally:
        envoy.close()


def _asked(connection: http.client.HTTPConnection, path: str, headers: list[tuple[str, str]]) -> tuple[Any, ...]:
    connection.putrequest("GET", path)
    for name, value in headers:
        connection.putheader(name, value.encode())
    connection.endheaders()
    answer = connection.getresponse()
    told = [one.partition("\1")[::2] for one in answer.read().decode("latin-1").split("\2") if one]
    return answer.status, _by_name(told), _by_name(answer.getheaders())


def _by_name(headers: Iterable[tuple[str, ...]]) -> dict[str, list[str]]:
    """Those of one name in their order; between names none is kept."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name in _NAMES:
            found.setdefault(name, []).append(value)
    return found


def _route(prefix: str, programs: Programs, *, natively: bool) -> dict[str, Any]:
    route = route_v3.Route(match={"prefix": prefix}, route={"cluster": "behind"})
    put_on_route(route, programs, alone=True, natively=natively)
    found: dict[str, Any] = json_format.MessageToDict(route)
    return found


def _bootstrap(port: int, behind: int, routes: list[dict[str, Any]]) -> dict[str, Any]:
    filters = [one for one in http_filters() if one.name.startswith("daemun.transformations")]
    lua = {"@type": f"{_TYPE}.http.lua.v3.Lua", "default_source_code": {"inline_string": _BEHIND}}
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": behind}}}
    cluster = {
        "name": "behind",
        "load_assignment": {"cluster_name": "behind", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
    listeners = [
        _listener(port, [json_format.MessageToDict(one) for one in filters], routes),
        _listener(behind, [{"name": "behind", "typed_config": lua}], []),
    ]
    return {"static_resources": {"listeners": listeners, "clusters": [cluster]}}


def _listener(port: int, filters: list[dict[str, Any]], routes: list[dict[str, Any]]) -> dict[str, Any]:
    last = [json_format.MessageToDict(one) for one in upstream_filters()]
    codec = {"name": "codec", "typed_config": {"@type": f"{_TYPE}.http.upstream_codec.v3.UpstreamCodec"}}
    router = {
        "@type": f"{_TYPE}.http.router.v3.Router",
        "suppress_envoy_headers": True,
        "upstream_http_filters": [*last, codec],
    }
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "law",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, {"name": "router", "typed_config": router}],
    }
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
