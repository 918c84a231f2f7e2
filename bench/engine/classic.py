"""Gloo's classic resources in the engine alone: what a change of one RouteTable of ten routes costs, by the number of
those that one VirtualService delegates to. No files, no network; times are those of the processor.
"""

import gc
from typing import Any

from bench.engine.objects import typed
from bench.engine.one_route import timed
from bench.tools.worlds import Document, service, summary
from daemun.process.garbage import THRESHOLDS, building
from daemun.translate import Translation

SIZES = (100, 1_000, 5_000)
_ROUTES = 10
_CHANGES = 50


def measure() -> dict[str, Any]:
    """Per change of a RouteTable, and of a RouteOption that a route of it refers to, at each number of routes."""
    found = {}
    for size in SIZES:
        found[str(size)] = at = _at(size // _ROUTES)
        told = ", ".join(f"{name} p50 {one['p50']:.0f} µs" for name, one in at.items())
        print(f"{size:>6} routes of one VirtualService: {told}", flush=True)
    return found


def _at(tables: int) -> dict[str, dict[str, float]]:
    translation = Translation()
    documents = [_gateway(), *service(0, 9000), _virtual_service(tables), _option(0)]
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    with building():
        translation.apply([typed(one) for one in (*documents, *(_table(number) for number in range(tables)))])
    some = tables // 2
    changed = [typed(_table(some, at)) for at in range(1, _CHANGES + 1)]
    options = [typed(_option(at)) for at in range(1, _CHANGES + 1)]
    result = {"table_us": summary(timed(translation, changed)), "option_us": summary(timed(translation, options))}
    assert not translation.graph.failures
    gc.unfreeze()
    return result


def _solo(kind: str, name: str, namespace: str, spec: Document) -> Document:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _gateway() -> Document:
    return _solo("Gateway", "http", "gloo-system", {"bindPort": 8080, "httpGateway": {}})


def _virtual_service(tables: int) -> Document:
    routes = [
        {"matchers": [{"prefix": f"/t{at}/"}], "delegateAction": {"ref": {"name": f"t{at}", "namespace": "default"}}}
        for at in range(tables)
    ]
    return _solo("VirtualService", "vs", "gloo-system", {"virtualHost": {"domains": ["a.test"], "routes": routes}})


def _table(number: int, state: int = 0) -> Document:
    to = {"single": {"kube": {"ref": {"name": "service-0", "namespace": "bench"}, "port": 80}}}
    routes: list[Document] = [
        {"matchers": [{"prefix": f"/t{number}/{at}/{state}"}], "routeAction": to} for at in range(_ROUTES)
    ]
    # The RouteOption that changes is that of one table among all.
    if number and state:
        routes[0]["optionsConfigRefs"] = {"delegateOptions": [{"name": "o", "namespace": "default"}]}
    return _solo("RouteTable", f"t{number}", "default", {"routes": routes})


def _option(state: int) -> Document:
    return _solo("RouteOption", "o", "default", {"options": {"timeout": f"{state + 1}s"}})
