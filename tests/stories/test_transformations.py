"""Stories of Gloo's transformations: templates in RouteOptions and VirtualHostOptions, through a real Envoy."""

import base64
import json
from typing import Any

import pytest
import pytest_asyncio
import yaml

from support.clients.client import connection as connected
from support.clients.client import exchange, websocket
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
GLOO = "gateway.solo.io/v1"
OTHER_PORT = free_port()
LOG_FORMAT = "who=%DYNAMIC_METADATA(io.solo.transformation:who)%\n"


def option(name: str, target: str, stages: Doc, kind: str = "HTTPRoute", **options: Any) -> Doc:
    """A policy with transformations, for a route, or for a Gateway's hosts."""
    of = "RouteOption" if kind == "HTTPRoute" else "VirtualHostOption"
    found = {"stagedTransformations": stages, **options} if stages else options
    target_ref = {"group": "gateway.networking.k8s.io", "kind": kind, "name": target}
    return {
        "apiVersion": GLOO,
        "kind": of,
        "metadata": {"name": name},
        "spec": {"targetRefs": [target_ref], "options": found},
    }


OPTIONS: dict[str, Doc] = yaml.safe_load("""
headers:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        passthrough: {}
        headers:
          x-new: {text: '{{ upper(header("x-old")) }}'}
          x-gone: {text: ''}
          x-path: {text: '{{ header(":path") }}'}
        headersToRemove: [x-secret]
        headersToAppend:
        - {key: x-many, value: {text: more}}
        - {key: x-many, value: {text: '{{ 1 + 1 }}'}}
query:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        passthrough: {}
        extractors:
          name: {header: ':path', regex: '.*[?&]name=([^&]*).*', subgroup: 1}
        headers: {x-name: {text: '{{ name }}'}}
advanced:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        advancedTemplates: true
        extractors:
          n.m: {header: ':path', regex: '.*[?&]name=([^&]*).*', subgroup: 1}
        headers:
          x-name: {text: '{{ extraction("n.m") }}'}
          x-deep: {text: '{{ a/b.c }}'}
json:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        body: {text: '{"user":"{{ user.name }}","tags":{{ tags }},"first":"{{ tags.0 }}"}'}
        headers: {x-user: {text: '{{ user.name }}'}}
merge:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        extractors:
          seen.agent: {header: user-agent, regex: '.*'}
        mergeExtractorsToBody: {}
lenient:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        ignoreErrorOnParse: true
        headers: {x-a: {text: '{{ default(a, "none") }}'}}
lift:
  requestTransforms:
  - requestTransformation: {headerBodyTransform: {addRequestMetadata: true}}
status:
  responseTransforms:
  - responseTransformation:
      transformationTemplate:
        passthrough: {}
        headers:
          ':status': {text: '{% if header("x-fail") == "yes" %}418{% else %}{{ header(":status") }}{% endif %}'}
base64:
  responseTransforms:
  - responseTransformation:
      transformationTemplate:
        parseBodyBehavior: DontParse
        body: {text: '{{ base64_encode(body()) }}'}
        headers: {content-type: {text: text/plain}}
escaped:
  responseTransforms:
  - responseTransformation:
      transformationTemplate:
        escapeCharacters: true
        body: {text: '{"said":"{{ body_of }}","by":"{{ name }}"}'}
        extractors:
          body_of: {header: x-said, regex: '.*'}
asked:
  responseTransforms:
  - responseTransformation:
      transformationTemplate:
        passthrough: {}
        headers: {x-asked: {text: '{{ request_header("x-old") }}'}}
random:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        passthrough: {}
        headers: {x-a: {text: '{{ replace_with_random("<R>", "R") }}'}}
replace:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        parseBodyBehavior: DontParse
        extractors:
          all: {body: {}, regex: '[0-9]+', mode: REPLACE_ALL, replacementText: '<$&>'}
          one: {header: x-old, regex: '(.*)-(.*)', subgroup: 2, mode: SINGLE_REPLACE, replacementText: X}
        body: {text: '{{ all }}'}
        headers: {x-one: {text: '{{ one }}'}}
why:
  responseTransforms:
  - responseCodeDetails: upstream_reset_before_response_started{connection_termination}
    responseTransformation:
      transformationTemplate:
        parseBodyBehavior: DontParse
        headers: {':status': {text: '503'}}
        body: {text: 'sorry, {{ header(":status") }}'}
  - responseTransformation:
      transformationTemplate:
        passthrough: {}
        headers: {x-details: {text: '{{ header("x-daemun-details") }}'}}
picked:
  requestTransforms:
  - matcher: {prefix: /picked/a, methods: [GET]}
    requestTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: a}}}}
    responseTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: a}}}}
  - matcher: {headers: [{name: x-old, value: '[bc]+', regex: true}]}
    requestTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: b}}}}
  - matcher: {queryParameters: [{name: q, value: '1'}]}
    requestTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: q}}}}
  responseTransforms:
  - matchers: [{name: ':status', value: '404'}]
    responseTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: missing}}}}
  - responseTransformation: {transformationTemplate: {passthrough: {}, headers: {x-which: {text: any}}}}
fails:
  requestTransforms:
  - requestTransformation: {transformationTemplate: {passthrough: {}, headers: {x-a: {text: '{{ no.such }}'}}}}
fails-late:
  responseTransforms:
  - responseTransformation: {transformationTemplate: {passthrough: {}, headers: {x-a: {text: '{{ 1 / 0 }}'}}}}
smuggles:
  requestTransforms:
  - requestTransformation: {transformationTemplate: {headers: {x-a: {text: '{{ a }}'}}}}
metadata:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        passthrough: {}
        dynamicMetadataValues:
        - {key: who, value: {text: '{{ header("x-old") }}'}}
        - {key: deep, metadataNamespace: own, jsonToProto: true, value: {text: '{"a":[1,true]}'}}
        headers:
          x-who: {text: '{{ dynamic_metadata("who") }}'}
          x-deep: {text: '{{ dynamic_metadata("deep:a", "own") }}'}
path:
  requestTransforms:
  - requestTransformation:
      transformationTemplate:
        passthrough: {}
        headers: {':path': {text: '{{ header("x-old") }}'}}
both-ways:
  requestTransforms:
  - requestTransformation: {transformationTemplate: {headers: {x-a: {text: '{{ length(a) }}'}}}}
    responseTransformation: {transformationTemplate: {headers: {x-a: {text: '{{ length(body) }}'}}}}
elsewhere:
  requestTransforms:
  - clearRouteCache: true
    requestTransformation: {transformationTemplate: {passthrough: {}, headers: {':path': {text: /moved}}}}
""")

