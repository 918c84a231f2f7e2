"""What a transformation costs Envoy in instructions: they are the same on a busy machine.

The requests of `transform`, each at a port of its own, so that each port has the filters that its route needs; and the
same request at the same port for a route without a transformation. The kernel's work is not counted.
"""

from typing import Any

from bench.dataplane.hosts import configured
from bench.dataplane.instructions import counted
from bench.dataplane.transform import BODY, TEMPLATES, asking, templated
from bench.tools.poller import free_port
from bench.tools.worlds import GATEWAY, Document, service

_BESIDE = 100


def measure() -> dict[str, Any]:
    """Instructions per request, and how many times those at a port without transformations."""
    behind = free_port()
    documents, asked = _world(behind)
    counts = counted(configured(documents), behind, asked)
    found: dict[str, Any] = {}
    for name in TEMPLATES:
        beside = counts["nothing, with a body" if "body" in name else "nothing"]
        ratios = {"ratio": counts[name], "ratio of others there": counts[f"beside {name}"]}
        found[name] = {"instructions": counts[name]} | {of: round(one / beside, 3) for of, one in ratios.items()}
        print(name, found[name], flush=True)
    return found


def _world(behind: int) -> tuple[list[Document], dict[str, tuple[int, bytes]]]:
    """Manifests, and by name which port is asked for what."""
    listeners = []
    documents = service(0, behind)
    asked = {}
    for number, (name, template) in enumerate(TEMPLATES.items()):
        section, port = f"port-{number}", free_port()
        listeners.append({"name": section, "port": port, "protocol": "HTTP"})
        documents += [*templated(number, template, section), *templated(_BESIDE + number, None, section)]
        body = BODY if "body" in name else b""
        asked[name] = port, asking(number, body)
        asked[f"beside {name}"] = port, asking(_BESIDE + number, body)
        if template is None:
            asked[f"{name}, with a body"] = port, asking(number, BODY)
    spec = {"gatewayClassName": "daemun", "listeners": listeners}
    meta = {"name": "gate", "namespace": "bench"}
    return [*documents, {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": meta, "spec": spec}], asked
