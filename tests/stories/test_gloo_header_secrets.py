"""headerSecretRef: headers from Secrets for backends, which nothing shows; on a host found at once, and else."""

import json

from test_gloo_options import option, target

from daemun.envoy.readable import readable
from support.objects.documents import Doc, backend, gateway, listener, route, rule
from support.scenes.world import World, until

HOSTS = ("hit.test", "x.wild.test")
VALUE = "s3cr3t-value"


def secret(name: str, **headers: str) -> Doc:
    meta = {"name": name, "namespace": "default"}
    data = {key.replace("_", "-"): value for key, value in headers.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "gloo.solo.io/header", "stringData": data}


def adding(name: str) -> Doc:
    return {"requestHeadersToAdd": [{"headerSecretRef": {"name": name, "namespace": "default"}}]}


async def test_headers_from_secrets(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("routes.yaml", route("r", rule(to=[backend("a")]), hosts=["hit.test", "*.wild.test"]))
    world.write("secret.yaml", secret("of-route", x_key=VALUE, x_second="2"), secret("of-host", x_host=VALUE))
    world.write(
        "o.yaml",
        option("RouteOption", "o", target("HTTPRoute", "r"), headerManipulation=adding("of-route")),
        option("VirtualHostOption", "v", target("Gateway", "gw"), headerManipulation=adding("of-host")),
    )
    await world.start()
    for host in HOSTS:
        got = await world.answers(200, host=host, headers={"x-key": "the client's own"})
        assert [got.sent(name) for name in ("x-key", "x-second", "x-host")] == [[VALUE], ["2"], [VALUE]]
    assert world.app is not None
    shown = json.dumps([one.resource for one in readable(dict(world.app.plane.translation.resources.items()))])
    assert "header/default/of-route/x-key" in shown
    assert VALUE not in shown

    world.write("secret.yaml", secret("of-route", x_key="new", x_second="2"), secret("of-host", x_host=VALUE))
    for host in HOSTS:

        async def renewed(host: str = host) -> bool:
            return (await world.ask(host=host)).sent("x-key") == ["new"]

        await until(renewed)
    world.write("secret.yaml", secret("of-host", x_host=VALUE))
    for host in HOSTS:
        await world.answers(500, host=host)
    await world.problem("HTTPRoute default/r", "Secret default/of-route does not exist")
