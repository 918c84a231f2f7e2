"""Mistakes: each is one problem with its place, breaks itself only, and is forgotten when it is mended."""

import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemun.envoy import routes
from daemun.report.journal import ProblemLine
from daemun.translate.routes import CHECKS
from support.objects.documents import exact, gateway, listener, prefix, regex, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port

GOOD = route("r", rule(exact("/"), to="a"))


async def _served(world: World) -> None:
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", GOOD)
    world.write("other.yaml", route("other", rule(exact("/other"), to="a")))
    await world.start()


async def _others_go_on(world: World) -> None:
    """Another file changes, and that is served."""
    for to in ("b", "a"):
        world.write("other.yaml", route("other", rule(exact("/other"), to=to)))
        await world.answered_by(to, "/other")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 9)}]\n" for at in range(12)
)
_HEAD = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n"
_PARENT = "  parentRefs: [{name: gw}]\n"
# What is written into route.yaml, the line and field of the problem, and words of its text.
BROKEN = {
    "no YAML": (_HEAD + "  parentRefs: [{name: gw}\n  rules: [\n", None, "", ""),
    "a tab": (_HEAD + "\trules: []\n", 5, "", ""),
    "half": (_HEAD + "  parentRefs:\n  - na", None, "", ""),
    "unknown field": (_HEAD + _PARENT + "  rulez: []\n", 6, "spec.rulez", "rulez"),
    "unknown field below": (
        _HEAD + _PARENT + "  rules:\n  - backendRefs: [{name: a, port: 80}]\n    timeout: 5s\n",
        8,
        "spec.rules[0].timeout",
        "no such field",
    ),
    "wrong type": (_HEAD + _PARENT + "  hostnames: api.example.com\n", 6, "spec.hostnames", "array"),
    "wrong value": (
        _HEAD + _PARENT + "  rules:\n  - matches:\n    - path: {type: Exactly, value: /}\n",
        8,
        "spec.rules[0].matches[0].path.type",
        "Exactly",
    ),
    "no path": (
        _HEAD + _PARENT + "  rules:\n  - matches:\n    - path: {value: get}\n",
        8,
        "spec.rules[0].matches[0].path.value",
        "must start with '/'",
    ),
    "duplicate key": (_HEAD + _PARENT + _PARENT, 6, "", "parentRefs"),
    "python tag": (_HEAD + "  rules: !!python/object/apply:os.system [id]\n", 5, "", ""),
    "bomb": (BOMB, None, "", ""),
    "not text": ("\x00\x01\x02", None, "", ""),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_file_is_one_problem_and_its_last_good_state_is_served(world: World, name: str) -> None:
    await _served(world)
    text, line, field, words = BROKEN[name]
    world.write("route.yaml", text)
    problem = await world.problem("route.yaml", words)
    assert line in (None, problem.line), problem
    assert field in ("", problem.field), problem
    assert problem.text
    assert [one for one in world.lines if isinstance(one, ProblemLine)] == [problem], "told once"
    assert (await world.ask()).backend == "a"
    await _others_go_on(world)

    # Also for a Daemun that was not there when it was good.
    await world.end()
    await world.start(clean=False)
    assert (await world.ask()).backend == "a"
    problem = await world.problem("route.yaml", words)

    world.write("route.yaml", route("r", rule(exact("/"), to="b")))
    await world.answered_by("b")
    await world.solved(problem)
    assert world.problems() == []


async def test_an_invalid_regex_puts_out_its_own_rule(world: World) -> None:
    await _served(world)
    world.write("regex.yaml", route("regex", rule(regex("/[a-"), to="a"), rule(exact("/good"), to="b")))
    await world.answered_by("b", "/good")
    problem = await world.problem("is not an RE2 expression")
    assert (problem.object, problem.field) == ("HTTPRoute default/regex", "spec.rules[0].matches[0].path.value")
    assert problem.line > 1
    assert world.condition("HTTPRoute", "regex", "PartiallyInvalid")[:2] == ("True", "UnsupportedValue")
    assert (await world.ask("/a")).status == 404
    world.write("regex.yaml", route("regex", rule(regex("/[a-z]+"), to="a")))
    await world.answered_by("a", "/x")
    await world.solved(problem)


async def test_a_symlink_out_of_the_folder_is_not_followed(world: World) -> None:
    await _served(world)
    outside = world.base / "outside.yaml"
    outside.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: stolen}\n")
    (world.folder / "link.yaml").symlink_to(outside)
    problem = await world.problem("link.yaml")
    assert "outside" not in problem.text or "folder" in problem.text
    assert (await world.ask()).backend == "a"
    await _others_go_on(world)
    (world.folder / "link.yaml").unlink()
    await world.solved(problem)


async def test_things_that_are_no_files_are_told_and_left(world: World) -> None:
    await _served(world)
    os.mkfifo(world.folder / "pipe.yaml")
    problem = await world.problem("pipe.yaml")
    await _others_go_on(world)
    (world.folder / "pipe.yaml").unlink()
    await world.solved(problem)


async def test_the_same_object_in_two_files(world: World) -> None:
    await _served(world)
    world.write("twice.yaml", route("r", rule(exact("/"), to="b")))
    problem = await world.problem("HTTPRoute default/r")
    assert "route.yaml" in str(problem)
    assert "twice.yaml" in str(problem)
    assert (await world.ask()).backend == "a"
    (world.folder / "twice.yaml").unlink()
    await world.solved(problem)


