"""Functions of REST services behind real Envoys: those of the guides of Gloo, with a small shop of pets here."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import yaml

from daemun.sources.functions import watcher
from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, service, to_upstream, upstream
from support.scenes.world import World, until
from support.standins.petstore import DOCUMENT, Petstore

DOG = {"id": 1, "name": "Dog", "status": "available"}
JSON = {"content-type": "application/json"}
LABEL = "discovery.solo.io/function_discovery"
GUIDE = """
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata:
  labels: {discovered_by: kubernetesplugin, service: petstore}
  name: default-petstore-8080
  namespace: gloo-system
spec:
  discoveryMetadata: {}
  kube:
    selector: {app: petstore}
    serviceName: petstore
    serviceNamespace: default
    servicePort: 8080
    serviceSpec:
      rest:
        swaggerInfo:
          url: http://petstore.default.svc.cluster.local:8080/swagger.json
        transformations:
          addPet:
            body:
              text: '{"id": {{ default(id, "") }},"name": "{{ default(name, "")}}","tag": "{{ default(tag, "")}}"}'
            headers:
              :method: {text: POST}
              :path: {text: /api/pets}
              content-type: {text: application/json}
          deletePet:
            headers:
              :method: {text: DELETE}
              :path: {text: '/api/pets/{{ default(id, "") }}'}
              content-type: {text: application/json}
          findPetById:
            body: {}
            headers:
              :method: {text: GET}
              :path: {text: '/api/pets/{{ default(id, "") }}'}
              content-length: {text: "0"}
              content-type: {}
              transfer-encoding: {}
          findPets:
            body: {}
            headers:
              :method: {text: GET}
              :path: {text: '/api/pets?tags={{default(tags, "")}}&limit={{default(limit, "")}}'}
              content-length: {text: "0"}
              content-type: {}
              transfer-encoding: {}
"""
"""As `kubectl get upstream -o yaml` shows it in the guide on REST endpoints."""
ROUTES = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: PORT, httpGateway: {}, proxyNames: [gateway-proxy]}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: default, namespace: gloo-system}
spec:
  virtualHost:
    domains: ['*']
    routes: []
"""


def call(match: Doc, function: str, **more: Any) -> Doc:
    """A route of a VirtualService to a function of the shop."""
    rest = {"functionName": function, **more}
    single = {
        "destinationSpec": {"rest": rest},
        "upstream": {"name": "default-petstore-8080", "namespace": "gloo-system"},
    }
    return {"matchers": [match], "routeAction": {"single": single}}


class Shop(World):
    """A world with a shop of pets in it, as a Service of the guides' name."""

    pets: Petstore

    def serve(self, *routes: Doc) -> None:
        """These routes, and no others."""
        gate, virtual = yaml.safe_load_all(ROUTES.replace("PORT", str(self.port)))
        virtual["spec"]["virtualHost"]["routes"] = list(routes)
        self.write("routes.yaml", gate, virtual)


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(watcher, "PACE", watcher.Pace(longest=0.5, again=0.2, probing=0.5))
    one = Shop()
    try:
        one.pets = await Petstore().start()
        one.closing(one.pets.stop)
        one.write("service.yaml", service("petstore", one.pets.port, number=8080))
        one.write("upstream.yaml", GUIDE)
        yield one
    finally:
        await one.stop()


async def test_gloos_guide_as_it_stands(world: Shop) -> None:
    world.serve(
        call({"exact": "/petstore/findPet"}, "findPetById", parameters={}),
        call(
            {"prefix": "/petstore/findWithId/"},
            "findPetById",
            parameters={"headers": {":path": "/petstore/findWithId/{id}"}},
        ),
        call({"prefix": "/by-header"}, "findPetById", parameters={"headers": {"x-pet": "number {id}"}}),
        call({"exact": "/new"}, "addPet", parameters={}),
    )
    await world.start()
    # Without an id the path is that of all pets, which the guide shows, too.
    assert len(json.loads((await world.ask("/petstore/findPet")).body)) == 2
    for body, pet in ((b'{"id": 1}', "Dog"), (b'{"id": 2}', "Cat")):
        got = await world.ask("/petstore/findPet", "POST", body=body, headers=JSON)
        assert (got.status, json.loads(got.body)["name"]) == (200, pet)
    seen = world.pets.seen[-1]
    assert (seen.method, seen.path, seen.body) == ("GET", "/api/pets/2", b"")
    assert "content-type" not in seen.headers
    assert json.loads((await world.ask("/petstore/findWithId/1")).body) == DOG
    assert json.loads((await world.ask("/petstore/findWithId/1?x=2")).body) == DOG
    assert json.loads((await world.ask("/by-header/any", headers={"x-pet": "number 1"})).body) == DOG
    made = await world.ask("/new", "PUT", body=b'{"id": 3, "name": "Cow", "tag": "big"}', headers=JSON)
    assert (made.status, json.loads(made.body)) == (201, {"id": 3, "name": "Cow", "tag": "big"})


