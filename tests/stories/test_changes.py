"""Files change while they are served: traffic follows, and nobody is harmed on the way."""

import pytest

from daemun.report.journal import GoneLine
from daemun.report.summary import GatewayLine, RouteLine
from support.clients.client import Answer
from support.objects.documents import backend, exact, gateway, listener, prefix, route, rule, service, use
from support.scenes.world import World, load, until
from support.servers.ports import free_port


async def _served(world: World, **settings: object) -> None:
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(to="a")))
    await world.start(**settings)


async def test_files_come_change_move_and_go(world: World) -> None:
    await _served(world)
    assert (await world.ask()).backend == "a"

    world.write("route.yaml", route("r", rule(to="b")))
    await world.answered_by("b")

    world.write("new.yaml", route("new", rule(prefix("/new"), to="a")))
    await world.answered_by("a", "/new")

    async with load(world.ask) as steady:
        (world.folder / "route.yaml").rename(world.folder / "renamed.yml")
        world.write("below/deep/more.yaml", route("more", rule(prefix("/more"), to="a")))
        await world.answered_by("a", "/more")
    assert steady.failed() == []

    (world.folder / "renamed.yml").unlink()
    await world.answers(404)
    await until(lambda: GoneLine("HTTPRoute default/r") in world.lines)
    (world.folder / "new.yaml").unlink()
    await world.answers(404, "/new")
    assert (await world.ask("/more")).backend == "a"


async def test_an_object_moves_from_one_file_to_another(world: World) -> None:
    await _served(world)
    async with load(world.ask) as steady:
        world.write("both.yaml", gateway("gw", listener(world.port)), route("r", rule(to="b")))
        (world.folder / "gateway.yaml").unlink()
        (world.folder / "route.yaml").unlink()
        await world.answered_by("b")
    assert steady.failed() == []
    assert world.problems() == []


async def test_an_editor_that_empties_the_file_first(world: World) -> None:
    await _served(world)
    path = world.folder / "route.yaml"
    async with load(world.ask) as steady:
        for backend_ in ("b", "a", "b", "a", "b"):
            text = path.read_text()
            with path.open("w") as file:
                file.flush()
                await steady.more(3)
                file.write(
                    text.replace("name: a\n", "name: b\n")
                    if backend_ == "b"
                    else text.replace("name: b\n", "name: a\n")
                )
            await world.answered_by(backend_)
    assert steady.failed() == []


async def test_a_file_written_in_pieces(world: World) -> None:
    await _served(world)
    path = world.folder / "route.yaml"
    text = path.read_text().replace("name: a\n", "name: b\n")
    async with load(world.ask) as steady:
        with path.open("w") as file:
            for at in range(0, len(text), 40):
                file.write(text[at : at + 40])
                file.flush()
                await steady.more(1)
        await world.answered_by("b")
    assert steady.failed() == []
    await until(lambda: world.problems() == [])


async def test_a_hundred_flips_between_two_backends(world: World) -> None:
    await _served(world)
    async with load(world.ask, pause=0) as steady:
        for turn in range(100):
            to = "ba"[turn % 2]
            world.write("route.yaml", route("r", rule(to=to)))
            await world.answered_by(to)
    assert steady.failed() == []
    assert len(steady.answers) > 200


async def test_a_hundred_flips_to_backends_that_are_new_each_time(world: World) -> None:
    """The cluster is made for the flip, so the route has to wait until Envoy has its endpoints."""
    await _served(world)
    port = world.backends["a"].port
    async with load(world.ask, pause=0) as steady:
        for turn in range(100):
            world.write(
                "route.yaml",
                service(f"s{turn}", port),
                route("r", rule(to=f"s{turn}"), rule(exact(f"/{turn}"), to="a")),
            )
            await world.answers(200, f"/{turn}")
    assert steady.failed() == []


