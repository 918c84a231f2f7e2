"""Passing through to an HTTP server: 200 lets the request pass."""

from typing import Any

import msgspec
from google.protobuf import json_format

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Headers, Respond
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.checks.passed import without_answer
from daemun.extauth.request import Request
from daemun.fetch import Answer as Fetched
from daemun.fetch import Fetcher, FetchError
from daemun.ir.auth.checks import PassThroughHttp

_SILENT = "its server does not answer"
_STATELESS = "its server answers without the state that it is to say"


class _Answered(msgspec.Struct):
    state: dict[str, Any]


class HttpServer(Checker):
    """The server gets the headers it may see, and in the body (JSON) what it is configured to get."""

    def __init__(self, check: PassThroughHttp, place: Place, tools: Tools) -> None:
        del place
        self._check = check
        self._fetcher = Fetcher(tools.guard, seconds=check.timeout)
        self._added = {name.lower(): value for name, value in check.added_headers.items()}

    async def close(self) -> None:
        """End its connections."""
        await self._fetcher.close()

    async def check(self, request: Request, state: State) -> Answer:
        """What the server says."""
        check = self._check
        headers = {name: value for name in check.request_headers if (value := request.header(name))}
        headers.update(self._added)
        body = self._body(request, state)
        if body:
            headers["content-type"] = "application/json"
        try:
            found = await self._fetcher.send("POST", check.url, body, headers)
        except FetchError as error:
            return without_answer(f"{_SILENT}: {error}", check.allow_on_failure)
        if found.status >= 500:
            return without_answer("its server answers with a failure", check.allow_on_failure)
        if check.read_state and found.status == 200:
            try:
                state.values.update(msgspec.json.decode(found.body, type=_Answered).state)
            except msgspec.MsgspecError:
                return Failed(_STATELESS)
        return self._answer(found)

    def _answer(self, found: Fetched) -> Answer:
        check = self._check
        if found.status == 200:
            overwritten = _those(found, check.overwritten_headers)
            return Allowed(upstream=overwritten, appended=_those(found, check.upstream_headers))
        headers = _those(found, check.denied_headers)
        if 300 <= found.status < 400:
            return Respond(found.status, headers, login=True)
        return Denied(found.status if found.status >= 400 else 403, headers)

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
    return tuple((name.lower(), found.headers[name.lower()]) for name in names if name.lower() in found.headers)
