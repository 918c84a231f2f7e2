"""Conditions with their times. The core knows no clock; whoever writes a status puts the times on here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import Ref

Document = dict[str, Any]
NAMESPACE = "daemun-system"
"""Where the chart is installed: statuses of Gloo's kinds are told by namespace of the control plane."""


class Stamps:
    """Remembers when each condition of each object last changed its status, as Kubernetes wants it told."""

    def __init__(self) -> None:
        self._since: dict[Ref, dict[tuple[str, str], tuple[str, str]]] = {}

    def document(self, ref: Ref, status: Status, now: str) -> Document:
        """The status as it is written, each condition with its lastTransitionTime."""
        if isinstance(status, GlooStatus):
            return {"statuses": {NAMESPACE: msgspec.to_builtins(status)}}
        document: Document = msgspec.to_builtins(status)
        before = self._since.get(ref, {})
        after: dict[tuple[str, str], tuple[str, str]] = {}
        for place, conditions in _conditions(document):
            for condition in conditions:
                key = (place, condition["type"])
                known = before.get(key)
                since = known[1] if known and known[0] == condition["status"] else now
                after[key] = (condition["status"], since)
                condition["lastTransitionTime"] = since
        self._since[ref] = after
        return document

    def forget(self, ref: Ref) -> None:
        """The object is gone."""
        self._since.pop(ref, None)


def _conditions(document: Mapping[str, Any]) -> list[tuple[str, list[Document]]]:
    """Every list of conditions in a status, with a name for its place."""
    found = [("", document["conditions"])] if "conditions" in document else []
    found += [(f"listener {one['name']}", one["conditions"]) for one in document.get("listeners", ())]
    found += [(f"parent {index}", one["conditions"]) for index, one in enumerate(document.get("parents", ()))]
    found += [(f"ancestor {index}", one["conditions"]) for index, one in enumerate(document.get("ancestors", ()))]
    return found
