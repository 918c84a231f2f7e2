"""Programs that Envoy's own header mutation can do, which costs a fifth of the script.

Only where the result is the same whatever the message: the script remains for all else. User text becomes a format of
Envoy's with its one special sign doubled, and the only variables in it are names of headers that were checked.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2 as rules_v3
from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as mutation_v3

from daemun.features.transformations.choices import Choice, choice
from daemun.features.transformations.templates import Program

_PLAIN = {"advanced", "append", "headers", "ignore", "remove"}
_NAME = re.compile(r":?[A-Za-z0-9_-]+")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")
_BLANK, _BLANKS = " ", " \t\r\n"
_LONGEST = 8192
"""Bytes of a value: Envoy takes no more than twice that."""
_EXACT = 2**53
_VARIABLE = re.compile(r"%[A-Z]")
"""What Envoy takes for one of its variables in spite of a doubled sign: it translates old ones before it reads."""
_SOLID = ("%REQ(:method)%", "%REQ(:path)%")
"""What is never empty."""
_SPECIAL = ("host", "content-length", "transfer-encoding")
"""Headers by which Envoy tells messages apart: what the script knows of them is not known here."""


class _Text(str):
    """Text that stays as it is. Never empty."""

    __slots__ = ()


class _Header(str):
    """A header's first value, as a format of Envoy's. Nothing where there is none."""

    __slots__ = ()


_Piece: TypeAlias = _Text | _Header | Choice
_Action: TypeAlias = core_v3.HeaderValueOption.HeaderAppendAction
_OVERWRITE: _Action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND: _Action = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
_Mutations: TypeAlias = list[rules_v3.HeaderMutation]


def native(stage: Program) -> mutation_v3.HeaderMutationPerRoute | None:
    """The same as a stage's program, for Envoy's header mutation; None where it could be something else."""
    only = _only(stage)
    request = _mutations(only[0], "REQ") if only else None
    response = _mutations(only[1], "RESP") if only else None
    if request is None or response is None:
        return None
    found = mutation_v3.HeaderMutationPerRoute()
    found.mutations.request_mutations.extend(request)
    found.mutations.response_mutations.extend(response)
    return found


def _only(stage: Program) -> tuple[Program, Program] | None:
    """What is done to each request and to each response; None where that depends on something."""
    requests, responses = stage.get("requests", [])[:1], stage.get("responses", [])[:1]
    # The first takes them all. A response of a request's own would need to know whether that came so far.
    if "details" in stage or "inherit" in stage or any(set(one) != {"request"} for one in requests):
        return None
    if any(set(one) != {"response"} for one in responses):
        return None
    return (requests[0]["request"] if requests else {}), (responses[0]["response"] if responses else {})


def _mutations(program: Program, own: str) -> _Mutations | None:
    """A program's changes. `own`: by which name Envoy's formats know the headers of the message."""
    headers, append, removed = (program.get(name, []) for name in ("headers", "append", "remove"))
    # Only text that is written as it is needs no escapes.
    escaped = any(
        not isinstance(one, str) and one[0] == "out" for _, template in (*headers, *append) for one in template
    )
    if not set(program) <= (_PLAIN if escaped else _PLAIN | {"escape"}):
        return None
    found: _Mutations = []
    for name, template in headers:
        pieces = _pieces(template, own)
        if pieces is None or not _settable(name):
            return None
        # It may be empty: then the header is removed. That comes first, so nothing may need what it was.
        gone = not any(isinstance(one, _Text) for one in pieces)
        if gone and _Header(f"%{own}({name})%") in pieces:
            return None
        found.extend(_written(name, pieces, _OVERWRITE, gone=gone))
    found.extend(rules_v3.HeaderMutation(remove=name) for name in removed)
    for name, template in append:
        pieces = _pieces(template, own)
        if pieces is None or not _settable(name):
            return None
        found.extend(_written(name, pieces, _APPEND, gone=False))
    return found


def _written(name: str, pieces: list[_Piece], action: _Action, *, gone: bool) -> Iterator[rules_v3.HeaderMutation]:
    """A header's value is put, or the header is removed; what is copied for that is removed in the end."""
    copies = {copy: source for one in pieces if isinstance(one, Choice) for copy, source in one.copies.items()}
    for copy, source in copies.items():
        yield _put(copy, [_Header(source)], _OVERWRITE)
    if gone:
        yield rules_v3.HeaderMutation(remove=name)
    if pieces:
        yield _put(name, pieces, action)
    for copy in copies:
        yield rules_v3.HeaderMutation(remove=copy)


def _settable(name: str) -> bool:
    return not name.startswith(":") and name not in _SPECIAL


def _put(name: str, pieces: list[_Piece], action: _Action) -> rules_v3.HeaderMutation:
    value = "".join(one.replace("%", "%%") if isinstance(one, _Text) else one for one in pieces)
    option = core_v3.HeaderValueOption(header=core_v3.HeaderValue(key=name, value=value), append_action=action)
    return rules_v3.HeaderMutation(append=option)


def _pieces(template: list[Any], own: str) -> list[_Piece] | None:
    """What a value is joined from; None where it takes more than joining."""
    found: list[_Piece] = []
    for one in template:
        made = _statement(one, own, sum(len(other.copies) for other in found if isinstance(other, Choice)))
        if made is None:
            return None
        found.extend(made)
    found = _bare(_bare(found, 0, str.lstrip), -1, str.rstrip)
    if any(isinstance(one, _Text) and not _TEXT.fullmatch(one) for one in found):
        return None
    text = "".join(one if isinstance(one, _Text) else "\n" for one in found)
    if _VARIABLE.search(text) or sum(len(one.encode()) for one in found) > _LONGEST:
        return None
    return None if _BLANK in (_text_at(found, 0), _text_at(found[::-1], -1)) else found


def _statement(one: str | list[Any], own: str, copies: int) -> list[_Piece] | None:
    if isinstance(one, str):
        return [_Text(one)]
    if one[0] == "if":
        chosen = choice(one, own, copies)
        return None if chosen is None else [chosen]
    return _expression(one[1], own) if one[0] == "out" else None


def _bare(pieces: list[_Piece], end: int, strip: Callable[[str, str], str]) -> list[_Piece]:
    """Without the blanks at one end, which the script cuts."""
    left = list(pieces)
    while left and isinstance(left[end], _Text):
        text = strip(left[end], _BLANKS)
        if text:
            left[end] = _Text(text)
            break
        del left[end]
    return left


def _text_at(pieces: list[_Piece], end: int) -> str:
    """What may come to stand at an end: a blank would be cut there."""
    solid = (one for one in pieces if isinstance(one, _Text) or one in _SOLID)
    return next((one[end] for one in solid), "")


def _expression(program: list[Any], own: str) -> list[_Piece] | None:
    match program:
        case ["literal", str(text)]:
            return [_Text(text)] if text else []
        case ["literal", int(number)] if not isinstance(number, bool) and abs(number) < _EXACT:
            return [_Text(number)]
        case ["header" | "request_header" as of, _, ["literal", str(name)]] if _NAME.fullmatch(name):
            return [_Header(f"%{own if of == 'header' else 'REQ'}({name.lower()})%")]
        case ["add", _, ["literal", int()], _] | ["add", _, _, ["literal", int()]]:
            return None
        case ["add", _, one, other]:
            first, second = _expression(one, own), _expression(other, own)
            return None if first is None or second is None else first + second
    return None
