"""wasm: a filter in WebAssembly, on a host that is found at once and under a wildcard."""

from test_gloo_options import option, target

from support.objects.assembler import filter_that_adds
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World

HOSTS = ("hit.test", "x.wild.test")


async def test_a_filter_from_a_file(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("routes.yaml", route("r", rule(to="a"), hosts=["hit.test", "*.wild.test"]))
    file = world.base / "filter.wasm"
    file.write_bytes(filter_that_adds("x-wasm", "was here"))
    config = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "x"}
    one = {"filePath": str(file), "name": "one", "rootId": "", "config": config}
    world.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), wasm={"filters": [one]}))
    await world.start()
    for host in HOSTS:
        assert (await world.ask(host=host)).sent("x-wasm") == ["was here"], "once"
    image = {"image": "registry.test/filter:v1"}
    world.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), wasm={"filters": [image]}))
    for host in HOSTS:
        await world.answers(500, host=host)
    await world.problem("wasm.filters[0].image", "registries")
    lenient = {"filters": [image | {"failOpen": True}]}
    world.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), wasm=lenient))
    for host in HOSTS:
        assert (await world.answers(200, host=host)).sent("x-wasm") == []


async def test_a_file_that_is_not_there_is_told(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("routes.yaml", route("r", rule(to="a")))
    await world.start()
    gone = {"filters": [{"filePath": str(world.base / "gone.wasm"), "rootId": "x"}]}
    world.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), wasm=gone))
    await world.problem("HttpListenerOption", "gone.wasm")
    assert (await world.ask()).backend == "a", "the port stays as it was"