async def test_a_port_that_another_program_has(world: World) -> None:
    await _served(world)
    taken = free_port()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", taken))
        foreign.listen()
        listeners = listener(taken), listener(taken, "second", hostname="x.example")
        world.write("taken.yaml", gateway("taken", *listeners), route("taken", rule(to="b"), parents=["taken"]))
        problem = await world.problem("ddress already in use", "Gateway default/taken")
        assert (problem.code, problem.field) == ("PortUnavailable", "spec.listeners[0].port")
        assert Path(problem.file).name == "taken.yaml"
        for name in ("http", "second"):
            assert world.condition("Gateway", "taken", "Programmed", name)[:2] == ("False", "PortUnavailable")
        assert world.condition("Gateway", "taken", "Programmed")[0] == "False"
        assert (await world.ask()).backend == "a"
        await _others_go_on(world)
    await world.answered_by("b", port=taken)
    await world.solved(problem)
    await until(lambda: world.condition("Gateway", "taken", "Programmed")[0] == "True")


async def test_a_port_that_a_listener_moves_to_is_taken(world: World) -> None:
    """The Gateway goes on at its old listeners."""
    await _served(world)
    taken = free_port()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", taken))
        foreign.listen()
        world.write("gateway.yaml", gateway("gw", listener(world.port), listener(taken, "second")))
        problem = await world.problem("ddress already in use", "spec.listeners[1]")
        assert (await world.ask()).backend == "a"
        await until(lambda: world.condition("Gateway", "gw", "Programmed", "http")[0] == "True")
        assert world.condition("Gateway", "gw", "Programmed", "second")[:2] == ("False", "PortUnavailable")
        await _others_go_on(world)
    await world.answered_by("a", port=taken)
    await world.solved(problem)


async def test_an_address_that_this_machine_does_not_have(world: World) -> None:
    await _served(world)
    world.write("far.yaml", gateway("far", listener(free_port()), addresses=["192.0.2.254"]))
    await world.problem("annot assign requested address", "Gateway default/far")
    assert world.condition("Gateway", "far", "Programmed")[:2] == ("False", "AddressNotUsable")
    await _others_go_on(world)


async def test_two_gateways_want_the_same_port(world: World) -> None:
    await _served(world)
    second = gateway("second", listener(world.port), created="2030-01-01T00:00:00Z")
    world.write("second.yaml", second, route("second", rule(to="b"), parents=["second"]))
    problem = await world.problem("belongs to Gateway default/gw", "Gateway default/second")
    assert problem.code == "PortUnavailable"
    assert world.condition("Gateway", "second", "Accepted", "http")[:2] == ("False", "PortUnavailable")
    assert world.condition("Gateway", "gw", "Programmed")[0] == "True"
    assert (await world.ask()).backend == "a"
    # The elder goes: the younger has the port.
    (world.folder / "gateway.yaml").unlink()
    await world.answered_by("b")
    await world.solved(problem)


async def test_what_only_envoy_rejects_puts_out_just_that_rule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our checks let an object through that Envoy refuses: it alone suffers, and hears Envoy's own words."""
    blind = msgspec.structs.replace(CHECKS, match=lambda match: ())
    monkeypatch.setattr("daemun.translate.routes.CHECKS", blind)
    await _served(world)
    world.write(
        "bad.yaml",
        route("bad", rule(regex("/[a-"), to="a"), rule(exact("/good"), to="b"), rule(prefix("/also"), to="b")),
    )
    await world.answered_by("b", "/good")
    problem = await world.problem("rejected it", "HTTPRoute default/bad")
    assert problem.field == "spec.rules[0].matches[0]"
    assert "missing ]" in problem.text, "Envoy's words"
    status, _, message = world.condition("HTTPRoute", "bad", "Programmed")
    assert status == "False"
    assert "missing ]" in message
    await world.answered_by("b", "/also/x")
    assert (await world.ask("/a")).status in (404, 500)
    # Everybody else's changes arrive.
    for to in ("b", "a", "b"):
        world.write("other.yaml", route("other", rule(exact("/other"), to=to)))
        await until(lambda to=to: _by(world, to))
    world.write("bad.yaml", route("bad", rule(regex("/[a-z]+"), to="a"), rule(exact("/good"), to="b")))
    await world.answered_by("a", "/xyz")
    await world.solved(problem)
    await until(lambda: world.condition("HTTPRoute", "bad", "Programmed")[0] != "False")


async def _by(world: World, backend: str) -> bool:
    return (await world.ask("/other")).backend == backend


async def test_a_rule_that_raises_is_a_defect_of_ours_and_harms_one_object(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await _served(world)
    good = routes.build

    def build(name: str, *args: Any) -> object:
        if "/poison/" in name:
            raise RuntimeError("poisoned")
        return good(name, *args)

    monkeypatch.setattr(routes, "build", build)
    world.write("poison.yaml", route("poison", rule(exact("/poison"), to="a")))
    await _others_go_on(world)
    assert (await world.ask()).backend == "a"
    assert "poisoned" in caplog.text
