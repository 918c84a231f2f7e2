"""Functions of AWS Lambda behind routes, through real Envoys; Lambda itself is a stand-in on loopback."""

import base64
import json
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
import yaml
from botocore.credentials import Credentials

from support.objects.certificates import authority
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, to_upstream, upstream, use
from support.scenes.world import World, until
from support.standins.lambdas import NAME, REGION, Invocation, Lambda, Reply, says

HELD = Credentials("AKIAFIRST", "first/secret+key", None)
OTHER = Credentials("AKIASECOND", "second-secret-key", "a-session-token")
ENDPOINT = "daemun.dev/aws-endpoint"
FUNCTIONS = [
    {"logicalName": "plain", "lambdaFunctionName": "plain"},
    {"logicalName": "shop", "lambdaFunctionName": "shop-prod", "qualifier": "$LATEST"},
    {"logicalName": "api", "lambdaFunctionName": "api"},
]
MANY = 2 * 1024 * 1024
"""Bytes: more than any buffer has by default, less than Lambda takes."""


def credentials(held: Credentials) -> Doc:
    data = {"aws_access_key_id": held.access_key, "aws_secret_access_key": held.secret_key}
    if held.token:
        data["aws_session_token"] = held.token
    meta = {"name": "aws", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def functions(name: str, port: int, **spec: Any) -> Doc:
    """An Upstream of functions whose region is on loopback."""
    aws = {"region": REGION, "secretRef": {"name": "aws"}, "lambdaFunctions": FUNCTIONS, **spec}
    tls = {"secretRef": {"name": "ca"}, "sni": NAME, "verifySubjectAltName": [NAME]}
    found = upstream(name, aws=aws, sslConfig=tls)
    found["metadata"]["annotations"] = {ENDPOINT: f"https://127.0.0.1:{port}"}
    return found


def calling(name: str, function: str = "") -> Doc:
    """A backendRef to a function."""
    named = {"group": "gloo.solo.io", "kind": "Parameter", "name": function}
    return to_upstream(name) | ({"filters": [{"type": "ExtensionRef", "extensionRef": named}]} if function else {})


class Cloud(World):
    """A world with AWS in it."""

    aws: Lambda


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Cloud]:
    one = Cloud()
    try:
        one.aws = Lambda(HELD)
        one.aws.tls = authority().server(NAME)
        await one.aws.start()
        one.closing(one.aws.stop)
        one.write("aws.yaml", credentials(HELD))
        ca = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"}}
        one.write("ca.yaml", ca | {"stringData": {"ca.crt": authority().pem}})
        one.write("upstream.yaml", functions("fn", one.aws.port))
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        one.write("routes.yaml", route("r", rule(prefix("/"), to=[calling("fn", "plain")])))
        yield one
    finally:
        await one.stop()


def last(world: Cloud) -> Invocation:
    assert world.aws.faults[-1] == ""
    return world.aws.seen[-1]


async def test_a_body_is_the_payload_and_what_the_function_says_is_the_answer(world: Cloud) -> None:
    await world.start()
    got = await world.ask("/any/path?x=1", "PUT", body=b'{"a": 1}', headers={"content-type": "application/json"})
    assert got.status == 200
    assert json.loads(got.body) == {"function": "plain", "payload": '{"a": 1}'}
    assert last(world)[:3] == ("plain", "", "RequestResponse")


async def test_nothing_of_the_client_reaches_the_api_but_the_payload(world: Cloud) -> None:
    await world.start()
    hostile = {
        "x-amz-invocation-type": "DryRun",
        "x-amz-client-context": "e30=",
        "x-amz-log-type": "Tail",
        "x-amz-security-token": "mine",
        "authorization": "mine",
        "cookie": "mine",
    }
    got = await world.ask("/2015-03-31/functions/", "GET", headers=hostile)
    assert got.status == 200
    seen = last(world)
    assert (seen.function, seen.style) == ("plain", "RequestResponse")
    assert "mine" not in str(seen.headers.values())
    assert not {"x-amz-client-context", "cookie", "x-forwarded-for"} & seen.headers.keys()
    assert seen.headers["x-amz-log-type"] == "None"


