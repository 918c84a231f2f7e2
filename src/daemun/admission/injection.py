"""What is put into pods that are made. Pure."""

from collections.abc import Sequence
from typing import Any

from daemun.admission.review import Asked, Verdict

Json = dict[str, Any]


class Injector:
    """Puts init containers before those of pods, and volumes to theirs."""

    def __init__(self, containers: Sequence[Json], volumes: Sequence[Json]) -> None:
        self._containers = containers
        self._volumes = volumes
        self._name = containers[0]["name"]

    async def inject(self, asked: Asked) -> Verdict:
        """The pod as it should be. One in the node's own network has none of it: what is done there is done to all."""
        spec = (asked.object or {}).get("spec") or {}
        is_pod = (asked.kind.group, asked.kind.kind, asked.operation) == ("", "Pod", "CREATE")
        present = any(one.get("name") == self._name for one in spec.get("initContainers") or ())
        if not is_pod or spec.get("hostNetwork") or present:
            return Verdict()
        before = _put(spec, "initContainers", self._containers, first=True)
        return Verdict(patch=(*before, *_put(spec, "volumes", self._volumes, first=False)))


def _put(spec: Json, field: str, values: Sequence[Json], *, first: bool) -> list[Json]:
    path = f"/spec/{field}"
    if not spec.get(field):
        return [{"op": "add", "path": path, "value": list(values)}]
    places = ((f"{path}/{at}" if first else f"{path}/-", value) for at, value in enumerate(values))
    return [{"op": "add", "path": place, "value": value} for place, value in places]