ALSO = {"lenient": [prefix("/ws")], "why": [prefix("/reset")]}
"""Further paths of a route."""

STAGED: Doc = {
    stage: {
        "requestTransforms": [
            {
                "requestTransformation": {
                    "transformationTemplate": {
                        "passthrough": {},
                        "headers": {"x-order": {"text": f'{{{{ header("x-order") }}}}{stage[0]}'}},
                    }
                }
            }
        ]
    }
    for stage in ("early", "regular", "postRouting")
}
"""Each stage leaves its letter."""


def setting(**headers: str) -> Doc:
    """A transformation that sets headers, and lets the body stream."""
    found = {name.replace("_", "-"): {"text": text} for name, text in headers.items()}
    return {"transformationTemplate": {"passthrough": {}, "headers": found}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shared: World) -> World:
    """A route with a RouteOption for each of the stories; one host more has a VirtualHostOption."""
    await shared.echo("a", "b")
    shared.write("gate.yaml", gateway("gw", listener(shared.port)))
    shared.write("moved.yaml", route("moved", rule(prefix("/moved"), to="b")))
    for name, stages in OPTIONS.items():
        shared.write(
            f"{name}.yaml",
            route(name, rule(prefix(f"/{name}"), *ALSO.get(name, ()), to="a")),
            option(name, name, {"regular": stages}),
        )
    old = {"requestTransformation": setting(x_new="old way")}
    shared.write("old.yaml", route("old", rule(prefix("/old"), to="a")), option("old", "old", {}, transformations=old))
    shared.write("staged.yaml", route("staged", rule(prefix("/staged"), to="a")), option("staged", "staged", STAGED))
    sink = {"fileSink": {"path": str(shared.base / "who.log"), "stringFormat": LOG_FORMAT}}
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    logging = {"targetRefs": [target], "options": {"accessLoggingService": {"accessLog": [sink]}}}
    shared.write(
        "log.yaml", {"apiVersion": GLOO, "kind": "ListenerOption", "metadata": {"name": "log"}, "spec": logging}
    )
    exact = route("exact", rule(prefix("/"), to="a"), hosts=["exact.example"])
    shared.write("exact.yaml", exact, option("exact", "exact", STAGED))
    hosts = {
        "early": {"requestTransforms": [{"requestTransformation": setting(x_early="host")}]},
        "regular": {"requestTransforms": [{"requestTransformation": setting(x_regular="host")}]},
    }
    mine = {"regular": {"requestTransforms": [{"requestTransformation": setting(x_regular="route")}]}}
    shared.write("other.yaml", gateway("other", listener(OTHER_PORT)), option("hosts", "other", hosts, "Gateway"))
    shared.write("plain.yaml", route("plain", rule(prefix("/plain"), to="a"), parents=["other"]))
    shared.write(
        "mine.yaml", route("mine", rule(prefix("/mine"), to="a"), parents=["other"]), option("mine", "mine", mine)
    )
    joined = mine | {"inheritTransformation": True}
    shared.write(
        "both.yaml", route("both", rule(prefix("/both"), to="a"), parents=["other"]), option("both", "both", joined)
    )
    await shared.start(clean=False, access_log=str(shared.base / "log"))
    return shared


