"""Answers as Envoy reads them (CheckResponse)."""

from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2

from daemun.base import wire
from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Headers, Respond

_SET = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND = base_pb2.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
_PERMISSION_DENIED, _UNAUTHENTICATED, _INTERNAL = 7, 16, 13
_CODES = {401: _UNAUTHENTICATED, 500: _INTERNAL}
_ALLOWED = Allowed()
_EMPTY = wire.encoded(external_auth_pb2.CheckResponse(ok_response=external_auth_pb2.OkHttpResponse()))
_FORBIDDEN = frozenset("\r\n\0")
_NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class InvalidAnswerError(Exception):
    """An answer that no HTTP message can carry; it says which header."""


def encoded(answer: Answer) -> bytes:
    """A CheckResponse. Raises InvalidAnswerError if a header or a status is not one."""
    if answer == _ALLOWED:
        return _EMPTY
    response = external_auth_pb2.CheckResponse()
    if isinstance(answer, Allowed):
        _allowed(answer, response)
    elif isinstance(answer, Failed):
        _denied(Denied(answer.status), response)
    else:
        _denied(answer, response)
    return bytes(response.SerializeToString())


def _allowed(answer: Allowed, response: external_auth_pb2.CheckResponse) -> None:
    ok = response.ok_response
    ok.SetInParent()
    _add(ok.headers, answer.upstream, _SET)
    _add(ok.headers, answer.appended, _APPEND)
    _add(ok.response_headers_to_add, answer.downstream, _APPEND)
    ok.headers_to_remove.extend(answer.remove)
    if answer.metadata:
        response.dynamic_metadata.update(answer.metadata)


def _denied(answer: Denied | Respond, response: external_auth_pb2.CheckResponse) -> None:
    if not 200 <= answer.status <= 599:
        raise InvalidAnswerError("the status")
    response.status.code = _CODES.get(answer.status, _PERMISSION_DENIED)
    denied = response.denied_response
    denied.status.code = answer.status
    _add(denied.headers, answer.headers, _APPEND)
    denied.body = answer.body


def _add(to: Any, headers: Headers, action: int) -> None:
    for name, value in headers:
        if not valid(name, value):
            raise InvalidAnswerError(f"the header {name!r}")
        option = to.add(append_action=action)
        option.header.key = name
        option.header.value = value


def valid(name: str, value: str) -> bool:
    """Whether this is a header, and only one: no value begins another line (RFC 9110, 5.5)."""
    return bool(name) and _NAME_CHARACTERS.issuperset(name) and _FORBIDDEN.isdisjoint(value)
