"""A26: a request that is changed on its way, so that it is for another route, comes to none whose guards it has not
passed.

Whoever may write one route of a host could lead requests from it to any other, past whoever asks for passwords there.
"""

import base64
import time
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from envoy.service.ext_proc.v3 import external_processor_pb2 as proc_v3
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

from support.clients.client import Answer
from support.objects.auth import api_key, auth_config, basic, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, values
from support.scenes.world import World
from support.servers.ports import free_port
from support.standins.processor import Processor

pytestmark = pytest.mark.asyncio(loop_scope="module")
HIT, WILD, ANY = "hit.test", "x.wild.test", "other.test"
HOSTS = [HIT, "*.wild.test", "*.kept.test"]
JSON = {"content-type": "application/json"}
EVERY = [HIT, WILD, ANY, "HIT.test", f"{HIT}:80", "HIT.test."]
ANN = basic("ann", "secret")
GUARDS: dict[str, Doc] = {
    "envoy": {"extauth": {"configRef": {"name": "envoy"}}},
    "server": {"extauth": {"configRef": {"name": "server"}}},
    "rbac": {"rbac": {"policies": {"p": {"principals": [{"jwtPrincipal": {"claims": {"sub": "ann"}}}]}}}},
    "csrf": {"csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}}},
    "limited": {"ratelimit": {"localRatelimit": {"maxTokens": 1, "fillInterval": "600s"}}},
}
PORTS: dict[str, int] = {}
KEY = rsa.generate_private_key(65537, 2048)


def option(kind: str, name: str, *targets: Doc, **options: Any) -> Doc:
    meta = {"name": name, "namespace": "default"}
    spec = {"targetRefs": list(targets), "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def having(name: str) -> Doc:
    ref = {"group": "gateway.solo.io", "kind": "RouteOption", "name": name}
    return {"type": "ExtensionRef", "extensionRef": ref}


def notes() -> bytes:
    """The descriptor set of a service whose method has another path in JSON."""
    file = descriptor_pb2.FileDescriptorProto(name="notes.proto", package="notes", syntax="proto3")
    note = file.message_type.add(name="Note")
    note.field.add(name="text", number=1, type=9, label=1, json_name="text")
    method = file.service.add(name="Notes").method.add(name="Say", input_type=".notes.Note", output_type=".notes.Note")
    method.options.Extensions[annotations_pb2.http].post = "/say"
    method.options.Extensions[annotations_pb2.http].body = "*"
    return descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()


def token(**claims: Any) -> str:
    return jwt.encode({"iss": "issuer.test", "sub": "eve", "exp": time.time() + 600, **claims}, KEY, "RS256")


def leads(stage: str, **headers: str) -> Doc:
    """A transformation after which the route is looked for again."""
    changes = {name.replace("_", ":"): {"text": text} for name, text in headers.items()}
    template = {"passthrough": {}, "headers": changes}
    one = {"clearRouteCache": True, "requestTransformation": {"transformationTemplate": template}}
    return {"stagedTransformations": {stage: {"requestTransforms": [one]}}}


class Leading(Processor):
    """Writes another path into every request."""

    def _answer(self, one: proc_v3.ProcessingRequest) -> proc_v3.ProcessingResponse:
        answer = super()._answer(one)
        if one.HasField("request_headers"):
            response = answer.request_headers.response
            header = response.header_mutation.set_headers.add().header
            header.key, header.raw_value = ":path", b"/to/envoy"
            response.clear_route_cache = True
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    await shared.grpc("say", app_protocol="kubernetes.io/h2c")
    leading = await Leading("leading").start()
    shared.closing(leading.stop)
    rules, written = [], []
    for name, guard in GUARDS.items():
        rules.append(rule(prefix(f"/to/{name}"), to="a", filters=[having(f"to-{name}")]))
        written.append(option("RouteOption", f"to-{name}", **guard))
        for stage in ("early", "regular"):
            rules.append(rule(prefix(f"/{stage}/{name}"), to="a", filters=[having(f"{stage}-{name}")]))
            written.append(option("RouteOption", f"{stage}-{name}", **leads(stage, _path=f"/to/{name}")))
    for stage in ("early", "regular"):
        for way, spec in (
            ("free", leads(stage, _path="/plain")),
            ("itself", leads(stage, done="1") | GUARDS["envoy"]),
            ("disarmed", leads(stage, _path="/plain") | {"extauth": {"disable": True}}),
            ("host", leads(stage, _path="/plain", _authority="x.kept.test")),
        ):
            rules.append(rule(prefix(f"/{stage}/{way}"), to="a", filters=[having(f"{stage}-{way}")]))
            written.append(option("RouteOption", f"{stage}-{way}", **spec))
    served = {"overrides": {"grpcService": {"extProcServerRef": {"name": "leading"}}}}
    rules.append(rule(prefix("/processed"), to="a", filters=[having("processed")]))
    written.append(option("RouteOption", "processed", extProc=served))
    at = {"hosts": [{"addr": "127.0.0.1", "port": leading.port}]}
    meta = {"name": "leading", "namespace": "default"}
    upstream = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta}
    written.append(upstream | {"spec": {"useHttp2": True, "static": at}})
    shared.write("auth.yaml", auth_config("envoy", simple_users(ann="secret")), auth_config("server", users("ann")))
    shared.write("options.yaml", *written)
    rules.append(rule(prefix("/"), to="a"))
    gate = gateway("gw", listener(shared.port), listener(shared.port, "kept", hostname="*.kept.test"))
    shared.write("gateway.yaml", gate, _of_host("kept", "gw", "kept", **GUARDS["envoy"]))
    halves = rules[:12], rules[12:]
    shared.write("route.yaml", *(route(f"r{at}", *half, hosts=HOSTS[:2]) for at, half in enumerate(halves)))
    shared.write("all.yaml", *(route(f"all{at}", *half) for at, half in enumerate(halves)))
    _transcoded(shared)
    _by_claims(shared)
    _by_server(shared)
    await shared.start()
    await shared.answers(401, "/to/server", host=HIT)  # the server has come up


def _of_host(name: str, gate: str, section: str = "", **options: Any) -> Doc:
    found = {"sectionName": section} if section else {}
    return option(
        "VirtualHostOption",
        name,
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gate, **found},
        **options,
    )