async def test_a_response_is_transformed_and_shares_have_functions_of_their_own(world: Shop) -> None:
    told = {"body": {"text": "{{ name }} of {{ status }}"}, "headers": {"x-told": {"text": "{{ id }}"}}}
    one = call({"prefix": "/"}, "findPetById", parameters={"path": "/{id}"}, responseTransformation=told)
    world.serve(one)
    await world.start()
    got = await world.ask("/1")
    assert (got.body, got.headers["x-told"]) == (b"Dog of available", "1")
    other = call({"prefix": "/"}, "findPets")
    shares = [{"destination": each["routeAction"]["single"], "weight": 1} for each in (one, other)]
    world.serve({"matchers": [{"prefix": "/"}], "routeAction": {"multi": {"destinations": shares}}})

    async def both() -> bool:
        bodies = {(await world.ask("/1")).body for _ in range(20)}
        return len(bodies) == 2 and b"Dog of available" in bodies

    await until(both)


async def test_what_a_route_transforms_comes_before_its_function(world: Shop) -> None:
    one = call({"prefix": "/"}, "findPetById", parameters={"headers": {"x-pet": "{id}"}})
    template = {"headers": {"x-pet": {"text": '{{ header("x-number") }}'}}}
    told = {"headers": {"x-seen": {"text": "yes"}}}
    stage = {
        "requestTransforms": [{"requestTransformation": {"transformationTemplate": template}}],
        "responseTransforms": [{"responseTransformation": {"transformationTemplate": told}}],
    }
    one["options"] = {"stagedTransformations": {"regular": stage}}
    world.serve(one)
    await world.start()
    got = await world.ask("/", headers={"x-number": "1"})
    assert (json.loads(got.body), got.headers["x-seen"]) == (DOG, "yes")


async def test_what_is_not_there_or_cannot_be_read_closes_its_route_and_no_other(world: Shop) -> None:
    good = call({"exact": "/good"}, "findPets")
    world.serve(
        good,
        call({"exact": "/unknown"}, "findDogs"),
        call({"exact": "/pattern"}, "findPets", parameters={"path": "/{id"}),
        call({"exact": "/template"}, "findPets", responseTransformation={"body": {"text": "{{ oh"}}),
    )
    await world.start(clean=False)
    assert (await world.ask("/good")).status == 200
    for path in ("/unknown", "/pattern", "/template"):
        assert (await world.ask(path)).status == 500
    await world.problem("no function 'findDogs' (it has addPet, deletePet, findPetById, findPets)")
    await world.problem("'/{id' is not a pattern for :path")
    await world.problem("the function 'findPets' cannot be called: responseTransformation")


def plain(**fields: Any) -> Doc:
    """The Upstream of the guide, which says nothing of its functions but this."""
    found: Doc = yaml.safe_load(GUIDE)
    del found["spec"]["kube"]["serviceSpec"]
    if fields:
        found["spec"]["kube"]["serviceSpec"] = {"rest": fields}
    return found


async def pets(world: Shop) -> None:
    """All that the document says can be done."""
    got = await world.answers(200, "/pets/1")
    assert json.loads(got.body) == DOG
    seen = world.pets.seen
    await world.answers(200, "/some/red")
    assert seen[-1].path == "/api/pets?tags=red"
    await world.answers(200, "/all")
    assert seen[-1].path == "/api/pets"
    got = await world.answers(404, "/gone/7", headers={"x-reason": "sold"})
    assert (seen[-1].method, seen[-1].path, seen[-1].headers["x-reason"]) == ("DELETE", "/api/pets/7", "sold")


def of_document(world: Shop) -> None:
    world.serve(
        call({"prefix": "/pets"}, "findPetById", parameters={"path": "/pets/{id}"}),
        call(
            {"prefix": "/gone"}, "deletePet", parameters={"path": "/gone/{id}", "headers": {"x-reason": "{x-reason}"}}
        ),
        call({"prefix": "/some"}, "findPets", parameters={"path": "/some/{tags}"}),
        call({"prefix": "/all"}, "findPets", parameters={}),
        call({"prefix": "/new"}, "addPet", parameters={"path": "/new/{id}"}),
        call({"prefix": "/body"}, "findPetById", parameters={}),
    )


