"""Circuit breakers of Upstreams, of Settings for those that say nothing, and on annotated Services: what is too much is
answered at once, and what is held goes on."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from test_gloo_options import option, target

from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, service, to_upstream, upstream
from support.scenes.world import World, until
from support.servers.backend import Echo
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOLD = free_port()
"""A port whose answers say that they are for overload."""
E: dict[str, Echo] = {}
LIMITS: dict[str, tuple[int, Doc]] = {
    "requests": (1, {"circuitBreakers": {"maxRequests": 1}}),
    "settings": (3, {}),
}
"""How many requests there may be at a time, and what the Upstream says. (Of connections every worker may have one.)"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    settings = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings"}
    settings |= {"metadata": {"name": "default", "namespace": "gloo-system"}}
    shared.write("all.yaml", settings | {"spec": {"gloo": {"circuitBreakers": {"maxRequests": 3}}}})
    for name, (_, said) in LIMITS.items():
        E[name] = await Echo(name).start()
        shared.closing(E[name].stop)
        shared.write(f"{name}.yaml", upstream(name, static=hosts(E[name].port), **said))
    E["service"] = await Echo("service").start()
    shared.closing(E["service"].stop)
    said, *slices = service("service", E["service"].port)
    said["metadata"]["annotations"] = {
        "gloo.solo.io/upstream_config": '{"circuitBreakers": {"maxRequests": 1}}',
    }
    shared.write("service.yaml", said, *slices)
    shared.write("gateway.yaml", gateway("gw", listener(shared.port), listener(TOLD, "told")))
    told = target("Gateway", "gw", sectionName="told")
    shared.write("told.yaml", option("HttpListenerOption", "told", told, router={"suppressEnvoyHeaders": False}))
    rules = [rule(prefix(f"/{name}")) | {"backendRefs": [to_upstream(name)]} for name in LIMITS]
    rules.append(rule(prefix("/service"), to="service"))
    shared.write("routes.yaml", route("r", *rules, parents=["gw"]))
    await shared.start()


async def held(world: World, name: str, count: int, **request: Any) -> list[asyncio.Task[Any]]:
    """So many requests that are not answered yet."""
    tasks = [asyncio.create_task(world.ask(f"/{name}?delay=60", **request)) for _ in range(count)]
    await until(lambda: E[name].waiting == count)
    return tasks


@pytest.mark.parametrize("name", [*LIMITS, "service"])
async def test_what_is_too_much_is_answered_at_once(shared: World, name: str) -> None:
    count, _ = LIMITS.get(name, (1, {}))
    tasks = await held(shared, name, count)
    try:
        got = await shared.answers(503, f"/{name}")
        assert "x-envoy-overloaded" not in got.headers
        got = await shared.ask(f"/{name}", port=TOLD)
        assert (got.status, got.headers.get("x-envoy-overloaded")) == (503, "true")
        assert not any(task.done() for task in tasks), "what is held goes on"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await shared.answers(200, f"/{name}")