def _transcoded(shared: World) -> None:
    port = PORTS["transcoded"] = free_port()
    transcoder = {"protoDescriptorBin": base64.b64encode(notes()).decode(), "services": ["notes.Notes"]}
    path = "/notes.Notes"
    both = [HIT, "*.wild.test"]
    shared.write(
        "transcoded.yaml",
        gateway("transcoded", listener(port)),
        option(
            "HttpListenerOption",
            "transcoded",
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "transcoded"},
            grpcJsonTranscoder=transcoder,
        ),
        route("open", rule(prefix("/"), to="a"), parents=["transcoded"], hosts=["open.test"]),
        route("say", rule(prefix(path), to="say", filters=[having("to-envoy")]), parents=["transcoded"], hosts=both),
        route("freely", rule(prefix(path), to="say"), parents=["transcoded"], hosts=["free.test"]),
    )


def _by_claims(shared: World) -> None:
    port = PORTS["claims"] = free_port()
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    provider = {
        "issuer": "issuer.test",
        "jwks": {"local": {"key": pem.decode()}},
        "claimsToHeaders": [{"claim": "org", "header": "x-org"}],
    }
    admin = prefix("/", headers=values(**{"x-org": "admin"}))
    shared.write(
        "claims.yaml",
        gateway("claims", listener(port)),
        _of_host("claims", "claims", jwt={"providers": {"p": provider}}),
        route(
            "claims",
            rule(prefix("/", headers=values(**{"x-org": "solo"})), to="b"),
            rule(prefix("/"), to="a"),
            rule(admin, to="b", filters=[having("to-rbac")]),
            parents=["claims"],
            hosts=[HIT, "*.wild.test"],
        ),
    )


def _by_server(shared: World) -> None:
    """Daemun's own server adds a header, by which the route is looked for again."""
    port = PORTS["server"] = free_port()
    keys = {
        "headerName": "api-key",
        "labelSelector": {"team": "a"},
        "headersFromMetadataEntry": {"x-org": {"name": "org"}},
    }
    meta = {"name": "default", "namespace": "gloo-system"}
    settings = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta}
    shared.write(
        "server.yaml",
        settings | {"spec": {"extauth": {"clearRouteCache": True}}},
        gateway("server", listener(port)),
        auth_config("keys", {"apiKeyAuth": keys}),
        api_key("solo", "s", {"team": "a"}, org="solo"),
        api_key("admin", "t", {"team": "a"}, org="admin"),
        _of_host("server", "server", extauth={"configRef": {"name": "keys"}}),
        route(
            "server",
            rule(prefix("/", headers=values(**{"x-org": "solo"})), to="b"),
            rule(prefix("/", headers=values(**{"x-org": "admin"})), to="b", filters=[having("to-rbac")]),
            rule(prefix("/"), to="a"),
            parents=["server"],
            hosts=[HIT, "*.wild.test"],
        ),
    )


async def ask(shared: World, path: str, host: str, **headers: str) -> Answer:
    return await shared.ask(path, "POST", host=host, headers={"origin": "http://evil.test", **headers})


def refused(got: Answer) -> bool:
    return got.status in (401, 403, 404, 429) and not got.backend


@pytest.mark.parametrize("host", EVERY)
@pytest.mark.parametrize("guard", sorted(GUARDS.keys() - {"limited"}))
@pytest.mark.parametrize("way", ["to", "early", "regular"])
async def test_no_way_leads_around_a_guard(shared: World, way: str, guard: str, host: str) -> None:
    got = await ask(shared, f"/{way}/{guard}", host)
    assert refused(got), got


@pytest.mark.parametrize("host", [HIT, WILD, ANY])
async def test_a_limit_holds_for_those_who_are_led_to_it(shared: World, host: str) -> None:
    got = [await ask(shared, f"/{way}/limited", host) for way in ("to", "to", "early", "regular")]
    assert [bool(one.backend) for one in got] in ([True, False, False, False], [False] * 4)


