"""Requests that Envoy signs for AWS: a backend that checks them as botocore would sign them."""

from collections.abc import AsyncIterator
from urllib.parse import quote, unquote_to_bytes

import pytest
import pytest_asyncio
from botocore.credentials import Credentials

from support.clients.client import Answer
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule
from support.scenes.world import World, fresh, until
from support.standins.sts import fault

FIRST = Credentials("AKIAFIRST", "first/secret+key", None)
SECOND = Credentials("AKIASECOND", "second-secret-key", "a-session-token")
HOST = "api.example.com"


def credentials(held: Credentials, name: str = "aws") -> Doc:
    data = {"aws_access_key_id": held.access_key, "aws_secret_access_key": held.secret_key}
    if held.token:
        data["aws_session_token"] = held.token
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def upstream(port: int, annotation: str) -> Doc:
    meta = {"name": "signed", "namespace": "default", "annotations": {"daemun.dev/aws-request-signing": annotation}}
    spec = {"static": {"hosts": [{"addr": "127.0.0.1", "port": port}]}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": spec}


def option(**spec: object) -> Doc:
    meta = {"name": "o", "namespace": "default"}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": meta, "spec": spec}


SIGNED = '{"service": "execute-api", "region": "eu-central-1", "secret": "aws", "host": "api.example.com"}'


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with fresh() as one:
        await one.echo("a")
        one.write("aws.yaml", credentials(FIRST))
        one.write("upstream.yaml", upstream(one.backends["a"].port, SIGNED))
        to = reference("signed", group="gloo.solo.io", kind="Upstream")
        one.write("gateway.yaml", gateway("gw", listener(one.port)), route("r", rule(prefix("/"), to=[to])))
        yield one


def wrong(got: Answer, method: str, path: str, held: Credentials, body: bytes = b"") -> str:
    headers = dict(got.seen["headers"])
    assert headers["host"] == HOST
    return fault(held, method, f"https://{HOST}{path}", headers, body, "execute-api", "eu-central-1")


PATHS = (
    *(
        "/",
        "/a/b",
        "/with%20space",
        "/%C3%BC",
        "/%c3%bc",
        "/a+b",
        "/a%25b",
        "/~a_b-c.d",
        "/a:b@c!$&'()*,;=",
        "/a%3Ab%40",
    ),
    *("/a//b/", "/a/./b", "/a/../b", "/" + "a" * 4000),
)
QUERIES = (
    *("x=1&a=2", "x=", "x", "x=1&x=0&x=", "b=2&a=1&B=3", "x=a%20b", "x=a%2Bb", "x=%c3%bc", "x=a/b?c", "x==&y=a=b"),
    *("&&a=1&", "=1", "a=%", "a=%zz", "x=~-_.", "x=%7E", "x=a,b;c:d@e!$'()*", "X-Amz-Date=1", "x=%26&y=%3D"),
    "&".join(f"k{number}={number}" for number in range(200)),
)
HEADERS = ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "authorization")
"""Those that are the signature's: a client's are not sent on."""


def canonical(query: str) -> str:
    """A query as AWS says that it is signed: names and values are decoded, and encoded in one way."""
    pairs = [one.partition("=") for one in query.split("&") if one]
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, _, value in pairs)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


async def test_what_is_asked_for_in_an_odd_way_is_signed_as_aws_reads_it(world: World) -> None:
    """And whatever a client says of a signature is none of ours."""
    await world.start()
    for path in PATHS:
        got = await world.ask(path)
        assert wrong(got, "GET", got.seen["path"], FIRST) == "", path
    for query in QUERIES:
        got = await world.ask(f"/a?{query}")
        assert got.seen["path"] == f"/a?{query}"
        assert wrong(got, "GET", f"/a?{canonical(query)}", FIRST) == "", query
    for name in HEADERS:
        got = await world.ask("/", headers={name: "evil"})
        assert wrong(got, "GET", "/", FIRST) == "", name
        assert "evil" not in got.sent(name)


