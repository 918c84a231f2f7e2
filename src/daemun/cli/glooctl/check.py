"""`glooctl check` and `check-crds`."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.base.names import GATEWAY, GLOO, GLOO_GATEWAY
from daemun.cli.glooctl.common import Output, Where, common
from daemun.cli.glooctl.making import Several

if TYPE_CHECKING:
    from daemun.manage.documents import Document
    from daemun.manage.store import Store

_ALL = "All namespaces that are watched."
_AUTH, _LIMITS = "enterprise.gloo.solo.io", "ratelimit.solo.io"
_GLOO_KINDS = {
    "upstreams": ("Upstreams", (GLOO, "Upstream")),
    "upstreamgroup": ("UpstreamGroups", (GLOO, "UpstreamGroup")),
    "auth-configs": ("AuthConfigs", (_AUTH, "AuthConfig")),
    "rate-limit-configs": ("RateLimitConfigs", (_LIMITS, "RateLimitConfig")),
    "virtual-host-options": ("VirtualHostOptions", (GLOO_GATEWAY, "VirtualHostOption")),
    "route-options": ("RouteOptions", (GLOO_GATEWAY, "RouteOption")),
    "virtual-services": ("VirtualServices", (GLOO_GATEWAY, "VirtualService")),
    "gateways": ("Gateways", (GLOO_GATEWAY, "Gateway")),
}
_GATEWAY_KINDS = {
    "kube-gateway-classes": ("Kubernetes GatewayClasses", (GATEWAY, "GatewayClass")),
    "kube-gateways": ("Kubernetes Gateways", (GATEWAY, "Gateway")),
    "kube-routes": ("Kubernetes HTTPRoutes", (GATEWAY, "HTTPRoute")),
}
EXCLUDED = ("deployments", "pods", *_GLOO_KINDS, "secrets", "proxies", "xds-metrics", "kube-gateway", *_GATEWAY_KINDS)

Check = tuple[str, str, Callable[["Store"], Awaitable[list[str]]]]
"""The word that leaves it out, what it checks, and what does: the troubles that it finds."""


@common
def check(
    where: Where,
    exclude: Annotated[
        Several, typer.Option("--exclude", "-x", help=f"Checks to leave out, with commas: {', '.join(EXCLUDED)}.")
    ] = None,
    pod_selector: Annotated[str, typer.Option("--pod-selector", "-p", help="Which pods are looked at.")] = "",
    namespaces: Annotated[Several, typer.Option("--resource-namespaces", "-r", help=_ALL)] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Nothing is ever written or forwarded.")] = False,
) -> None:
    """Check what runs and every object's status; end with 1 if something is wrong."""
    from daemun.cli.output import dump_json, fail
    from daemun.manage.documents import words

    del read_only
    left_out = set(words(exclude or []))
    unknown = left_out - set(EXCLUDED)
    if unknown:
        fail(f"there is no check {', '.join(sorted(unknown))}", f"There are {', '.join(EXCLUDED)}.")
    if where.output not in {None, Output.table, Output.json}:
        fail(f"-o {where.output} is not for this command", "There are table and json.")
    text = where.output is not Output.json
    troubles: list[str] = []
    told: list[dict[str, str]] = []

    async def work(store: "Store") -> None:
        for word, name, act in _checks(where, pod_selector, words(namespaces or [])):
            if word in left_out or (word in _GATEWAY_KINDS and "kube-gateway" in left_out):
                continue
            if text:
                print(f"Checking {name}... ", end="", flush=True)
            found = await act(store)
            state = f"{len(found)} Errors!" if found else "OK"
            if text:
                print(state)
            told.append({"name": name, "status": state})
            troubles.extend(found)

    where.ask(work)
    if text:
        print("\n".join(troubles) if troubles else "No problems detected.")
    else:
        print(dump_json({"resources": told, "errors": troubles}))
    if troubles:
        raise typer.Exit(1)


