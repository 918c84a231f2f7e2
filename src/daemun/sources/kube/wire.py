"""Lists and events of a kind as the API server sends them, decoded into what the source hands over.

What cannot be decoded is found out alone: its neighbours in a list are none the worse for it.
"""

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from daemun.api.core import Secret
from daemun.api.decode import flaw, served
from daemun.api.kinds import Kind
from daemun.api.meta import ObjectMeta, Resource
from daemun.api.unreadable import stand_in
from daemun.base.names import Ref
from daemun.gloo.secrets.own import unfolded
from daemun.ir.problem import Problem
from daemun.kube.errors import ApiError, UnreadableError
from daemun.sources import yamldoc

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The whole object once more, for kubectl."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An object as the API server has it. Without a `value` only its metadata was asked for, or `problem` says why.

    The `stand_in` closes what an object with a problem was to guard.
    """

    ref: Ref
    version: str
    value: Resource | None = None
    status: bytes = b""
    problem: Problem | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    """Where only the metadata was asked for."""
    stand_in: Resource | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """What a watch tells: an object changed or is gone; without one, only how far the watch has come."""

    version: str
    entry: Entry | None = None
    gone: bool = False


class Listed(msgspec.Struct, frozen=True, gc=False):
    """All there is of a kind, not decoded yet, and the version from which a watch goes on."""

    objects: list[msgspec.Raw]
    version: str


class _Meta(ObjectMeta, frozen=True):
    resource_version: str = ""


class _Metadata(msgspec.Struct):
    metadata: _Meta


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _HeadMeta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct):
    """What every object has, so that one that cannot be decoded can be named; and all that a bookmark has."""

    metadata: _HeadMeta
    status: msgspec.Raw = msgspec.Raw()


class _Status(msgspec.Struct):
    """metav1.Status."""

    code: int = 500
    reason: str = ""
    message: str = ""


class _RawEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _RawList(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_HEAD = msgspec.json.Decoder(_Head)
_STATUS = msgspec.json.Decoder(_Status)
_RAW_EVENT = msgspec.json.Decoder(_RawEvent)
_RAW_LIST = msgspec.json.Decoder(_RawList)
_OF_META = attrgetter(*ObjectMeta.__struct_fields__)
_FAULTS = (msgspec.MsgspecError, RecursionError)


class Wire:
    """Decodes what the API server sends of one kind; with `metadata`, when no more than that was asked for.

    Everything raises UnreadableError when not even the name of an object can be read.
    """

    def __init__(self, kind: Kind, *, metadata: bool = False) -> None:
        self._kind = kind
        self._metadata = metadata
        self._rest = [name for name in kind.type.__struct_fields__ if name != "metadata"]
        shape = _Metadata if metadata else _shape(kind)
        self._object: msgspec.json.Decoder[Any] = msgspec.json.Decoder(shape)
        self._event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct("Event", [("type", str), ("object", shape)])
        )

    def list(self, text: bytes) -> Listed:
        """A list. Its objects are taken apart only: decoding tens of thousands is not to be one piece of work."""
        found = _read(_RAW_LIST, text)
        return Listed(found.items or [], found.metadata.resource_version)

    def object(self, text: bytes | msgspec.Raw) -> Entry:
        """One object."""
        try:
            return self._entry(self._object.decode(text))
        except _FAULTS:
            return self._odd(bytes(text))

    def event(self, text: bytes) -> Event:
        """A line of a watch. Raises ApiError for an error that is told in one, too."""
        try:
            event = self._event.decode(text)
        except _FAULTS:
            event = None
        if event is not None and event.type in {"ADDED", "MODIFIED", "DELETED"}:
            entry = self._entry(event.object)
            return Event(entry.version, entry, event.type == "DELETED")
        return self._odd_event(_read(_RAW_EVENT, text))

    def _entry(self, found: Any) -> Entry:
        meta = found.metadata
        ref = Ref(self._kind.group, self._kind.kind, meta.namespace, meta.name)
        if self._metadata:
            return Entry(ref, meta.resource_version, labels=meta.labels)
        meta.annotations.pop(_APPLIED, None)
        value = self._kind.type(ObjectMeta(*_OF_META(meta)), *[getattr(found, name) for name in self._rest])
        status = bytes(found.status) if self._kind.strict else b""
        problem = flaw(ref, value)
        if problem is not None:
            closed = stand_in(ref, msgspec.to_builtins(value))
            return Entry(ref, meta.resource_version, None, status, problem, stand_in=closed)
        return Entry(ref, meta.resource_version, _plain(value), status)

    def _odd(self, text: bytes) -> Entry:
        """An object that is not as its type is: it has fields that are null, or a problem."""
        head = _read(_HEAD, text)
        ref = Ref(self._kind.group, self._kind.kind, head.metadata.namespace, head.metadata.name)
        version = head.metadata.resource_version
        if self._metadata:
            return Entry(ref, version)
        found = served(ref, self._kind, text)
        if found.value is not None:
            found.value.metadata.annotations.pop(_APPLIED, None)
        status = bytes(head.status) if self._kind.strict else b""
        problem = next(iter(found.problems), None)
        return Entry(ref, version, _plain(found.value), status, problem, stand_in=found.stand_in)

    def _odd_event(self, event: _RawEvent) -> Event:
        match event.type:
            case "ADDED" | "MODIFIED" | "DELETED":
                entry = self._odd(bytes(event.object))
                return Event(entry.version, entry, event.type == "DELETED")
            case "BOOKMARK":
                return Event(_read(_HEAD, event.object).metadata.resource_version)
            case "ERROR":
                status = _read(_STATUS, event.object)
                raise ApiError(status.code, status.reason, status.message)
            case _:
                raise UnreadableError(f"the API server sends an event of type {event.type!r}")


def _plain(value: Resource | None) -> Resource | None:
    return unfolded(value, yamldoc.value) if isinstance(value, Secret) else value


def _shape(kind: Kind) -> type[msgspec.Struct]:
    """The kind's own type with what the API server adds to it."""
    added: list[Any] = [("metadata", _Meta)]
    if kind.strict:
        added.append(("status", msgspec.Raw, msgspec.Raw()))
    return msgspec.defstruct(kind.kind, added, bases=(kind.type,), frozen=True, kw_only=True, gc=False)


def _read(decoder: "msgspec.json.Decoder[Any]", text: bytes | msgspec.Raw) -> Any:
    try:
        return decoder.decode(text)
    except _FAULTS as error:
        raise UnreadableError(f"what the API server sends cannot be read: {error}") from None
