"""Passing through to an HTTP server: 200 lets the request pass."""

from typing import Any

import msgspec
from google.protobuf import json_format

from daemun.base.framing import FRAMING
from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Headers, Respond
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.fetch import Answer as Fetched
from daemun.fetch import FetchError
from daemun.ir.auth.checks import PassThroughHttp

_OF_A_CONNECTION = FRAMING | {
    *("connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
    *("accept-encoding", "content-encoding"),
}
"""What is said of one message on one connection: this is another one, with a body of our own. With a client's length
the server would take what others ask on the same connection for the rest of the body."""
_SILENT = "its server does not answer"
_STATELESS = "its server answers without the state that it is to say"


class _Answered(msgspec.Struct):
    state: dict[str, Any]


class HttpServer(Checker):
    """The server gets the headers it may see, and in the body (JSON) what it is configured to get."""

    def __init__(self, check: PassThroughHttp, place: Place, tools: Tools) -> None:
        self._check = check
        self._fetcher = tools.fetcher(place, check.timeout)
        self._shown = tuple(name for name in map(str.lower, check.request_headers) if name not in _OF_A_CONNECTION)
        self._overwritten = tuple(name.lower() for name in check.overwritten_headers)
        self._added = {
            name.lower(): value for name, value in check.added_headers.items() if name.lower() not in _OF_A_CONNECTION
        }

    async def close(self) -> None:
        """End its connections."""
        await self._fetcher.close()

    async def check(self, request: Request, state: State) -> Answer:
        """What the server says."""
        check = self._check
        headers = {name: value for name in self._shown if (value := request.header(name))}
        headers.update(self._added)
        body = self._body(request, state)
        if body:
            headers["content-type"] = "application/json"
        try:
            found = await self._fetcher.send("POST", check.url, body, headers)
        except FetchError as error:
            return self._without_answer(f"{_SILENT}: {error}")
        if found.status >= 500:
            return self._without_answer("its server answers with a failure")
        if check.read_state and found.status == 200:
            try:
                state.values.update(msgspec.json.decode(found.body, type=_Answered).state)
            except msgspec.MsgspecError:
                return Failed(_STATELESS)
        return self._answer(found)

    def _answer(self, found: Fetched) -> Answer:
        check = self._check
        if found.status == 200:
            overwritten: dict[str, str] = {}
            for name, value in _those(found, check.overwritten_headers):
                overwritten[name] = f"{overwritten[name]},{value}" if name in overwritten else value
            # What a client says of itself is not taken for what the server says.
            absent = tuple(name for name in self._overwritten if name not in overwritten)
            return Allowed(
                upstream=tuple(overwritten.items()), appended=_those(found, check.upstream_headers), remove=absent
            )
        headers = _those(found, check.denied_headers)
        if 300 <= found.status < 400:
            return Respond(found.status, headers, login=True)
        return Denied(found.status if found.status >= 400 else 403, headers)

    def _without_answer(self, why: str) -> Answer:
        return Allowed(remove=self._overwritten) if self._check.allow_on_failure else Failed(why)

    def _body(self, request: Request, state: State) -> bytes:
        check = self._check
        body: dict[str, object] = {}
        if check.pass_state:
            body["state"] = state.values
        if check.pass_metadata:
            context = request.message.attributes.metadata_context
            body["filterMetadata"] = json_format.MessageToDict(context).get("filterMetadata", {})
        if check.pass_body:
            body["body"] = request.body.decode(errors="replace")
        if check.config:
            body["config"] = check.config
        return msgspec.json.encode(body) if body else b""


def _those(found: Fetched, names: tuple[str, ...]) -> Headers:
    wanted = {name.lower() for name in names}
    return tuple(line for line in found.lines if line[0] in wanted)