def _checks(where: Where, selector: str, namespaces: list[str]) -> Iterator[Check]:
    from daemun.manage import workloads

    async def of_deployments(store: "Store") -> list[str]:
        found = await workloads.deployments(store.client, where.system)
        if not found:
            return [f"nothing is installed in the namespace {where.system}"]
        return [trouble for one in found for trouble in workloads.troubles_of_deployment(one)]

    async def of_pods(store: "Store") -> list[str]:
        found = await workloads.pods(store.client, where.system, selector)
        return [trouble for one in found for trouble in workloads.troubles_of_pod(one)]

    yield "deployments", "Deployments", of_deployments
    yield "pods", "Pods", of_pods
    for word, (name, key) in _GLOO_KINDS.items():
        yield word, name, _of_kind(key, namespaces, _gloo_troubles)
    yield "proxies", "Proxies", _of_kind((GLOO, "Proxy"), namespaces, _gloo_troubles)
    for word, (name, key) in _GATEWAY_KINDS.items():
        yield word, name, _of_kind(key, namespaces, _gateway_troubles)


def _of_kind(
    key: tuple[str, str], namespaces: list[str], troubles: "Callable[[Document], Iterator[str]]"
) -> Callable[["Store"], Awaitable[list[str]]]:
    async def act(store: "Store") -> list[str]:
        cluster_wide = key[1] == "GatewayClass"
        places = [""] if cluster_wide or not namespaces else namespaces
        found = [one for place in places for one in await store.list(key, place)]
        return [trouble for one in found for trouble in troubles(one)]

    return act


def _gloo_troubles(one: "Document") -> Iterator[str]:
    """What the status of an object of Gloo's says that is wrong."""
    from daemun.manage.documents import ref_of

    status = one.get("status", {})
    statuses: dict[str, Any] = status.get("statuses") or ({"": status} if "state" in status else {})
    for each in statuses.values():
        if str(each.get("state", "")).lower() in {"rejected", "warning", "2", "3"}:
            yield f"{ref_of(one)} is {str(each['state']).lower()}: {each.get('reason', '')}"


def _gateway_troubles(one: "Document") -> Iterator[str]:
    """What the conditions of an object of Gateway API say that is wrong."""
    from daemun.manage.documents import ref_of

    status = one.get("status", {})
    groups = [(None, status.get("conditions", ()))]
    groups += [(each.get("name"), each.get("conditions", ())) for each in status.get("listeners", ())]
    groups += [(each["parentRef"]["name"], each.get("conditions", ())) for each in status.get("parents", ())]
    for part, conditions in groups:
        for condition in conditions:
            good = condition["type"] not in {"Conflicted", "PartiallyInvalid", "OverlappingTLSConfig"}
            if condition["status"] == ("False" if good else "True"):
                place = f" ({part})" if part else ""
                said = f"{condition['type']}={condition['status']}"
                yield f"{ref_of(one)}{place} says {said}: {condition.get('message', '')}"


@common
def check_crds(
    where: Where,
    show_yaml: Annotated[bool, typer.Option("--show-yaml", help="Show both where they differ.")] = False,
    version: Annotated[str | None, typer.Option("--version", hidden=True, help="Only this program's.")] = None,
    local_chart: Annotated[str | None, typer.Option("--local-chart", hidden=True, help="Only this program's.")] = None,
) -> None:
    """Check whether the CRDs in the cluster are those of this version; end with 1 if not."""
    from daemun.cli.output import dump_yaml
    from daemun.manage.chart import Difference, differences

    del version, local_chart

    async def work(store: "Store") -> list[Difference]:
        return await differences(store.client)

    found = where.ask(work)
    for one in found:
        print(f"{one.name}: {one.text}")
        if show_yaml and one.there is not None:
            print(dump_yaml([one.there, one.wanted]), end="")
    if found:
        raise typer.Exit(1)
    print("All CRDs are those of this version.")
