"""A11: a text that is told in a header of an answer or in a line of a log does not end it, whoever has written it."""

import json
import time
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from daemun.features.one_line import INSTEAD
from support.clients.client import connection
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUP = "gateway.networking.k8s.io"
KEY = rsa.generate_private_key(65537, 2048)
SPLIT = "a\r\nx-admin: yes\r\n\r\nHTTP/1.1 200 OK"
CLAIM = "envoy.filters.http.jwt_authn:daemun.claims:n"
ODD = 'it\'s \\ "odd" é'
TEXTS = ["a\nb", "a\rb", "a\0b", SPLIT, "\n", "b\x1b[2Ja"]
PLAIN = "plain"
VALUES: list[tuple[Any, str]] = [
    ("ann", "ann"),
    ("an 'é' \" % %REQ(:path)% \\ )", "an 'é' \" % %REQ(:path)% \\ )"),
    (5.5, "5.5"),
    (True, "true"),
    ([1, "a\nb"], '[1,"a\\nb"]'),
    ({"k": "a\nb"}, '{"k":"a\\nb"}'),
    *((text, INSTEAD) for text in TEXTS),
]
LOG = (
    f"%REQ(:PATH)% [%DYNAMIC_METADATA({CLAIM})%|%METADATA(DYNAMIC:{CLAIM})%|%DYNAMIC_METADATA({CLAIM}):2%|"
    f"%DYNAMIC_METADATA(of.body:{ODD})%]\n"
)


def _found(value: Any) -> str:
    """What is in the body: Envoy's script ends texts where there is a NUL."""
    return value if isinstance(value, str) and "\0" not in value else PLAIN


def _attached(kind: str, to: str, name: str, **options: Any) -> Doc:
    spec = {"targetRefs": [{"group": GROUP, "kind": to, "name": name}], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}


def _tells(header: str, what: str) -> Doc:
    return {"responseHeadersToAdd": [{"header": {"key": header, "value": f"%DYNAMIC_METADATA({what})%"}}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    provider = {"issuer": "i", "jwks": {"local": {"key": pem.decode()}}}
    staged = {"afterExtAuth": {"allowMissingOrFailedJwt": True, "providers": {"p": provider}}}
    found = {"metadataNamespace": "of.body", "key": ODD, "value": {"text": '{{ default(n, "") }}'}}
    template = {"requestTransformation": {"transformationTemplate": {"dynamicMetadataValues": [found]}}}
    sink = {"fileSink": {"path": str(shared.base / "text.log"), "stringFormat": LOG}}
    two = "%QUERY_PARAM(n)%|%QUERY_PARAM(n):2%\n"
    of_queries = {"fileSink": {"path": str(shared.base / "queries.log"), "stringFormat": two}}
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    shared.write(
        "policies.yaml",
        _attached(
            "RouteOption",
            "HTTPRoute",
            "r",
            stagedTransformations={"regular": {"requestTransforms": [template]}},
            headerManipulation={
                "responseHeadersToAdd": [
                    *_tells("x-body", f"of.body:{ODD}")["responseHeadersToAdd"],
                    {"header": {"key": "x-query", "value": "%QUERY_PARAM(n)%"}},
                ]
            },
        ),
        _attached("VirtualHostOption", "Gateway", "gw", jwtStaged=staged, headerManipulation=_tells("x-claim", CLAIM)),
        _attached("ListenerOption", "Gateway", "gw", accessLoggingService={"accessLog": [sink, of_queries]}),
    )
    await shared.start()


QUERIES = {"n=ann": "ann", "n=a%20b": "a b", "n=%C3%A9&m=%0": "é", "n=%250d": "%0d", "m=1": "-"} | dict.fromkeys(
    ("n=a%0d%0ax-admin:%20yes", "n=a%0Ab", "m=1&n=%0D", "n=%00", "n=a%7Fb", "n=a%1bb"), INSTEAD
)
"""Queries, and what is told of their `n`."""


async def _asked(shared: World, path: str, claim: Any, found: Any) -> list[str]:
    """The lines of the answer's head."""
    token = jwt.encode({"iss": "i", "exp": time.time() + 600, "n": claim}, KEY, "RS256")
    body = json.dumps({"n": found})
    head = (f"POST {path} HTTP/1.1", "host: any.test", "connection: close", f"authorization: Bearer {token}")
    async with connection(shared.port) as (reader, writer):
        writer.write("\r\n".join((*head, f"content-length: {len(body)}", "", body)).encode())
        return (await reader.read()).decode().partition("\r\n\r\n")[0].split("\r\n")


async def test_a11_a_text_in_metadata_ends_no_header_and_no_line(shared: World) -> None:
    for at, (value, told) in enumerate(VALUES):
        lines = await _asked(shared, f"/{at}", value, _found(value))
        said = {name: rest for name, _, rest in (line.partition(": ") for line in lines[1:])}
        assert (lines[0], said.get("x-claim", "-")) == ("HTTP/1.1 200 OK", told)
        assert said.get("x-body", "-") == (PLAIN if _found(value) == PLAIN else told)
        assert "x-admin" not in said
    log = shared.base / "text.log"
    await until(lambda: log.read_text().count("\n") >= len(VALUES))
    wanted = []
    for at, (value, told) in enumerate(VALUES):
        wanted.append(f"/{at} [{told}|{told}|{told[:2]}|{PLAIN if _found(value) == PLAIN else told}]")
    assert log.read_text().splitlines() == wanted


async def test_a11_nor_does_a_parameter_of_a_query(shared: World) -> None:
    log = shared.base / "queries.log"
    for query, told in QUERIES.items():
        lines = await _asked(shared, f"/?{query}", PLAIN, PLAIN)
        said = {name: rest for name, _, rest in (line.partition(": ") for line in lines[1:])}
        assert (lines[0], said.get("x-query", "-"), "x-admin" in said) == ("HTTP/1.1 200 OK", told, False)
    wanted = [f"{told}|{told[:2]}" for told in QUERIES.values()]
    await until(lambda: log.read_text().splitlines()[-len(wanted) :] == wanted)
