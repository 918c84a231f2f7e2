"""What Linkerd's proxy beside a gateway is told of each request: where it is meant to go.

Linkerd itself does not run here: the header is what its proxies read in ingress mode.
"""

import pytest
import pytest_asyncio

from support.objects.documents import (
    Doc,
    backend,
    gateway,
    hosts,
    listener,
    prefix,
    reference,
    route,
    rule,
    service,
    to_upstream,
    upstream,
    use,
)
from support.scenes.world import World, fresh, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
_HEADER = "l5d-dst-override"


def settings(*, linkerd: bool) -> Doc:
    meta = {"name": "default", "namespace": "gloo-system"}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": {"linkerd": linkerd}}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("one", "two", "mirrored")
    one = shared.backends["one"].port
    of_kube = upstream("kube", kube={"serviceName": "two", "serviceNamespace": "default", "servicePort": 80})
    shared.write("upstreams.yaml", of_kube, upstream("outside", static=hosts(one)))
    headers = use("RequestHeaderModifier", set=[{"name": _HEADER, "value": "elsewhere:1"}])
    mirror = use("RequestMirror", backendRef={"name": "mirrored", "port": 80})
    rules = [
        rule(prefix("/service"), to="one"),
        rule(prefix("/kube"), to=[to_upstream("kube")]),
        rule(prefix("/outside"), to=[to_upstream("outside")]),
        rule(prefix("/shares"), to=["one", "two"]),
        rule(prefix("/route"), to="one", filters=[headers]),
        rule(prefix("/mirror"), to="one", filters=[mirror]),
    ]
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)), route("r", *rules, parents=[reference("gw")]))
    shared.write("settings.yaml", settings(linkerd=True))
    await shared.start()


async def told(world: World, path: str) -> list[str]:
    """What the backend sees of the header, though the client says something else."""
    answer = await world.ask(path, headers={_HEADER: "internal.kube-system:443"})
    assert answer.status == 200
    return [value for name, value in answer.seen["headers"] if name == _HEADER]


async def test_linkerd_learns_the_service_whoever_says_what(shared: World) -> None:
    assert await told(shared, "/service") == ["one.default.svc.cluster.local:80"]
    assert await told(shared, "/kube") == ["two.default.svc.cluster.local:80"]
    assert await told(shared, "/route") == ["one.default.svc.cluster.local:80"]


async def test_each_share_has_its_own(shared: World) -> None:
    found = {(await told(shared, "/shares"))[0] for _ in range(30)}
    assert found == {"one.default.svc.cluster.local:80", "two.default.svc.cluster.local:80"}


async def test_what_leads_out_of_the_mesh_has_none_not_even_the_clients(shared: World) -> None:
    assert await told(shared, "/outside") == []


async def test_a_copy_is_for_the_service_that_it_is_sent_to(shared: World) -> None:
    assert await told(shared, "/mirror") == ["one.default.svc.cluster.local:80"]
    (copy,) = await until(lambda: shared.backends["mirrored"].requests)
    assert [value for name, value in copy["headers"] if name == _HEADER] == ["mirrored.default.svc.cluster.local:80"]


async def test_requests_go_to_the_services_own_address_where_settings_say_so() -> None:
    async with fresh() as world:
        await world.echo("app", "endpoint")
        at = world.backends["app"].port
        documents = service("app", world.backends["endpoint"].port, number=at)
        documents[0]["spec"]["clusterIP"] = "127.0.0.1"
        world.write("backends/app.yaml", documents)
        to = rule(to=[backend("app", port=at)])
        world.write("gateway.yaml", gateway("gw", listener(world.port)), route("r", to, parents=[reference("gw")]))
        await world.start()
        await world.answered_by("endpoint")
        said = settings(linkerd=False)
        said["metadata"]["annotations"] = {"daemun.dev/send-to": "cluster-ip"}
        world.write("settings.yaml", said)
        await world.answered_by("app")
        said["metadata"]["annotations"] = {"daemun.dev/send-to": "the-moon"}
        world.write("settings.yaml", said)
        await world.problem("Settings", "daemun.dev/send-to", "'the-moon' is nowhere")
        await world.answered_by("endpoint")


async def test_without_linkerd_nothing_is_told(shared: World) -> None:
    shared.write("settings.yaml", settings(linkerd=False))

    async def silent() -> bool:
        return _HEADER not in dict((await shared.ask("/service")).seen["headers"])

    await until(silent)
