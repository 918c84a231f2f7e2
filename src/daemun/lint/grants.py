"""The ReferenceGrants that are missing, ready to be applied."""

from collections.abc import Iterable
from typing import Any

from daemun.api.kinds import KINDS
from daemun.base.names import GATEWAY, GLOO, Ref
from daemun.ir.problem import Problem
from daemun.translate import Translation
from daemun.view.written import field, written

_GROUPS = {kind.kind: kind.group for kind in reversed(KINDS)}


def grants(translation: Translation, problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """A grant for each reference that lacks one; those between the same two namespaces stand in one grant."""
    found: dict[tuple[str, str], dict[str, dict[tuple[str, ...], None]]] = {}
    for problem in problems:
        target = _target(translation, problem) if problem.code == "RefNotPermitted" else None
        if target is not None:
            of = found.setdefault((target.namespace, problem.ref.namespace), {"from": {}, "to": {}})
            of["from"][problem.ref.group, problem.ref.kind, problem.ref.namespace] = None
            of["to"][target.group, target.kind, target.name] = None
    return [
        {
            "apiVersion": f"{GATEWAY}/v1",
            "kind": "ReferenceGrant",
            "metadata": {"name": f"from-{source}", "namespace": namespace},
            "spec": {
                "from": [dict(zip(("group", "kind", "namespace"), one, strict=True)) for one in sorted(of["from"])],
                "to": [dict(zip(("group", "kind", "name"), one, strict=True)) for one in sorted(of["to"])],
            },
        }
        for (namespace, source), of in sorted(found.items())
    ]


def _target(translation: Translation, problem: Problem) -> Ref | None:
    """What the field refers to; None for what no grant could allow (delegation, targets of policies)."""
    held = field(written(translation, problem.ref), problem.where)
    name, namespace = getattr(held, "name", None), getattr(held, "namespace", None)
    # Gloo's references say no kind: each field is for one, with which the problem's text begins.
    meant = problem.text.partition(" ")[0]
    kind = getattr(held, "kind", meant if meant in _GROUPS else "Upstream")
    group = getattr(held, "group", _GROUPS.get(kind, GLOO))
    if not name or not namespace or namespace == problem.ref.namespace or "targetRef" in problem.where:
        return None
    return None if (group, kind) == (GATEWAY, "HTTPRoute") else Ref(group, kind, namespace, name)