async def test_gateways_come_and_go_beside_each_other(world: World) -> None:
    await _served(world)
    ports = [free_port() for _ in range(3)]
    async with load(world.ask) as steady:
        for number, port in enumerate(ports):
            name = f"extra-{number}"
            world.write(f"{name}.yaml", gateway(name, listener(port)), route(name, rule(to="b"), parents=[name]))
        for port in ports:
            await world.answered_by("b", port=port)
        for number, port in enumerate(ports):
            (world.folder / f"extra-{number}.yaml").unlink()
            await until(lambda port=port: _refused(world, port))
            await until(lambda number=number: GoneLine(f"Gateway default/extra-{number}") in world.lines)
    assert steady.failed() == []
    assert world.app is not None
    await until(lambda: [one.proxy for one in world.app.proxies.running()] == ["default/gw"])


async def _refused(world: World, port: int) -> bool:
    try:
        await world.ask(port=port)
    except OSError:
        return True
    return False


async def test_a_listener_is_added_moved_and_removed(world: World) -> None:
    await _served(world)
    second, third = free_port(), free_port()
    async with load(world.ask) as steady:
        world.write("gateway.yaml", gateway("gw", listener(world.port), listener(second, "second")))
        await world.answered_by("a", port=second)
        world.write("gateway.yaml", gateway("gw", listener(world.port), listener(third, "second")))
        await world.answered_by("a", port=third)
        await until(lambda: _refused(world, second))
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        await until(lambda: _refused(world, third))
    assert steady.failed() == []


async def test_a_gateway_that_is_removed_comes_back(world: World) -> None:
    await _served(world)
    text = (world.folder / "gateway.yaml").read_text()
    for _ in range(3):
        (world.folder / "gateway.yaml").unlink()
        await until(lambda: _refused(world, world.port))
        world.write("gateway.yaml", text)
        await world.answered_by("a")


async def test_a_gateway_that_was_late_gets_its_routes(world: World) -> None:
    await world.echo("a")
    world.write("route.yaml", route("r", rule(to="a"), parents=["late"]))
    await world.start(clean=False)
    problem = await world.problem("Gateway default/late does not exist")
    world.write("late.yaml", gateway("late", listener(world.port)))
    await world.answered_by("a")
    await world.solved(problem)


async def test_an_empty_folder_is_fine(world: World) -> None:
    await world.start()
    await world.echo("a")
    world.write("all.yaml", gateway("gw", listener(world.port)), route("r", rule(to="a")))
    await world.answered_by("a")


async def test_what_is_told(world: World) -> None:
    await _served(world)
    url = f"http://127.0.0.1:{world.port}"
    await until(lambda: GatewayLine("default", "gw", "ready", (url,), 1) in world.lines)
    assert RouteLine("HTTPRoute", "default", "r", "ready", ("*",), ("default/gw",)) in world.lines
    assert world.condition("Gateway", "gw", "Programmed")[0] == "True"


async def test_a_privileged_port_is_bound_higher(world: World) -> None:
    await world.echo("a")
    world.write("all.yaml", gateway("gw", listener(81)), route("r", rule(to="a")))
    shift = world.port - 81
    await world.start(port_shift=shift)
    assert (await world.ask()).backend == "a"
    redirect = use("RequestRedirect", path={"type": "ReplaceFullPath", "replaceFullPath": "/x"})
    world.write("redirect.yaml", route("to", rule(prefix("/to"), filters=[redirect])))
    # A redirect speaks of the port that the manifest says.
    got = await world.answers(302, "/to", host="x.example")
    assert got.headers["location"] == "http://x.example:81/x"


@pytest.mark.parametrize("turns", [20])
async def test_weights_move_step_by_step(world: World, turns: int) -> None:
    """A canary: the share moves under load, and nobody notices anything but the backend."""
    await _served(world)
    async with load(world.ask, pause=0) as steady:
        for turn in range(turns + 1):
            world.write("route.yaml", route("r", rule(to=[backend("a", turns - turn), backend("b", turn)])))
            await steady.more(5)
        await until(lambda: _only(world, "b"))
    assert steady.failed() == []


async def _only(world: World, name: str) -> bool:
    answers: list[Answer] = [await world.ask() for _ in range(10)]
    return all(one.backend == name for one in answers)