async def test_a_qualifier_and_an_account_are_signed_as_botocore_signs_them(world: Cloud) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, awsAccountId="123456789012"))
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[calling("fn", "shop")])))
    await world.start()
    assert (await world.ask("/")).status == 200
    assert last(world).function == f"arn:aws:lambda:{REGION}:123456789012:function:shop-prod"
    assert last(world).qualifier == "$LATEST"


@pytest.mark.parametrize("size", [0, 1, 100_000, MANY])
async def test_payloads_and_answers_of_any_length(world: Cloud, size: int) -> None:
    world.aws.functions["plain"] = lambda one: Reply(one.payload)
    await world.start()
    body = b"x" * size
    got = await world.ask("/", "POST", body=body)
    assert (got.status, len(got.body)) == (200, size)
    assert last(world).payload == body


async def test_what_lambda_would_not_take_is_not_sent(world: Cloud) -> None:
    await world.start()
    got = await world.ask("/", "POST", body=b"x" * (7 * 1024 * 1024))
    assert got.status == 413
    assert not world.aws.seen


async def test_other_credentials_sign_from_then_on_and_nobody_sees_them(world: Cloud) -> None:
    await world.start()
    assert world.app is not None
    world.aws.credentials = OTHER
    world.write("aws.yaml", credentials(OTHER))
    await world.answers(200)
    dump = (await world.app.proxies.admin_get("default/gw", "/config_dump?include_eds", seconds=30)).decode()
    assert "daemun.lambda" in dump
    for secret in (HELD.secret_key, OTHER.secret_key, str(OTHER.token)):
        assert secret not in dump
        assert secret not in world.app.proxies.log("default/gw").read_text()


async def test_shares_call_other_functions(world: Cloud) -> None:
    first, second = calling("fn", "plain") | {"weight": 1}, calling("fn", "api") | {"weight": 1}
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[first, second])))
    await world.start()
    told = {(await world.ask("/")).body for _ in range(40)}
    assert {json.loads(one)["function"] for one in told} == {"plain", "api"}


async def test_what_routes_change_of_a_request_the_function_sees(world: Cloud) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, destinationOverrides={"requestTransformation": True}))
    rewrite = use("URLRewrite", path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"})
    header = use("RequestHeaderModifier", set=[{"name": "x-team", "value": "a"}])
    world.write("routes.yaml", route("r", rule(prefix("/v1"), to=[calling("fn", "api")], filters=[rewrite, header])))
    await world.start()
    assert (await world.ask("/v1/cart?n=1&n=2&e=%C3%A9", "DELETE", body="ü".encode())).status == 200
    event = last(world).event
    assert (event["path"], event["httpMethod"], event["body"]) == ("/v2/cart", "DELETE", "ü")
    assert event["headers"]["x-team"] == "a"
    assert event["queryString"] == "n=1&n=2&e=%C3%A9"
    assert event["multiValueQueryStringParameters"] == {"n": ["1", "2"]}
    assert last(world).headers["content-type"] == "application/json"


async def test_an_event_as_an_api_gateway_makes_it(world: Cloud) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, destinationOverrides={"wrapAsApiGateway": True}))
    await world.start()
    assert (await world.ask("/a?x=1+2&x=3", "POST", body=b"\xff\x00", headers={"x-one": "1"})).status == 200
    event = last(world).event
    assert (event["path"], event["httpMethod"], event["version"]) == ("/a", "POST", "1.0")
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == b"\xff\x00"
    assert event["queryStringParameters"] == {"x": "3"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1 2", "3"]}
    assert event["multiValueHeaders"]["x-one"] == ["1"]
    assert event["headers"]["host"] == "test.example"
    assert not [name for name in event["headers"] if name.startswith(":")]
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert (await world.ask("/b")).status == 200
    event = last(world).event
    assert (event["body"], event["isBase64Encoded"], event["queryStringParameters"]) == (None, False, None)


UNWRAPPED = {"destinationOverrides": {"unwrapAsAlb": True}}


async def test_a_response_that_a_function_describes(world: Cloud) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, **UNWRAPPED))
    world.aws.functions["plain"] = lambda _: says(
        statusCode=201,
        headers={"X-One": "1", "Content-Length": "77", "transfer-encoding": "chunked", "bad name": "x", "x-two": 2},
        multiValueHeaders={"Set-Cookie": ["a=1", "b=2"]},
        body=base64.b64encode(b"\x00\xff!").decode(),
        isBase64Encoded=True,
    )
    await world.start()
    got = await world.ask("/")
    assert (got.status, got.body) == (201, b"\x00\xff!")
    assert (got.headers["x-one"], got.headers["x-two"]) == ("1", "2")
    assert [value for name, value in got.lines if name == "set-cookie"] == ["a=1", "b=2"]
    assert not {"bad name", "x-amzn-requestid"} & got.headers.keys()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"no JSON"),
        Reply(b"[]"),
        Reply(b""),
        says(statusCode="soon"),
        says(statusCode=100),
        says(statusCode=200, body="?", isBase64Encoded=True),
        Reply(b'{"errorMessage": "secret"}', 200, {"x-amz-function-error": "Unhandled"}),
        Reply(b'{"message": "secret"}', 429),
    ],
)
async def test_what_went_wrong_inside_is_502(world: Cloud, reply: Reply) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, **UNWRAPPED))
    world.aws.functions["plain"] = lambda _: reply
    await world.start()
    got = await world.ask("/")
    assert (got.status, json.loads(got.body)) == (502, {"message": "Internal server error"})


