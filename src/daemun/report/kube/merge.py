"""What of an object's status has to be written, given what the API server has: ours as wanted, other people's as it is.

A status belongs to several writers. Of a route's `parents` and a policy's `ancestors` the entries with our controllers'
names are ours; of the conditions of a GatewayClass, Gateway or ListenerSet the types that Gateway API has; of a status
in Gloo's shape one key (`namespaced`). A list can only be written as a whole, so it is woven: ours take the places that
ours had, and what is not ours is handed back as it came. That nobody has changed it meanwhile is what the
resourceVersion is for, which goes with the patch.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import GATEWAY
from daemun.gatewayapi.classes import CONTROLLERS
from daemun.report.kube.namespaced import STATUSES, told_by_namespace
from daemun.report.stamp import NAMESPACE

Document = dict[str, Any]
Documents = list[Document]

TYPES = frozenset(
    {
        "Accepted",
        "Conflicted",
        "Detached",
        "InsecureFrontendValidationMode",
        "OverlappingTLSConfig",
        "PartiallyInvalid",
        "Programmed",
        "Ready",
        "ResolvedRefs",
        "Scheduled",
        "SupportedVersion",
    }
)
"""Gateway API's types of conditions: the controller of a class speaks them, whoever it was before."""

MESSAGE_LENGTH = 32768
MOST_CONDITIONS = 8
MOST_ENTRIES = {"parents": 32, "ancestors": 16}
"""The API server refuses a status with more: rather than be silent, we say less."""
_REFERENCES = {"parents": "parentRef", "ancestors": "ancestorRef"}
_COUNTS = ("attachedRoutes", "attachedListenerSets")


class Change(NamedTuple):
    """The fields of a status that have to be written; none if there is nothing to do."""

    fields: Document
    only_counts: bool = False
    """Nothing differs but how many routes or ListenerSets are attached."""


def change(status: Status | None, seen: bytes, now: str, namespace: str = NAMESPACE) -> Change:
    """How the status that the API server has must change. Without a status of ours, our entries in lists end.

    A condition keeps its lastTransitionTime as long as its status is the same; otherwise it is `now`. `namespace` is
    the control plane's, under which the status of Gloo's kinds is told.
    """
    there = _decode(seen)
    if isinstance(status, GlooStatus) or STATUSES in there:
        return Change(told_by_namespace(status if isinstance(status, GlooStatus) else None, there, namespace))
    wanted = {field: [] for field in MOST_ENTRIES if field in there} if status is None else _plain(status)
    merged = {field: _merged(field, value, there.get(field), now) for field, value in wanted.items()}
    fields = {
        field: value
        for field, value in merged.items()
        if there.get(field, [] if isinstance(value, list) else None) != value
    }
    counted = all(_uncounted(field, value) == _uncounted(field, there.get(field)) for field, value in fields.items())
    return Change(fields, bool(fields) and counted)


def is_true(seen: bytes, condition: str) -> bool:
    """Whether a status has a condition as True, of its own or of a listener."""
    status = _decode(seen)
    found = [
        one for holder in (status, *_documents(status.get("listeners"))) for one in _documents(holder.get("conditions"))
    ]
    return any((one.get("type"), one.get("status")) == (condition, "True") for one in found)


def _plain(status: Status) -> Document:
    """As JSON has it: lists, not tuples."""
    plain: Document = msgspec.json.decode(msgspec.json.encode(status))
    return plain


def _decode(seen: bytes) -> Document:
    found: object = msgspec.json.decode(seen) if seen else {}
    return found if isinstance(found, dict) else {}


def _documents(there: object) -> Documents:
    """The entries of a list as somebody wrote it, who may have been wrong."""
    return [one for one in there if isinstance(one, dict)] if isinstance(there, list) else []


def _merged(field: str, value: object, there: object, now: str) -> object:
    if not isinstance(value, list):
        return value
    wanted, before = cast("Documents", value), _documents(there)
    if field == "conditions":
        return _conditions(wanted, before, now)
    if field == "listeners":
        return list(_listeners(wanted, before, now))
    if field in MOST_ENTRIES:
        return _entries(field, wanted, before, now)
    return wanted


def _conditions(wanted: Documents, before: Documents, now: str) -> Documents:
    """Conditions that stand beside those of others."""
    ours = TYPES.union(one["type"] for one in wanted)
    return _woven(_timed(wanted, before, now), before, lambda one: str(one.get("type")) in ours, MOST_CONDITIONS)


def _listeners(wanted: Documents, before: Documents, now: str) -> Iterator[Document]:
    """The listeners of a Gateway or ListenerSet, which are all ours."""
    known = {str(one.get("name")): _documents(one.get("conditions")) for one in before}
    for one in wanted:
        yield one | {"conditions": _conditions(one["conditions"], known.get(one["name"], []), now)}


def _entries(field: str, wanted: Documents, before: Documents, now: str) -> Documents:
    """What several controllers say, each of its own part: by parent of a route, by ancestor of a policy."""
    reference = _REFERENCES[field]

    def key(entry: Document) -> bytes:
        return msgspec.json.encode((entry.get("controllerName"), entry.get(reference)), order="sorted")

    known = {key(one): _documents(one.get("conditions")) for one in before}
    entries = []
    for one in wanted:
        entry = one | {reference: {"group": GATEWAY, "kind": "Gateway"} | one[reference]}  # as the API server has it
        entry["conditions"] = _timed(one["conditions"], known.get(key(entry), []), now)[:MOST_CONDITIONS]
        entries.append(entry)
    return _woven(entries, before, lambda one: one.get("controllerName") in CONTROLLERS, MOST_ENTRIES[field])


def _timed(wanted: Documents, before: Documents, now: str) -> Documents:
    """Conditions with the time since when they are as they are."""
    since = {(str(one.get("type")), str(one.get("status"))): one.get("lastTransitionTime", now) for one in before}
    return [
        one | {"lastTransitionTime": since.get((one["type"], one["status"]), now), "message": _cut(one["message"])}
        for one in wanted
    ]


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LENGTH else f"{message[: MESSAGE_LENGTH - 1]}…"


def _woven(ours: Sequence[Document], before: Documents, is_ours: Callable[[Document], bool], most: int) -> Documents:
    """Ours, in their order, at the places that ours had, among those of others; what is too much is left out."""
    others = sum(not is_ours(one) for one in before)
    rest = iter(ours[: max(0, most - others)])
    woven = []
    for one in before:
        here = next(rest, None) if is_ours(one) else one
        if here is not None:
            woven.append(here)
    return [*woven, *rest]


def _uncounted(field: str, value: object) -> object:
    """A field of a status without what is only counted."""
    if field in _COUNTS:
        return None
    if field == "listeners" and isinstance(value, list):
        listeners = (one for one in value if isinstance(one, dict))
        return [{name: part for name, part in one.items() if name not in _COUNTS} for one in listeners]
    return value
