"""Who asks a backend for its health, and who counts its errors: each proxy once, however many routes and listeners lead
there.
"""

from typing import Any

from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, to_upstream, upstream
from support.scenes.world import World, until
from support.servers.backend import Echo
from support.servers.ports import free_port

CHECKS = 30
ROUTES = 20
HEALTH = {
    "timeout": "60s",  # on a busy machine: who is too late is asked again, on another connection
    "interval": "0.05s",
    "noTrafficInterval": "0.05s",
    "unhealthyThreshold": 1,
    "healthyThreshold": 1,
    "httpHealthCheck": {"path": "/health"},
}


class Asked(Echo):
    """It knows on how many connections it was asked for its health: whoever asks has one."""

    def askers(self) -> int:
        return len({on for on, path in zip(self.connections, self.paths(), strict=True) if path == "/health"})

    def checks(self) -> int:
        return self.paths().count("/health")


def routes(*parents: str, count: int = ROUTES) -> list[Doc]:
    """Of hosts and paths of their own, and some of the same host."""
    every = [
        route(f"r{n}", rule(prefix(f"/{n}"), to=[to_upstream("u")]), hosts=[f"h{n % 7}.example"], parents=list(parents))
        for n in range(count)
    ]
    everywhere = [*(f"h{n}.example" for n in range(7)), "any.example"]
    return [*every, route("all", rule(prefix("/"), to=[to_upstream("u")]), hosts=everywhere, parents=list(parents))]


async def scene(world: World, **spec: Any) -> tuple[Asked, int, int]:
    """A backend behind an Upstream, two listeners of a Gateway, and another Gateway; the further ports."""
    backend = Asked("u")
    await backend.start()
    world.closing(backend.stop)
    second, other = free_port(), free_port()
    world.write("upstream.yaml", upstream("u", static=hosts(backend.port), **spec))
    world.write("gateway.yaml", gateway("gw", listener(world.port), listener(second, "second")))
    world.write("other.yaml", gateway("other", listener(other)))
    world.write("routes.yaml", *routes("gw", "other"))
    await world.start()
    return backend, second, other


async def test_each_proxy_asks_a_backend_for_its_health_once(world: World) -> None:
    backend, second, other = await scene(world, healthChecks=[HEALTH])
    for port in (world.port, second, other):
        await world.answered_by("u", "/3/x", port=port, host="h3.example")
    await until(lambda: backend.checks() > CHECKS)
    assert backend.askers() == 2
    world.write("routes.yaml", *routes("gw", "other", count=2 * ROUTES))
    await world.answered_by("u", f"/{2 * ROUTES - 1}", host=f"h{(2 * ROUTES - 1) % 7}.example")
    before = backend.checks()
    await until(lambda: backend.checks() > before + CHECKS)
    assert backend.askers() == 2, "more routes ask no more"


async def test_errors_of_a_backend_count_together_on_whatever_way_they_come(world: World) -> None:
    detection = {"consecutive5xx": 6, "enforcingConsecutive5xx": 100, "maxEjectionPercent": 100, "interval": "600s"}
    detection |= {"baseEjectionTime": "600s"}
    backend, second, other = await scene(
        world, outlierDetection=detection, loadBalancerConfig={"healthyPanicThreshold": 0}
    )
    for port, host in ((world.port, "h1.example"), (second, "h2.example")) * 3:
        await world.answers(503, "/status/503", port=port, host=host)
    got = [one for one in backend.paths() if one == "/status/503"]
    assert len(got) == 6
    for port, host in ((world.port, "h3.example"), (second, "h1.example"), (second, "any.example")):

        async def ejected(port: int = port, host: str = host) -> bool:
            answer = await world.ask("/", port=port, host=host)
            return (answer.status, answer.backend) == (503, "")

        await until(ejected)
    assert world.app is not None
    stats = await world.app.proxies.admin_get("default/gw", "/stats?filter=outlier_detection.ejections_enforced_total")
    assert [int(line.rpartition(b" ")[2]) for line in stats.splitlines()] == [1]
    await world.answered_by("u", "/", port=other, host="h1.example")