async def test_a_body_beyond_the_buffer_is_refused_and_a_listener_may_have_a_larger_one(world: World) -> None:
    """It is held as a whole, as the signature goes before it."""
    body = b"x" * 100_000
    await world.start()
    assert (await world.ask("/", "POST", body=body)).status == 413
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    larger = option(targetRefs=[target], options={"perConnectionBufferLimitBytes": 1 << 20})
    world.write("option.yaml", {**larger, "kind": "ListenerOption"})

    async def signed() -> bool:
        got = await world.ask("/", "POST", body=body)
        return got.status == 200 and wrong(got, "POST", "/", FIRST, body) == ""

    await until(signed)


@pytest.mark.parametrize("path", ["/", "/a/b?x=1&a=2", "/with%20space"])
async def test_a_request_is_signed_as_botocore_signs_it(world: World, path: str) -> None:
    await world.start()
    got = await world.ask(path)
    assert wrong(got, "GET", path, FIRST) == ""
    body = b'{"some": "body"}'
    posted = await world.ask(path, "POST", body=body)
    assert wrong(posted, "POST", path, FIRST, body) == ""
    assert wrong(posted, "POST", path, FIRST, b"another") != ""
    assert wrong(posted, "POST", path, SECOND, body) != ""


@pytest.mark.parametrize("text", ["told", '{{ upper(header("x-asked")) }}'])
async def test_what_is_transformed_last_is_signed_too(world: World, text: str) -> None:
    """A header that Envoy sets itself, and one that the script does."""
    headers = {"x-amz-told": {"text": text}}
    transformation = {"requestTransformation": {"transformationTemplate": {"passthrough": {}, "headers": headers}}}
    staged = {"stagedTransformations": {"postRouting": {"requestTransforms": [transformation]}}}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}
    world.write("option.yaml", option(targetRefs=[target], options=staged))
    await world.start()
    got = await world.ask("/", headers={"x-asked": "told"})
    assert got.sent("x-amz-told") in (["told"], ["TOLD"])
    assert wrong(got, "GET", "/", FIRST) == ""
    assert wrong(got, "GET", "/", SECOND) != ""


async def test_other_credentials_sign_from_then_on_and_nobody_sees_them(world: World) -> None:
    await world.start()
    assert world.app is not None
    world.write("aws.yaml", credentials(SECOND))

    async def by_second() -> bool:
        return wrong(await world.ask("/"), "GET", "/", SECOND) == ""

    await until(by_second)
    dump = (await world.app.proxies.admin_get("default/gw", "/config_dump?include_eds", seconds=30)).decode()
    assert "aws_request_signing" in dump
    for held in (FIRST, SECOND):
        assert held.secret_key not in dump
    assert str(SECOND.token) not in dump
    log = world.app.proxies.log("default/gw").read_text()
    assert SECOND.secret_key not in log


async def test_without_credentials_nothing_is_sent(world: World) -> None:
    world.write("aws.yaml", credentials(FIRST, "another"))
    await world.start(clean=False)
    await world.problem("upstream.yaml", "Secret default/aws does not exist")
    await world.answers(500)
    world.write("aws.yaml", credentials(FIRST))
    await world.answers(200)


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        "{}",
        "[]",
        '{"service": "x", "region": "R%", "secret": "aws"}',
        '{"service": "x", "region": "r", "secrets": 1}',
    ],
)
async def test_an_annotation_that_makes_no_sense_closes_the_upstream(world: World, annotation: str) -> None:
    world.write("upstream.yaml", upstream(world.backends["a"].port, annotation))
    await world.start(clean=False)
    await world.problem("upstream.yaml", "aws-request-signing")
    await world.answers(500)


async def test_what_envoy_rejects_of_such_a_cluster_does_not_tell_the_credentials(world: World) -> None:
    """Envoy says what is wrong in its own words, which go to a status: the whole cluster must not be among them."""
    await world.start()
    assert world.app is not None
    odd = upstream(world.backends["a"].port, SIGNED)
    odd["spec"]["sslConfig"] = {"parameters": {"cipherSuites": ["NOBODY-KNOWS-IT"]}}
    world.write("upstream.yaml", odd)
    told = await world.problem("upstream.yaml")
    assert "NOBODY-KNOWS-IT" in str(told)
    assert FIRST.secret_key not in "".join(world.problems())
    assert FIRST.secret_key not in world.app.proxies.log("default/gw").read_text()
