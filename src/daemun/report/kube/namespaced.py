"""The status of Gloo's kinds: told by the namespace of the control plane, each control plane its own.

`statuses` is a map, so a merge patch with our key alone leaves what others say as it is.
"""

from typing import Any

import msgspec

from daemun.api.gloo.status import REPORTER, GlooStatus

Document = dict[str, Any]
STATUSES = "statuses"


def told_by_namespace(status: GlooStatus | None, there: Document, namespace: str) -> Document:
    """The fields of a merge patch, none if there is nothing to do. Without a status, what we have said ends.

    What Gloo has said under the same namespace stays until we have something to say ourselves.
    """
    told = there.get(STATUSES)
    before = told.get(namespace) if isinstance(told, dict) else None
    if status is None:
        ours = isinstance(before, dict) and before.get("reportedBy") == REPORTER
        return {STATUSES: {namespace: None}} if ours else {}
    wanted = msgspec.json.decode(msgspec.json.encode(status))
    if before == wanted:
        return {}
    return {STATUSES: {namespace: _replacing(before, wanted)}}


def _replacing(before: object, wanted: Document) -> Document:
    """A merge patch that makes `wanted` of what there was: what is there no more has to be named."""
    gone = dict.fromkeys(before.keys() - wanted.keys()) if isinstance(before, dict) else {}
    known = before if isinstance(before, dict) else {}
    return gone | {
        field: _replacing(known.get(field), value) if isinstance(value, dict) else value
        for field, value in wanted.items()
    }