async def test_headers_are_set_from_headers_appended_and_removed(scene: World) -> None:
    sent = [("x-old", "abc"), ("x-gone", "here"), ("x-secret", "s"), ("x-many", "one")]
    got = await scene.ask("/headers/1?q=2", headers=sent)
    assert got.sent("x-new") == ["ABC"]
    assert got.sent("x-path") == ["/headers/1?q=2"]
    assert got.sent("x-gone") == got.sent("x-secret") == []
    assert got.sent("x-many") == ["one", "more", "2"]


async def test_query_parameters_are_extracted(scene: World) -> None:
    assert (await scene.ask("/query?a=1&name=Kim&b=2")).sent("x-name") == ["Kim"]
    assert (await scene.ask("/query?a=1")).sent("x-name") == []
    got = await scene.ask("/advanced?name=Kim", "POST", body=b'{"a":{"b.c":7}}')
    assert (got.sent("x-name"), got.sent("x-deep")) == (["Kim"], ["7"])


async def test_a_json_body_is_rewritten(scene: World) -> None:
    got = await scene.ask("/json", "POST", body=b'{"user": {"name": "Kim \xc3\xa9"}, "tags": ["a", "b"], "secret": 1}')
    assert json.loads(got.seen["body"].encode("latin-1")) == {"user": "Kim é", "tags": ["a", "b"], "first": "a"}
    assert got.sent("content-length") == [str(len(got.seen["body"]))]
    assert got.sent("x-user")[0].encode("latin-1").decode() == "Kim é"
    merged = await scene.ask(
        "/merge", "POST", body=b'{"b": 12345678901234567890, "a": 1.0}', headers={"user-agent": "me"}
    )
    assert merged.seen["body"] == '{"a":1.0,"b":12345678901234567890,"seen":{"agent":"me"}}'


async def test_a_long_body_is_held_up_to_a_mebibyte(scene: World) -> None:
    long = "x" * 500_000
    got = await scene.ask("/json", "POST", body=json.dumps({"user": {"name": "n"}, "tags": [long]}).encode())
    assert json.loads(got.seen["body"])["tags"] == [long]
    assert (await scene.ask("/json", "POST", body=b'"' + b"x" * 1_100_000 + b'"')).status == 413