@pytest.mark.parametrize("host", [HIT, WILD, ANY])
@pytest.mark.parametrize("stage", ["early", "regular"])
async def test_who_has_no_guards_to_pass_is_led_on(shared: World, stage: str, host: str) -> None:
    got = await ask(shared, f"/{stage}/free", host)
    assert (got.backend, got.seen["path"]) == ("a", "/plain")


@pytest.mark.parametrize("host", [HIT, WILD, ANY])
@pytest.mark.parametrize("stage", ["early", "regular"])
async def test_who_has_passed_the_very_guards_comes_in(shared: World, stage: str, host: str) -> None:
    assert (await ask(shared, f"/{stage}/itself", host)).status == 401
    assert (await ask(shared, f"/{stage}/itself", host, **ANN)).backend == "a"


@pytest.mark.parametrize("host", [WILD, ANY])
async def test_guards_that_stand_behind_the_change_are_passed_there(shared: World, host: str) -> None:
    assert (await ask(shared, "/early/envoy", host)).status == 401
    assert (await ask(shared, "/early/envoy", host, **ANN)).backend == "a"


@pytest.mark.parametrize("stage", ["early", "regular"])
@pytest.mark.parametrize("host", [HIT, WILD, ANY])
async def test_nor_to_a_host_that_is_guarded(shared: World, stage: str, host: str) -> None:
    got = await ask(shared, f"/{stage}/host", host)
    assert refused(got), got
    assert (await ask(shared, "/plain", "x.kept.test")).status == 401


@pytest.mark.parametrize("stage", ["early", "regular"])
async def test_nor_by_a_route_that_goes_without_its_hosts_guards(shared: World, stage: str) -> None:
    got = await ask(shared, f"/{stage}/disarmed", "x.kept.test")
    assert refused(got), got


@pytest.mark.parametrize("host", [HIT, WILD, ANY])
async def test_nor_does_an_external_processor(shared: World, host: str) -> None:
    got = await ask(shared, "/processed", host)
    assert refused(got), got


@pytest.mark.parametrize("host", [HIT, WILD])
async def test_nor_a_transcoder(shared: World, host: str) -> None:
    async def say(path: str, to: str) -> Answer:
        return await shared.ask(path, "POST", port=PORTS["transcoded"], host=to, headers=JSON, body=b'{"text": "x"}')

    for path in ("/say", "//say", "/./say", "/notes.Notes/Say"):
        assert refused(await say(path, host)), path
    assert (await say("/say", "free.test")).status == 200


@pytest.mark.parametrize("host", [HIT, WILD])
async def test_routes_by_claims_are_by_those_of_the_token(shared: World, host: str) -> None:
    async def by(org: str, forged: str = "") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {token(org=org)}"} | ({"x-org": forged} if forged else {})
        got = await shared.ask("/", port=PORTS["claims"], host=host, headers=headers)
        return got.status, got.backend

    assert await by("solo") == (200, "b")
    assert await by("other") == (200, "a")
    assert await by("other", forged="solo") == (200, "a")
    assert (await by("admin"))[0] == 403


@pytest.mark.parametrize("host", [HIT, WILD])
async def test_nor_what_a_server_of_authorization_says(shared: World, host: str) -> None:
    async def by(key: str, forged: str = "") -> tuple[int, str]:
        headers = {"api-key": key} | ({"x-org": forged} if forged else {})
        got = await shared.ask("/", port=PORTS["server"], host=host, headers=headers)
        return got.status, got.backend

    assert await by("s") == (200, "b")
    assert await by("s", forged="admin") in {(200, "b"), (403, "")}
    assert (await by("t"))[0] == 403
    assert (await by("nobodys"))[0] == 401


@pytest.mark.parametrize(
    "options",
    [
        {"envoyMetadata": {"daemun.guards": {"guards": "those of another route"}}},
        *(
            {
                "stagedTransformations": {
                    "early": {
                        "requestTransforms": [
                            {
                                "requestTransformation": {
                                    "transformationTemplate": {
                                        "passthrough": {},
                                        "dynamicMetadataValues": [
                                            {"metadataNamespace": space, "key": "k", "value": {"text": "v"}}
                                        ],
                                    }
                                }
                            }
                        ]
                    }
                }
            }
            for space in ("envoy.filters.http.jwt_authn", "daemun.extauth")
        ),
    ],
    ids=["of the route", "as a token", "as a mark"],
)
async def test_nobody_writes_what_guards_a_route(shared: World, options: Doc) -> None:
    """What says who may pass is in Envoy's metadata."""
    free = option("RouteOption", "forger", **options)
    path = shared.write(
        "forger.yaml", free, route("forger", rule(prefix("/forger"), to="a", filters=[having("forger")]))
    )
    problem = await shared.problem("HTTPRoute default/forger", "own")
    await shared.answers(500, "/forger", host=ANY)
    path.unlink()
    await shared.solved(problem)