async def test_functions_are_made_of_a_document_at_its_url(world: Shop) -> None:
    world.write(
        "upstream.yaml", plain(swaggerInfo={"url": "http://petstore.default.svc.cluster.local:8080/swagger.json"})
    )
    of_document(world)
    await world.start()
    await pets(world)
    # Fields that nobody gives are left out; values are as the schema wants them, and none breaks out of its quotes.
    hostile = 'x","admin":"yes'
    got = await world.ask("/new/7", "POST", body=json.dumps({"name": hostile, "other": 1}).encode(), headers=JSON)
    assert (got.status, json.loads(got.body)) == (201, {"id": 7, "name": hostile})
    # A value is one part of the path, wherever it is from.
    for value, path in (("a/b?c", "/api/pets/a%2Fb%3Fc"), ("a%20b", "/api/pets/a%20b")):
        await world.ask("/body", "POST", body=json.dumps({"id": value}).encode(), headers=JSON)
        assert world.pets.seen[-1].path == path
    count = len(world.pets.seen)
    for value in ("..", ".", "%2e%2E"):
        got = await world.ask("/body", "POST", body=json.dumps({"id": value}).encode(), headers=JSON)
        assert (got.status, got.body) == (400, b"bad request: ':path' would lead elsewhere")
    assert len(world.pets.seen) == count


async def test_or_of_one_that_is_written_in_the_upstream(world: Shop) -> None:
    world.write("upstream.yaml", plain(swaggerInfo={"inline": json.dumps(DOCUMENT)}))
    of_document(world)
    await world.start()
    await pets(world)
    assert not world.pets.asked


@pytest.mark.parametrize("at", ["/openapi.json", "/v2/swagger"])
async def test_a_server_is_probed_where_a_label_asks_for_it(world: Shop, at: str) -> None:
    world.pets.at = at
    found = plain()
    found["metadata"]["labels"] = {LABEL: "enabled"}
    world.write("upstream.yaml", found)
    of_document(world)
    await world.start(clean=False)
    await pets(world)
    found["metadata"]["labels"] = {LABEL: "disabled"}
    world.write("upstream.yaml", found)
    await world.answers(500, "/pets/1")


async def test_what_a_document_said_last_stays_and_a_new_one_counts(world: Shop) -> None:
    world.write("upstream.yaml", plain(swaggerInfo={"url": "http://petstore.default:8080/swagger.json"}))
    of_document(world)
    await world.start(clean=False)
    await pets(world)
    world.pets.document = "{"
    await world.problem("upstream.yaml", "as they were said last")
    await pets(world)
    newer = json.loads(json.dumps(DOCUMENT))
    newer["paths"]["/pets/{id}"]["get"]["operationId"] = "getPet"
    # YAML is understood, too.
    world.pets.document = yaml.safe_dump(newer)
    await world.answers(500, "/pets/1")
    world.serve(call({"prefix": "/pets"}, "getPet", parameters={"path": "/pets/{id}"}))
    await world.answers(200, "/pets/1")


async def test_openapi_3_and_a_filter_of_gateway_api(world: Shop) -> None:
    document = {
        "openapi": "3.0.3",
        "servers": [{"url": "https://petstore.example/api/"}],
        "paths": {
            "/pets": {
                "get": {},
                "post": {"operationId": "add", "requestBody": {"$ref": "#/components/requestBodies/P"}},
            }
        },
        "components": {
            "requestBodies": {
                "P": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "allOf": [
                                    {
                                        "type": "object",
                                        "properties": {"name": {"type": "string"}, "tags": {"type": "array"}},
                                    }
                                ]
                            }
                        }
                    }
                }
            }
        },
    }
    static = {**hosts(world.pets.port), "serviceSpec": {"rest": {"swaggerInfo": {"inline": json.dumps(document)}}}}
    world.write("upstream.yaml", upstream("shop", static=static))
    world.write("gateway.yaml", gateway("gw", listener(world.port)))

    def to(name: str) -> Doc:
        named = {"group": "gloo.solo.io", "kind": "Parameter", "name": name}
        return to_upstream("shop") | {"filters": [{"type": "ExtensionRef", "extensionRef": named}]}

    as_is = rule(prefix("/api"), to=[to_upstream("shop")])
    world.write(
        "routes.yaml", route("r", rule(prefix("/x"), to=[to("add")]), rule(prefix("/y"), to=[to("get.pets")]), as_is)
    )
    await world.start()
    body = {"name": "Cow", "tags": ["a", {"b": None}], "more": 1}
    got = await world.ask("/x", "POST", body=json.dumps(body).encode(), headers=JSON)
    assert json.loads(got.body) == {"name": "Cow", "tags": ["a", {"b": None}]}
    assert len(json.loads((await world.ask("/y")).body)) == 2
    # Without a function a request is sent on as it is.
    assert json.loads((await world.ask("/api/pets/1")).body) == DOG