async def test_what_is_too_long_is_not_transformed_on_its_way_back(scene: World) -> None:
    got = await scene.ask("/both-ways", "POST", body=b'{"a":"' + b"x" * 100_000 + b'"}')
    assert (got.status, got.sent("x-a"), got.headers["x-a"]) == (200, ["100000"], "100008")
    got = await scene.ask("/both-ways", "POST", body=b'{"a":"' + b"x" * 1_100_000 + b'"}')
    assert (got.status, got.body) == (413, b"Payload Too Large")
    got = await scene.ask("/both-ways", "POST", body=b"no")
    assert (got.status, got.body) == (400, b"bad request: parse error at line 1, column 1: expected a value")


async def test_a_body_that_is_no_json_is_a_bad_request_unless_that_is_fine(scene: World) -> None:
    got = await scene.ask("/json", "POST", body=b"{no")
    assert (got.status, got.body) == (400, b"bad request: parse error at line 1, column 2: expected a name")
    assert (await scene.ask("/lenient", "POST", body=b"{no")).sent("x-a") == ["none"]
    assert (await scene.ask("/lenient", "POST", body=b'{"a":"some"}')).sent("x-a") == ["some"]


async def test_all_of_a_request_becomes_a_body(scene: World) -> None:
    got = await scene.ask("/lift/x?a=1&b=%20&a=2", "POST", body=b"text", headers=[("x-m", "1"), ("x-m", "2")])
    found = json.loads(got.seen["body"])
    assert (found["body"], found["httpMethod"], found["path"], found["queryString"]) == (
        "text",
        "POST",
        "/lift/x",
        "a=1&b=%20&a=2",
    )
    assert found["queryStringParameters"] == {"a": "2", "b": " "}
    assert found["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert found["multiValueHeaders"] == {"x-m": ["1", "2"]}
    assert found["headers"]["x-m"] == "2"
    assert got.sent("content-type") == ["application/json"]


async def test_the_status_of_a_response_is_changed(scene: World) -> None:
    assert (await scene.ask("/status")).status == 200
    assert (await scene.ask("/status", headers={"x-echo-set": "x-fail: yes"})).status == 418


async def test_the_body_of_a_response_is_encoded_and_escaped(scene: World) -> None:

    got = await scene.ask("/base64")
    assert json.loads(base64.b64decode(got.body))["path"] == "/base64"
    assert got.headers["content-type"] == "text/plain"
    got = await scene.ask("/escaped", headers={"x-echo-set": 'x-said: "yes"'})
    assert json.loads(got.body) == {"said": '"yes"', "by": "a"}


async def test_a_response_knows_its_request(scene: World) -> None:
    assert (await scene.ask("/asked", headers={"x-old": "abc"})).headers["x-asked"] == "abc"


async def test_random_text_is_new_for_each_request(scene: World) -> None:
    first, second = [(await scene.ask("/random")).sent("x-a")[0] for _ in range(2)]
    assert first != second
    assert len(first) == len("<>") + 22


async def test_matches_are_replaced(scene: World) -> None:
    got = await scene.ask("/replace", "POST", body=b"a1b22", headers={"x-old": "k-v"})
    assert (got.seen["body"], got.sent("x-one")) == ("a<1>b<22>", ["k-X"])


async def test_the_first_match_is_done_and_its_own_response_comes_first(scene: World) -> None:
    got = await scene.ask("/picked/a")
    assert (got.sent("x-which"), got.headers["x-which"]) == (["a"], "a")
    got = await scene.ask("/picked/a", "POST", headers={"x-old": "bcb"})
    assert (got.sent("x-which"), got.headers["x-which"]) == (["b"], "any")
    got = await scene.ask("/picked/x?q=1", headers={"x-old": "bd"})
    assert (got.sent("x-which"), got.headers["x-which"]) == (["q"], "any")
    got = await scene.ask("/picked/status/404", headers={"x-echo-status": "404"})
    assert (got.status, got.headers["x-which"]) == (404, "missing")


async def test_stages_come_in_their_order(scene: World) -> None:
    assert (await scene.ask("/staged")).sent("x-order") == ["erp"]


async def test_a_host_of_a_scope_of_its_own_has_them_too(scene: World) -> None:
    assert (await scene.ask("/x", host="exact.example")).sent("x-order") == ["erp"]
    assert (await scene.ask("/x", host="EXACT.example")).sent("x-order") == ["erp"]


async def test_what_fails_in_a_template_is_told_as_gloo_tells_it(scene: World) -> None:
    got = await scene.ask("/fails")
    problem = b"bad request: [inja.exception.render_error] (at 1:4) variable 'no.such' not found"
    assert (got.status, got.body) == (400, problem)
    got = await scene.ask("/fails-late")
    assert (got.status, got.body) == (400, b"bad request: division by zero")
    assert (await scene.ask("/headers")).status == 200


async def test_no_header_is_smuggled_in(scene: World) -> None:
    got = await scene.ask("/smuggles", "POST", body=b'{"a": "x\\r\\nx-admin: yes"}')
    assert (got.status, got.body) == (400, b"bad request: header 'x-a' would have a line end in it")
    assert (await scene.ask("/smuggles", "POST", body=b'{"a": " x \\n"}')).sent("x-a") == ["x"]


async def test_a_path_has_no_blank_and_is_never_empty(scene: World) -> None:
    assert (await scene.ask("/path", headers={"x-old": "/new?a=1"})).seen["path"] == "/new?a=1"
    got = await scene.ask("/path", headers={"x-old": "/new HTTP/1.1"})
    assert (got.status, got.body) == (400, b"bad request: header ':path' would have a blank in it")
    assert (await scene.ask("/path")).body == b"bad request: header ':path' would be empty"


async def test_json_that_nests_too_deep_is_a_bad_request(scene: World) -> None:
    for body in (b"[" * 600 + b"]" * 600, b"[" * 300_000):
        got = await scene.ask("/json", "POST", body=body)
        assert (got.status, got.body.endswith(b"nested more than 512 deep")) == (400, True)


async def test_an_access_log_has_what_a_template_told(scene: World) -> None:
    await scene.ask("/metadata", headers={"x-old": "logged"})
    await until(lambda: "who=logged\n" in (scene.base / "who.log").read_text())


async def test_metadata_is_told_to_those_that_come_after(scene: World) -> None:
    got = await scene.ask("/metadata", headers={"x-old": "kim"})
    assert (got.sent("x-who"), got.sent("x-deep")) == (["kim"], ["[1,true]"])


async def test_a_new_path_finds_a_new_route_where_that_is_asked_for(scene: World) -> None:
    got = await scene.ask("/elsewhere")
    assert (got.backend, got.seen["path"]) == ("b", "/moved")


async def test_the_old_way_to_write_it(scene: World) -> None:
    assert (await scene.ask("/old")).sent("x-new") == ["old way"]


async def test_a_websocket_passes_a_template_that_would_read_its_body(scene: World) -> None:
    got, said = await websocket(scene.port, "/ws", "hello")
    assert (got.status, said) == (101, "hello")


async def test_a_connection_stays_usable_after_a_failure(scene: World) -> None:
    async with connected(scene.port) as (reader, writer):
        assert (await exchange(reader, writer, "/fails-late")).status == 400
        assert (await exchange(reader, writer, "/headers", headers={"x-old": "a"})).sent("x-new") == ["A"]


async def test_a_response_is_chosen_by_why_it_came(scene: World) -> None:
    got = await scene.ask("/reset/k/9")
    assert (got.status, got.body) == (503, b"sorry, 503")
    assert "x-daemun-details" not in (await scene.ask("/why")).headers


async def test_a_route_s_transformations_are_in_place_of_its_host_s(scene: World) -> None:
    plain = await scene.ask("/plain", port=OTHER_PORT)
    assert (plain.sent("x-early"), plain.sent("x-regular")) == (["host"], ["host"])
    mine = await scene.ask("/mine", port=OTHER_PORT)
    assert (mine.sent("x-early"), mine.sent("x-regular")) == ([], ["route"])
    both = await scene.ask("/both", port=OTHER_PORT)
    assert (both.sent("x-early"), both.sent("x-regular")) == (["host"], ["route"])
