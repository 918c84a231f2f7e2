"""AWS Lambda on loopback, over TLS: a stand-in, for nobody here has the real one.

It takes the calls of its API (Invoke), refuses what botocore would have signed in another way, keeps what it got, and
answers as it is told.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web
from botocore.credentials import Credentials

from support.servers.sites import WebServer
from support.standins.sts import fault

REGION = "eu-central-1"
NAME = f"lambda.{REGION}.amazonaws.com"


class Invocation(NamedTuple):
    """A call: which function, how, and with what."""

    function: str
    qualifier: str
    style: str
    headers: dict[str, str]
    payload: bytes

    @property
    def event(self) -> Any:
        """The payload, which is JSON."""
        return json.loads(self.payload)


class Reply(NamedTuple):
    """What a function says."""

    body: bytes = b"null"
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def says(**event: Any) -> Reply:
    """A response that is described in JSON."""
    return Reply(json.dumps(event).encode())


class Lambda(WebServer):
    """The service of one region. `functions` answer by their names; others are told what they got."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self.credentials = credentials
        self.seen: list[Invocation] = []
        self.faults: list[str] = []
        self.functions: dict[str, Callable[[Invocation], Reply]] = {}

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        url = f"https://{request.headers['Host']}{request.raw_path}"
        wrong = fault(self.credentials, request.method, url, request.headers, body, "lambda", REGION)
        self.faults.append(wrong)
        if wrong:
            return web.json_response({"message": wrong}, status=403)
        parts = request.raw_path.partition("?")[0].split("/")
        if request.method != "POST" or parts[1:3] != ["2015-03-31", "functions"] or parts[4:] != ["invocations"]:
            return web.json_response({"message": f"{request.method} {request.raw_path}"}, status=404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        one = Invocation(
            unquote(parts[3]), request.query.get("Qualifier", ""), headers["x-amz-invocation-type"], headers, body
        )
        self.seen.append(one)
        if one.style == "Event":
            return web.Response(status=202, headers={"x-amzn-requestid": "1"})
        reply = self.functions.get(one.function, _told)(one)
        return web.Response(body=reply.body, status=reply.status, headers={"x-amzn-requestid": "1", **reply.headers})


def _told(one: Invocation) -> Reply:
    return Reply(json.dumps({"function": one.function, "payload": one.payload.decode("latin-1")}).encode())
