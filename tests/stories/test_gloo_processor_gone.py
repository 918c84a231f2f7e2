"""extProc without its service: nothing passes, unless the listener says that it may."""

from test_gloo_external_processing import HIT, MISS, grpc_upstream, service
from test_gloo_options import option, target

from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World
from support.standins.processor import Processor


async def test_without_the_service_nothing_passes_unless_it_may(world: World) -> None:
    one = await Processor("main").start()
    world.closing(one.stop)
    await world.echo("a")
    world.write("main.yaml", grpc_upstream("main", one.port))
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("routes.yaml", route("r", rule(to="a"), hosts=[HIT, "*.wild.test"]))
    said = {"grpcService": service("main"), "messageTimeout": "20s"}
    world.write("o.yaml", option("HttpListenerOption", "o", target("Gateway", "gw"), extProc=said))
    await world.start()
    for host in (HIT, MISS):
        assert (await world.ask(host=host)).sent("x-processed") == ["main"]
    await one.stop()
    for host in (HIT, MISS):
        assert (await world.ask(host=host)).status == 500
    (world.folder / "main.yaml").unlink()
    await world.problem("does not exist")
    for host in (HIT, MISS):
        await world.answers(500, host=host)
    world.write(
        "o.yaml",
        option("HttpListenerOption", "o", target("Gateway", "gw"), extProc=said | {"failureModeAllow": True}),
    )
    for host in (HIT, MISS):
        await world.answers(200, host=host)
