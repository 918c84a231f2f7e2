"""Answers as Envoy reads them (CheckResponse)."""

from collections.abc import Callable
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2

from daemun.base import wire
from daemun.base.framing import framing
from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Headers, Respond
from daemun.ir.auth import USER

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


def _none(name: str) -> bool:
    del name
    return False


def encoded(answer: Answer, present: Callable[[str], bool] = _none) -> bytes:
    """A CheckResponse; `present` tells which headers the request has.

    Raises InvalidAnswerError if a header, a status or a value of metadata is none.
    """
    if answer == _ALLOWED:
        return _EMPTY
    response = external_auth_pb2.CheckResponse()
    if isinstance(answer, Allowed):
        _allowed(answer, response, present)
    elif isinstance(answer, Failed):
        _denied(Denied(answer.status), response)
    else:
        _denied(answer, response)
    return bytes(response.SerializeToString())


def _allowed(answer: Allowed, response: external_auth_pb2.CheckResponse, present: Callable[[str], bool]) -> None:
    ok = response.ok_response
    ok.SetInParent()
    upstream, removed = answer.upstream, answer.remove
    if answer.appended:
        upstream, beside, removed = _beside(answer, present)
        _add(ok.headers, beside, _APPEND)
        for option in ok.headers:
            # Of a request's headers Envoy heeds this field alone, and appends to none that is not there.
            option.append.value = True
    _add(ok.headers, upstream, _SET)
    _add(ok.response_headers_to_add, answer.downstream, _APPEND)
    ok.headers_to_remove.extend(removed)
    _metadata(answer, response)
    if answer.user:
        response.dynamic_metadata[USER] = answer.user


def _metadata(answer: Allowed | Denied, response: external_auth_pb2.CheckResponse) -> None:
    if answer.metadata:
        try:
            response.dynamic_metadata.update(answer.metadata)
        except (ValueError, TypeError):
            raise InvalidAnswerError("the metadata") from None


def _beside(answer: Allowed, present: Callable[[str], bool]) -> tuple[Headers, Headers, tuple[str, ...]]:
    """What of the headers is set, what appended to what the client sent, and what removed."""
    upstream, removed, beside = dict(answer.upstream), set(answer.remove), []
    for name, value in answer.appended:
        if name in upstream:
            upstream[name] = f"{upstream[name]},{value}"
        elif name in removed or not present(name):
            upstream[name] = value
            removed.discard(name)
        else:
            beside.append((name, value))
    return tuple(upstream.items()), tuple(beside), tuple(sorted(removed))


def _denied(answer: Denied | Respond, response: external_auth_pb2.CheckResponse) -> None:
    if not 200 <= answer.status <= 599:
        raise InvalidAnswerError("the status")
    response.status.code = _CODES.get(answer.status, _PERMISSION_DENIED)
    denied = response.denied_response
    denied.status.code = answer.status
    _add(denied.headers, answer.headers, _APPEND)
    denied.body = answer.body
    if isinstance(answer, Denied):
        _metadata(answer, response)


def _add(to: Any, headers: Headers, action: int) -> None:
    for name, value in headers:
        if not valid(name, value):
            raise InvalidAnswerError(f"the header {name!r}")
        option = to.add(append_action=action)
        option.header.key = name
        try:
            option.header.value = value
        except UnicodeError:
            raise InvalidAnswerError(f"the header {name!r}") from None


def valid(name: str, value: str) -> bool:
    """Whether this is a header, and only one: no value begins another line (RFC 9110, 5.5), nor another message."""
    return bool(name) and not framing(name) and _NAME_CHARACTERS.issuperset(name) and _FORBIDDEN.isdisjoint(value)