async def test_retries_see_the_status_that_the_function_means(world: Cloud) -> None:
    world.write("upstream.yaml", functions("fn", world.aws.port, **UNWRAPPED))
    retry = {"codes": [503], "attempts": 2, "backoff": "1ms"}
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[calling("fn", "plain")], retry=retry)))
    world.aws.functions["plain"] = lambda _: says(statusCode=503 if len(world.aws.seen) < 3 else 200, body="at last")
    await world.start()
    got = await world.ask("/", "POST", body=b"again")
    assert (got.status, got.body) == (200, b"at last")
    assert [one.payload for one in world.aws.seen] == [b"again"] * 3
    assert world.aws.faults == [""] * 3


async def test_nobody_waits_for_a_function_that_is_called_asynchronously(world: Cloud) -> None:
    overrides = {"invocationStyle": "ASYNC", "unwrapAsAlb": True}
    world.write("upstream.yaml", functions("fn", world.aws.port, destinationOverrides=overrides))
    await world.start()
    got = await world.ask("/", "POST", body=b"{}")
    assert (got.status, got.body) == (202, b"")
    assert last(world).style == "Event"


async def test_without_a_function_nothing_is_sent(world: Cloud) -> None:
    to = {"one": calling("fn"), "two": calling("fn", "nobody"), "three": calling("fn", "api")}
    world.write("routes.yaml", *(route(name, rule(prefix(f"/{name}"), to=[ref])) for name, ref in to.items()))
    await world.start(clean=False)
    await world.problem("default/one", "names no function of the Upstream (it has plain, shop, api)")
    await world.problem("default/two", "has no function 'nobody' (it has plain, shop, api)")
    assert [(await world.ask(f"/{name}")).status for name in to] == [500, 500, 200]
    assert [one.function for one in world.aws.seen] == ["api"]
    settings = {"awsOptions": {"fallbackToFirstFunction": True, "propagateOriginalRouting": True}}
    meta = {"name": "default", "namespace": "gloo-system"}
    world.write(
        "settings.yaml",
        {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": {"gloo": settings}},
    )
    await world.answers(200, "/one?x=1")
    assert last(world).function == "plain"
    assert last(world).headers["x-envoy-original-path"] == "/one?x=1"
    assert last(world).headers["x-envoy-original-method"] == "GET"


async def test_what_is_mirrored_to_functions_is_not_signed(world: Cloud) -> None:
    await world.echo("a")
    mirror = use("RequestMirror", backendRef=to_upstream("fn"))
    world.write("routes.yaml", route("r", rule(prefix("/"), to="a", filters=[mirror])))
    await world.start()
    assert (await world.ask("/2015-03-31/functions/plain/invocations", "POST")).backend == "a"
    assert world.app is not None

    async def answered() -> bool:
        stats = await world.app.proxies.admin_get("default/gw", "/stats?filter=upstream/default/fn", seconds=30)
        return b"upstream_rq_cancelled: 1" in stats

    await until(answered)
    assert world.aws.faults == []


async def test_a_host_that_is_not_lambda_gets_nothing(world: Cloud) -> None:
    odd = functions("fn", world.aws.port)
    odd["spec"]["sslConfig"]["verifySubjectAltName"] = ["lambda.us-east-1.amazonaws.com"]
    world.write("upstream.yaml", odd)
    await world.start()
    assert (await world.ask("/")).status == 503
    assert world.aws.faults == []


async def test_the_page_is_served_as_it_stands(world: Cloud) -> None:
    """But for the ports, and where AWS is."""
    page = (Path(__file__).parents[2] / "docs/functions/lambda.md").read_text()
    (text,) = re.findall(r"```yaml\n(?:#[^\n]*\n)?(apiVersion.*?)```", page, re.DOTALL)
    world.aws.credentials = Credentials("AKIAEXAMPLE", "example", None)
    every = {one["kind"]: one for one in yaml.safe_load_all(text)}
    every["Gateway"]["spec"]["listeners"][0]["port"] = world.port
    every["Upstream"]["metadata"]["annotations"] = {ENDPOINT: f"https://127.0.0.1:{world.aws.port}"}
    every["Upstream"]["spec"]["sslConfig"] = {"secretRef": {"name": "ca"}, "sni": NAME}
    for name in ("aws", "upstream", "gateway", "routes"):
        (world.folder / f"{name}.yaml").unlink()
    world.write("page.yaml", *every.values())
    world.aws.functions["shop-prod"] = lambda _: says(statusCode=418, body="tea")
    await world.start()
    got = await world.ask("/shop/1")
    assert (got.status, got.body, last(world).qualifier) == (418, b"tea", "live")
    assert last(world).event["path"] == "/shop/1"


TEXTS = ("", "a", "ü€𝄞", "a b&c=d%", '"\\\t', "\x00\x1f", "ÿ")
BODIES = (b"", b"{}", "ü€𝄞".encode(), b"\xff\xfe\x00", b'"\\\n\x01', b"\xed\xa0\x80")


def requests(chance: random.Random) -> tuple[str, dict[str, list[str]], bytes]:
    """A query, what it says, and a body."""
    said: dict[str, list[str]] = {}
    pairs = [(chance.choice(TEXTS[1:]), chance.choice(TEXTS)) for _ in range(chance.randrange(4))]
    for name, value in pairs:
        said.setdefault(name, []).append(value)
    return urlencode(pairs), said, chance.choice(BODIES)


@pytest.mark.parametrize("seed", range(3))
async def test_events_and_responses_of_any_shape(world: Cloud, seed: int) -> None:
    """Requests at random come as an API Gateway would say them; what is described comes out as it is described."""
    chance = random.Random(seed)  # noqa: S311 - the same requests each time
    overrides = {"wrapAsApiGateway": True, "unwrapAsApiGateway": True}
    world.write("upstream.yaml", functions("fn", world.aws.port, destinationOverrides=overrides))
    await world.start()
    for _ in range(40):
        query, said, body = requests(chance)
        status, answer = chance.choice((200, 201, 404, 503)), chance.choice(BODIES)
        encoded = chance.random() < 0.5 or b"\xff" in answer or b"\xed" in answer
        text = base64.b64encode(answer).decode() if encoded else answer.decode()
        world.aws.functions["plain"] = lambda _, status=status, text=text, encoded=encoded: says(
            statusCode=status, body=text, isBase64Encoded=encoded, multiValueHeaders={"x-a": ["1", "2"]}
        )
        got = await world.ask(f"/p?{query}" if query else "/p", "POST", body=body)
        assert (got.status, got.body) == (status, answer)
        assert [value for name, value in got.lines if name == "x-a"] == ["1", "2"]
        event = last(world).event
        assert event["multiValueQueryStringParameters"] == (said or None)
        assert event["queryStringParameters"] == ({name: every[-1] for name, every in said.items()} or None)
        sent = event["body"] or ""
        assert (base64.b64decode(sent) if event["isBase64Encoded"] else sent.encode()) == body
        assert event["isBase64Encoded"] == (not is_text(body))


def is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
