"""What Envoy calls sensitive in its own messages, hidden before a person sees it: what its `config_dump` hides, too.

So a field that a later feature fills needs no thought of ours.
"""

from typing import Any

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from udpa.annotations import sensitive_pb2

HIDDEN = "[hidden]"


def hide(message: Message) -> None:
    """Hide what is sensitive, wherever it is in the message."""
    _walk(message, sensitive=False)


def _walk(message: Message, *, sensitive: bool) -> None:
    if isinstance(message, any_pb2.Any):
        _within(message, sensitive=sensitive)
        return
    for field, value in message.ListFields():
        secret = sensitive or field.GetOptions().Extensions[sensitive_pb2.sensitive]
        if field.message_type is not None:
            for inner in _messages(field, value):
                _walk(inner, sensitive=secret)
            if secret and _is_map(field) and field.message_type.fields_by_name["value"].message_type is None:
                for key in list(value):
                    value[key] = HIDDEN
        elif secret and field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
            _cover(message, field, value)


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    """The messages in a field: one, many, or those that a map leads to."""
    if _is_map(field):
        values = value.values()
        return [one for one in values if isinstance(one, Message)]
    return [value] if isinstance(value, Message) else list(value)


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _cover(message: Message, field: FieldDescriptor, value: object) -> None:
    hidden = HIDDEN if field.type == FieldDescriptor.TYPE_STRING else HIDDEN.encode()
    if isinstance(value, str | bytes):
        setattr(message, field.name, hidden)
    else:
        many = getattr(message, field.name)
        many[:] = [hidden] * len(many)


def _within(packed: any_pb2.Any, *, sensitive: bool) -> None:
    """What is packed is sensitive as the place where it is, or as its own type says."""
    try:
        found: Descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return
    inner = message_factory.GetMessageClass(found)()
    packed.Unpack(inner)
    _walk(inner, sensitive=sensitive)
    packed.Pack(inner, deterministic=True)
