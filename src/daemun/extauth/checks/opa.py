"""A server of Open Policy Agent, over its HTTP API: a rule of a package decides."""

from collections.abc import Mapping
from typing import Any

import msgspec
from google.protobuf import json_format

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Headers
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.fetch import FetchError
from daemun.ir.auth.checks import OpaServer

_DENIED = Denied(403)
_SILENT = "the policy server does not answer"
_UNREADABLE = "the policy server answers with what is no decision"
_JSON = {"content-type": "application/json"}


class _Result(msgspec.Struct):
    result: Any = None


class OpaDecisions(Checker):
    """The rule is true, or an object that says so in `allow` or `allowed`; anything else denies."""

    def __init__(self, check: OpaServer, place: Place, tools: Tools) -> None:
        base = check.address if "://" in check.address else f"http://{check.address}"
        path = "/".join(part for part in (*check.package.split("."), *check.rule.split(".")) if part)
        self._url = f"{base.rstrip('/')}/v1/data/{path}"
        self._reason = place.step if check.reason else ""
        self._fast = check.fast
        self._fetcher = tools.fetcher(place)

    async def close(self) -> None:
        """End its connections."""
        await self._fetcher.close()

    async def check(self, request: Request, state: State) -> Answer:
        """What the rule says of the request."""
        body = msgspec.json.encode({"input": document(request, state, fast=self._fast)})
        try:
            found = await self._fetcher.send("POST", self._url, body, _JSON)
        except FetchError as error:
            return Failed(f"{_SILENT}: {error}")
        if found.status != 200:
            return Failed(f"the policy server answers with {found.status}")
        try:
            return decision(msgspec.json.decode(found.body, type=_Result).result, self._reason)
        except msgspec.MsgspecError:
            return Failed(_UNREADABLE)


def document(request: Request, state: State, *, fast: bool) -> dict[str, Any]:
    """The input of a policy: what Envoy says, its HTTP request by itself, and what checks before have found out.

    `fast` leaves out what is dear to write: all but the HTTP request, and of the state what is no scalar, no object and
    no list of text.
    """
    if fast:
        one = request.message.attributes.request.http
        said = json_format.MessageToDict(one, preserving_proto_field_name=True)
        return {"http_request": said, "state": {key: value for key, value in state.values.items() if _cheap(value)}}
    asked = json_format.MessageToDict(request.message, preserving_proto_field_name=True)
    http = asked.get("attributes", {}).get("request", {}).get("http", {})
    return {"check_request": asked, "http_request": http, "state": state.values}


def _cheap(value: Any) -> bool:
    return not isinstance(value, list) or all(isinstance(one, str) for one in value)


def decision(result: Any, step: str = "") -> Answer:
    """What a policy says; an object has the fields that OPA's own plug-in for Envoy knows.

    With the name of a `step` the reason is told: to the client, and to Envoy's other filters below that name.
    """
    answer = _decision(result, reason=bool(step))
    if not step or not isinstance(answer, Allowed | Denied):
        return answer
    told = {"allowed": isinstance(answer, Allowed), "body": _text(result) if isinstance(result, Mapping) else ""}
    return msgspec.structs.replace(answer, metadata={**answer.metadata, step: {"reason": told}})


def _decision(result: Any, *, reason: bool) -> Answer:
    if result is True:
        return Allowed()
    if not isinstance(result, Mapping):
        return _DENIED
    if result.get("allowed") is True or result.get("allow") is True:
        return Allowed(
            upstream=_headers(result.get("headers")),
            remove=tuple(one for one in _list(result.get("request_headers_to_remove")) if isinstance(one, str)),
            downstream=_headers(result.get("response_headers_to_add")),
            metadata=result["dynamic_metadata"] if isinstance(result.get("dynamic_metadata"), Mapping) else {},
        )
    status = result.get("http_status")
    if not isinstance(status, int) or not 400 <= status <= 599:
        status = 403
    if not reason:
        return Denied(status)
    return Denied(status, _headers(result.get("headers")), _text(result))


def _text(result: Mapping[str, Any]) -> str:
    """Why, for the client: the body or the reason that the policy gives."""
    for name in ("body", "reason"):
        if name in result:
            found = result[name]
            return found if isinstance(found, str) else msgspec.json.encode(found).decode()
    return ""


def _headers(found: Any) -> Headers:
    if not isinstance(found, Mapping):
        return ()
    return tuple((str(name).lower(), value) for name, value in found.items() if isinstance(value, str))


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
