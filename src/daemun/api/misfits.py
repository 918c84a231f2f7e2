"""Why a plain value is not of a type: msgspec finds it, and here it is said in the API's words, with what mends it."""

import difflib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from daemun.api import auth_policy, policy, scalars
from daemun.api.gloo import scalars as gloo
from daemun.api.private import PRIVATE, may_let_in

_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?\$\.?(?P<where>.*)`)?$", re.DOTALL)
_ENUM = re.compile(r"^[Ii]nvalid enum value '(?P<value>.*)'$", re.DOTALL)
_TYPES = re.compile(r"^[Ee]xpected '(?P<wanted>[a-z]+)(?: \| null)?', got '(?P<got>[a-z]+)'$")
_NO_BASE64 = "Invalid base64 encoded string"
_MISSING = re.compile(r"missing required field '(?P<field>.*)'$")
_UNTOLD = "[...]"
"""How msgspec writes a key of a mapping."""
_MANY = 64
"""Mappings with more keys are not searched for the one that is wrong."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_QUOTES = "Put it into quotes."
_TRUTH = "Put it into quotes: without them YAML reads no, off, yes and on as true or false."
_NAME = "is not a name", "Use lower-case letters, digits, '-' and '.'."


class Misfit(NamedTuple):
    """The field within the value, what is wrong there, and how to mend it."""

    where: str
    text: str
    mend: str


def misfit(error: str, kind: type[msgspec.Struct], document: dict[str, Any], *, secret: bool = False) -> Misfit:
    """What msgspec's words mean, which end in the JSON path of the field. Of what is `secret` nothing is shown."""
    found = _AT.match(error)
    where = _told((found and found["where"]) or "", kind, document)
    text = ((found and found["text"]) or error).replace("`", "'")
    annotation = _annotation_at(kind, where)
    value = _value_at(document, where)
    if _ENUM.match(text):
        text, mend = _of_choices(value, annotation)
    else:
        text, mend = _WORDS.get(_pattern_in(annotation), (text, "")) if " matching regex " in text else (text, "")
        mend = mend or _mend(text, value)
    # What stands where a message is to be may be the secret that belongs into one of its fields, or that it names.
    field = where.rpartition(".")[2]
    public = not (secret or field in PRIVATE or "secret" in field.lower() or may_let_in(annotation))
    shown = f" (it is {_shown(value)})" if isinstance(value, str | int | float | bool) and public else ""
    return Misfit(where, text[:1].lower() + text[1:] + shown, mend)


def _mend(text: str, value: object) -> str:
    if text == _NO_BASE64:
        return "Encode it with base64; a Secret also takes it as it is, below stringData."
    missing, types = _MISSING.search(text), _TYPES.match(text)
    if missing:
        return f"Give it {missing['field']}."
    match types and (types["wanted"], types["got"]):
        case ("str", "bool"):
            return _TRUTH
        case ("str", "int" | "float"):
            return _QUOTES
        case ("int" | "float", "str") if str(value).replace(".", "", 1).lstrip("-").isdigit():
            return "Leave out the quotes."
        case ("bool", "str"):
            return "Write true or false, without quotes."
        case ("array", _):
            return "Write a list: [ONE, ANOTHER]."
        case ("object", _):
            return "Write fields: NAME: VALUE."
    return ""


def _of_choices(value: object, annotation: Any) -> tuple[str, str]:
    choices = [str(one) for one in _choices(annotation)]
    by_case = {one.lower(): one for one in choices}
    near = difflib.get_close_matches(str(value).lower(), by_case, n=1)
    if near:
        return "is none of the values that it may have", f"Did you mean {by_case[near[0]]!r}?"
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}" if choices[1:] else "".join(choices)
    return "is none of the values that it may have", f"Use {listed}." if choices else ""


