"""A small shop of pets over HTTP, with a document of what it does: a stand-in for the one of Gloo's guides."""

import json
from typing import Any, NamedTuple

from aiohttp import web

from support.servers.sites import WebServer

PETS = {1: {"id": 1, "name": "Dog", "status": "available"}, 2: {"id": 2, "name": "Cat", "status": "pending"}}
PET = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "tag": {"type": "string"}},
}
DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Petstore", "version": "1"},
    "basePath": "/api",
    "consumes": ["application/json"],
    "paths": {
        "/pets": {
            "get": {
                "operationId": "findPets",
                "parameters": [{"in": "query", "name": "tags"}, {"in": "query", "name": "limit"}],
            },
            "post": {
                "operationId": "addPet",
                "parameters": [{"in": "body", "name": "pet", "schema": {"$ref": "#/definitions/Pet"}}],
            },
        },
        "/pets/{id}": {
            "parameters": [{"in": "path", "name": "id"}],
            "get": {"operationId": "findPetById"},
            "delete": {"operationId": "deletePet", "parameters": [{"in": "header", "name": "x-reason"}]},
        },
    },
    "definitions": {"Pet": PET},
}


class Seen(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Petstore(WebServer):
    """The shop. Its document, if there is one, lies `at` a path; every other request is kept in `seen`."""

    def __init__(self, at: str = "/swagger.json") -> None:
        super().__init__()
        self.at, self.document = at, json.dumps(DOCUMENT)
        self.asked: list[str] = []
        self.seen: list[Seen] = []

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_route("*", "/api/pets", self._shop)
        app.router.add_route("*", "/api/pets/{id:.*}", self._shop)
        app.router.add_get("/{path:.*}", self._documents)
        return app

    async def _documents(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path != self.at:
            return web.Response(status=404)
        return web.Response(text=self.document, content_type="application/json")

    async def _shop(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.seen.append(Seen(request.method, request.raw_path, headers, body))
        which = request.match_info.get("id", "")
        if request.method == "POST":
            return web.json_response(json.loads(body), status=201)
        if not which:
            return web.json_response([*PETS.values()])
        pet = PETS.get(int(which)) if which.isdigit() else None
        return web.json_response(pet) if pet else web.Response(status=404)
