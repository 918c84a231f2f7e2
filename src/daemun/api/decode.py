"""From a parsed manifest to a typed resource, or to one clear problem about it."""

import difflib
import functools
import re
from collections.abc import Iterator
from typing import Any, TypeVar, get_args

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.oneof import one_of_each
from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import BY_NAME, Kind
from daemun.api.meta import Resource
from daemun.api.misfits import Misfit, misfit
from daemun.api.rules import broken_rules
from daemun.api.unreadable import stand_in
from daemun.base.names import Ref
from daemun.ir.problem import Problem

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MISSING = re.compile(r"missing required field '(.*)'")
S = TypeVar("S", bound=msgspec.Struct)
DEFAULT_NAMESPACE = "default"
NO_SUCH_FIELD = "has no such field"
"""How the problem about a field ends that the API does not have."""


class Decoded(msgspec.Struct, frozen=True):
    """A manifest as Daemun understands it. Without a `value` the object cannot be used; `problems` say why.

    What it was to guard is closed by the `stand_in`, if no version of before is known.
    """

    ref: Ref
    value: Resource | None
    problems: tuple[Problem, ...] = ()
    stand_in: Resource | None = None


def identify(document: object) -> Ref | None:
    """What the document calls itself, as far as that can be told."""
    if not isinstance(document, dict):
        return None
    kind, metadata = document.get("kind"), document.get("metadata")
    group, _, version = str(document.get("apiVersion") or "").rpartition("/")
    if not isinstance(kind, str) or not kind or not version:
        return None
    metadata = metadata if isinstance(metadata, dict) else {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    known = BY_NAME.get((group, kind))
    if known is not None and not known.namespaced:
        namespace = ""
    elif not isinstance(namespace, str) or not namespace:
        namespace = DEFAULT_NAMESPACE
    return Ref(group, kind, namespace, name if isinstance(name, str) else "")


def decode(document: object) -> Decoded | None:
    """The typed resource in a manifest. None when it is of a kind that Daemun does not know."""
    ref = identify(document)
    if ref is None or not isinstance(document, dict):
        return Decoded(
            Ref("", "", "", ""),
            None,
            (
                _problem(
                    Ref("", "", "", ""), "", "this is not a Kubernetes object", "Give it apiVersion, kind and metadata."
                ),
            ),
        )
    kind = BY_NAME.get((ref.group, ref.kind))
    if kind is None:
        return None
    try:
        cleaned = _cleaned(document)
    except (UnicodeEncodeError, RecursionError) as error:
        what = (
            "is nested too deep" if isinstance(error, RecursionError) else "holds half a character (a lone surrogate)"
        )
        printable = Ref(*(part.encode(errors="replace").decode() for part in ref))
        return Decoded(printable, None, (_problem(printable, "", what, "Write it in plain UTF-8, and flatter."),))
    problems = tuple(_refusals(ref, kind, cleaned))
    found = Decoded(ref, None, problems[:1]) if problems else _typed(ref, kind, cleaned)
    return found if found.value is not None else _closed(found, cleaned)


def _typed(ref: Ref, kind: Kind, cleaned: dict[str, Any]) -> Decoded:
    if kind.type is Secret:
        cleaned["data"] = _one_line(cleaned.get("data", {}))
    cleaned["metadata"] = {**cleaned["metadata"], "namespace": ref.namespace}
    unknown = _unknown_fields(ref, kind, cleaned)
    if unknown is not None:
        return Decoded(ref, None, (unknown,))
    try:
        value = msgspec.convert(cleaned, kind.type)
    except msgspec.ValidationError as error:
        return Decoded(ref, None, (_misfit(ref, kind, error, cleaned),))
    broken = tuple(
        _broken(value, ref, where, text)
        for where, text in broken_rules(value, cleaned["apiVersion"].rpartition("/")[2])
    )
    return Decoded(ref, None if broken else value, broken[:1])


def _closed(found: Decoded, document: dict[str, Any]) -> Decoded:
    return msgspec.structs.replace(found, stand_in=stand_in(found.ref, document))


def served(ref: Ref, kind: Kind, text: bytes) -> Decoded:
    """The typed resource in JSON from an API server, which has validated it: a field that is not known here is newer
    than Daemun, and no mistake."""
    try:
        cleaned = _cleaned(msgspec.json.decode(text))
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return Decoded(ref, None, (_problem(ref, "", "cannot be read", "Write it in plain UTF-8, and flatter."),))
    try:
        value = msgspec.convert(cleaned, kind.type)
    except msgspec.ValidationError as error:
        return _closed(Decoded(ref, None, (_misfit(ref, kind, error, cleaned),)), cleaned)
    found = flaw(ref, value)
    return _closed(Decoded(ref, None, (found,)), cleaned) if found else Decoded(ref, value)


def flaw(ref: Ref, value: Resource) -> Problem | None:
    """What is wrong with a resource that an API server has let pass, since its CRD does not say it."""
    if not isinstance(value, GlooResource):
        return None
    return next((_broken(value, ref, where, text) for where, text in one_of_each(value)), None)


def _broken(value: Resource, ref: Ref, where: str, text: str) -> Problem:
    mend = "This is a rule of the API; an API server refuses the object too."
    return Problem(ref, "Invalid", where, text, "Keep one of them." if isinstance(value, GlooResource) else mend)


def _misfit(ref: Ref, kind: Kind, error: msgspec.ValidationError, document: dict[str, Any]) -> Problem:
    return _problem(ref, *misfit(str(error), kind.type, document, secret=kind.type is Secret))


def _problem(ref: Ref, where: str, text: str, mend: str) -> Problem:
    return Problem(ref, "Invalid", where, text, mend)


def _refusals(ref: Ref, kind: Kind, document: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the document before its fields are looked at."""
    version = str(document["apiVersion"]).rpartition("/")[2]
    if version not in kind.versions:
        yield _problem(
            ref, "apiVersion", f"version {version!r} of {kind.kind} is not served", f"Use {' or '.join(kind.versions)}."
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        yield _problem(ref, "metadata", "is missing or not a mapping", "Give the object a metadata.name.")
        return
    for field, value in (("name", ref.name), ("namespace", metadata.get("namespace") or DEFAULT_NAMESPACE)):
        if not isinstance(value, str) or not _SUBDOMAIN.fullmatch(value) or len(value) > 253:
            yield _problem(
                ref, f"metadata.{field}", f"{value!r} is not a name", "Use lower-case letters, digits, '-' and '.'."
            )


def _cleaned(value: Any) -> Any:
    """The value without fields that are null, which to Kubernetes are not there; its text can be written as UTF-8."""
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, str) and not value.isascii():
        value.encode()
    return value


def _one_line(data: Any) -> Any:
    """Base64 is often written over several lines, and Kubernetes reads it so."""
    if not isinstance(data, dict):
        return data
    lines = str.maketrans("", "", "\r\n")
    return {key: value.translate(lines) if isinstance(value, str) else value for key, value in data.items()}


def fitted(value: dict[str, Any], kind: type[S], what: str) -> S | Misfit:
    """A plain value as a type has it. `what` is what has the fields of that type."""
    ref = Ref("", what, "", "")
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        unknown = _first_unknown(ref, "", value, kind)
        found = Misfit(unknown.where, unknown.text, unknown.mend) if unknown else misfit(str(error), kind, value)
    where = found.where.lstrip(".")
    missing = _MISSING.search(found.text)
    if missing:
        return Misfit(f"{where}.{missing[1]}".lstrip("."), "is missing", "Give it one.")
    return Misfit(where, found.text, found.mend or _without(kind, where))


def _without(kind: type[msgspec.Struct], where: str) -> str:
    """What a field is that is left out."""
    field = next((one for one in msgspec.structs.fields(kind) if one.encode_name == where.partition("[")[0]), None)
    if field is None or field.default in (msgspec.NODEFAULT, "", ()):
        return "Write it as the type has it."
    return f"Left out it is {msgspec.json.encode(field.default).decode()}."


def _unknown_fields(ref: Ref, kind: Kind, document: dict[str, Any]) -> Problem | None:
    """The first field that the API does not have."""
    for field in document:
        if field not in {"apiVersion", "kind", "metadata", "spec", "status"} and kind.strict:
            return _unknown(ref, field, field, ("spec", "metadata"))
    if kind.strict:
        return _first_unknown(ref, "spec", document.get("spec"), _fields(kind.type)["spec"])
    return None


def unknown_field(value: object, kind: type[msgspec.Struct]) -> str:
    """The path of the first field in a plain value that this type of the API does not have; empty if there is none."""
    found = _first_unknown(Ref("", "", "", ""), "", value, kind)
    return found.where.lstrip(".") if found else ""


@functools.cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a type by their name in the API."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _first_unknown(ref: Ref, where: str, value: Any, annotation: Any) -> Problem | None:
    struct, item, held = _shape(annotation)
    if isinstance(value, dict) and held is not None:
        found = (_first_unknown(ref, f"{where}.{key}", inner, held) for key, inner in value.items())
        return next((problem for problem in found if problem), None)
    if isinstance(value, list) and item is not None:
        found = (_first_unknown(ref, f"{where}[{at}]", inner, item) for at, inner in enumerate(value))
        return next((problem for problem in found if problem), None)
    if not isinstance(value, dict) or struct is None:
        return None
    fields = _fields(struct)
    for key, inner in value.items():
        if key not in fields:
            return _unknown(ref, f"{where}.{key}", key, tuple(fields))
        problem = _first_unknown(ref, f"{where}.{key}", inner, fields[key])
        if problem:
            return problem
    return None


def _unknown(ref: Ref, where: str, field: object, known: tuple[str, ...]) -> Problem:
    near = difflib.get_close_matches(str(field), known, n=1)
    mend = f"Did you mean {near[0]!r}?" if near else "Remove it, or check the API version that it belongs to."
    return _problem(ref, where, f"{ref.kind} {NO_SUCH_FIELD}", mend)


@functools.cache
def _shape(annotation: Any) -> tuple[type[msgspec.Struct] | None, Any, Any]:
    """The struct in an annotation, the type of the items if it is a list, and that of the values if it is a map."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation, None, None
    args = get_args(annotation)
    if getattr(annotation, "__origin__", None) is tuple:
        return None, args[0], None
    if getattr(annotation, "__origin__", None) is dict:
        return None, None, args[1]
    if hasattr(annotation, "__metadata__"):
        return _shape(args[0])
    shapes = [_shape(arg) for arg in args if arg is not type(None)]
    return shapes[0] if len(shapes) == 1 else (None, None, None)