def _told(where: str, kind: type[msgspec.Struct], document: dict[str, Any]) -> str:
    """The path with each key of a mapping that msgspec does not tell: the one that is wrong without the others too."""
    said, *rest = where.split(_UNTOLD)
    told = said
    for piece in rest:
        held = _value_at(document, told)
        said += _UNTOLD
        if not isinstance(held, dict) or len(held) > _MANY:
            return where
        key = next((one for one in held if _wrong(_reduced(document, _steps(told), one), said, kind)), None)
        if not isinstance(key, str):
            return where
        told += (f".{key}" if _PLAIN.fullmatch(key) else f"[{key}]") + piece
        said += piece
    return told


def _wrong(document: dict[str, Any], where: str, kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        return bool(found and (found["where"] or "").startswith(where))
    return False


def _reduced(value: Any, steps: list[str], key: object) -> Any:
    """The value with one key alone in a mapping that is in it."""
    if not steps:
        return {key: value[key]}
    if isinstance(value, list):
        at = int(steps[0])
        return [*value[:at], _reduced(value[at], steps[1:], key), *value[at + 1 :]]
    return value | {steps[0]: _reduced(value[steps[0]], steps[1:], key)}


def _steps(where: str) -> list[str]:
    """The names, keys and places in lists of a path."""
    return [key or step for key, step in re.findall(r"\[([^\]]+)\]|([^.\[\]]+)", where)]


def _value_at(document: Any, where: str) -> Any:
    for step in _steps(where):
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return document


def _annotation_at(kind: Any, where: str) -> Any:
    """The type of a field; None where nobody can tell."""
    for step in _steps(where):
        kind = next((inner for one in _alternatives(kind) if (inner := _within(one, step)) is not None), None)
    return kind


def _within(kind: Any, step: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return next((one.type for one in msgspec.structs.fields(kind) if one.encode_name == step), None)
    origin, arguments = get_origin(kind), get_args(kind)
    return arguments[0] if origin in (tuple, list) else arguments[1] if origin is dict else None


def _alternatives(annotation: Any) -> Iterator[Any]:
    """What a value may be one of."""
    if hasattr(annotation, "__metadata__"):
        yield from _alternatives(annotation.__origin__)
    elif get_origin(annotation) in (tuple, list, dict, Literal) or not get_args(annotation):
        yield annotation
    else:
        for one in get_args(annotation):
            yield from _alternatives(one)


def _choices(annotation: Any) -> Iterator[Any]:
    for one in _alternatives(annotation):
        if get_origin(one) is Literal:
            yield from get_args(one)


def _pattern_in(annotation: Any) -> str:
    """The expression that a text has to fit."""
    for one in getattr(annotation, "__metadata__", ()):
        if isinstance(one, msgspec.Meta) and one.pattern:
            return one.pattern
    inner = [annotation.__origin__] if hasattr(annotation, "__metadata__") else get_args(annotation)
    return next((found for one in inner if (found := _pattern_in(one))), "")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        _pattern_in(auth_policy.Url): ("is not a URL of http or https", "Write one: https://idp.example.com, say."),
        _pattern_in(auth_policy.UrlPath): ("is not a path", "Begin it with '/', without query and fragment."),
        _pattern_in(gloo.Duration): ("is not a duration", "Write 500ms, 1.5s or 2m, say."),
        _pattern_in(scalars.Duration): (
            "is not a duration",
            "Write 500ms or 1m30s, say, with whole numbers.",
        ),
        _pattern_in(scalars.HeaderName): ("is not the name of a header", "Use x-user, say."),
        _pattern_in(scalars.Hostname): (
            "is not a hostname",
            "Use lower-case letters, digits, '-' and '.', with *. before it if need be.",
        ),
        _pattern_in(scalars.PreciseHostname): _NAME,
        _pattern_in(scalars.NamespaceName): _NAME,
        r"^[A-Z]{1,32}$": ("is not a method", "Write it in capitals: GET, say."),
        policy.WELL_KNOWN: ("names no set of CA certificates", "Use System."),
    }
)
"""What expressions mean that texts have to fit, and what mends one that does not."""
