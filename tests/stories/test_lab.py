"""The lab: a v1beta1 route that lets just GET /get of api.example.com through, from another namespace."""

from support.objects.documents import backend, exact, gateway, listener, route, rule
from support.scenes.world import World

HOST = "api.example.com"


async def test_the_lab(world: World) -> None:
    await world.echo("httpbin/httpbin")
    world.write(
        "lab.yaml",
        gateway("gloo-system/http", listener(world.port, namespaces="All")),
        route(
            "httpbin/httpbin",
            rule(exact("/get"), to=[backend("httpbin")]),
            parents=["gloo-system/http"],
            hosts=[HOST],
            version="v1beta1",
        ),
    )
    await world.start()

    got = await world.ask("/get?hello=world", host=HOST)
    assert (got.status, got.seen["path"], got.seen["host"]) == (200, "/get?hello=world", HOST)
    assert (await world.ask("/status/200", host=HOST)).status == 404
    assert (await world.ask("/get", host="other.example.com")).status == 404
    assert world.problems() == []
