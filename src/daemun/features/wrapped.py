"""From fields of Gloo's API to those of Envoy's messages that are called the same."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from daemun.features.times import duration

_DURATION = "google.protobuf.Duration"


def put(proto: Message, field: str, value: Any) -> None:
    """Set a field, which may be a wrapper or a duration, if there is a value."""
    if value is None:
        return
    kind = proto.DESCRIPTOR.fields_by_name[field].message_type
    if kind is None:
        setattr(proto, field, value)
    elif kind.full_name == _DURATION:
        getattr(proto, field).CopyFrom(duration(value))
    else:
        getattr(proto, field).value = value


def put_all(proto: Message, spec: Any, fields: Iterable[str] | Mapping[str, str]) -> None:
    """Set these fields, whose names are the same or, in a mapping, ours to Envoy's."""
    for ours, envoys in fields.items() if isinstance(fields, Mapping) else ((field, field) for field in fields):
        put(proto, envoys, getattr(spec, ours))
