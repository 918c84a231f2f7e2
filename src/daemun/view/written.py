"""Objects as they were written, and single fields of them by the paths that problems and origins name."""

import re
from typing import Any

import msgspec

from daemun.api.kinds import BY_NAME
from daemun.base.names import Ref
from daemun.translate import Translation

_STEP = re.compile(r"([A-Za-z0-9_-]+)((?:\[\d+\])*)")


def written(translation: Translation, ref: Ref) -> Any:
    """The object, typed; None if there is none of that name."""
    source = translation.sources.get((ref.group, ref.kind))
    return source.get(ref.key) if source is not None else None


def field(value: Any, path: str) -> Any:
    """The field at a path such as `spec.rules[0].backendRefs[1]`; None if nothing is there."""
    for step in path.split(".") if path else ():
        found = _STEP.fullmatch(step)
        if found is None:
            return None
        value = _member(value, found[1])
        for index in re.findall(r"\d+", found[2]):
            value = value[int(index)] if isinstance(value, list | tuple) and int(index) < len(value) else None
    return value


def _member(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if not isinstance(value, msgspec.Struct):
        return None
    return next((getattr(value, one.name) for one in msgspec.structs.fields(value) if one.encode_name == name), None)


def document(translation: Translation, ref: Ref) -> dict[str, Any]:
    """The object as a manifest, as far as Daemun reads its kind; empty for one that nobody wrote."""
    value = written(translation, ref)
    if value is None:
        return {}
    version = BY_NAME[ref.group, ref.kind].versions[0]
    head = {"apiVersion": f"{ref.group}/{version}" if ref.group else version, "kind": ref.kind}
    body = shown(value)
    return head | (body if isinstance(body, dict) else {})


def shown(value: Any) -> Any:
    """A value in JSON's terms without what nobody wrote: fields that are empty or as they are anyway."""
    if isinstance(value, msgspec.Struct):
        found = {}
        for one in msgspec.structs.fields(value):
            held = getattr(value, one.name)
            if held is not None and held is not msgspec.UNSET and not _default(one, held):
                found[one.encode_name] = shown(held)
        return found
    if isinstance(value, dict):
        return {str(key): shown(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    return msgspec.to_builtins(value)


def _default(one: msgspec.structs.FieldInfo, held: Any) -> bool:
    if one.default is not msgspec.NODEFAULT:
        return bool(held == one.default)
    return one.default_factory is not msgspec.NODEFAULT and bool(held == one.default_factory())
