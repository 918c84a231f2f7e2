"""A12: code that users bring runs in Envoy's sandbox, if at all, and never in the control plane.

What Python itself tells of this process (audit events) says whether anything was read, compiled, run or started.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio

from daemun.api.decode import decode
from support.objects.assembler import filter_that_adds, filter_that_traps
from support.objects.cases import documents, translation
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule
from support.scenes.world import World

_GOLDEN = Path(__file__).parents[1] / "golden"
_CASES = sorted(one.parent for one in _GOLDEN.rglob("in.yaml") if b"emplate" in one.read_bytes())
_TEMPLATE = '{{ header("x") }}"); import os; os.system("touch /tmp/ran") #'
_RUN = {"exec", "compile", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "ctypes.dlopen", "import"}
_heard: list[tuple[str, tuple[Any, ...]]] | None = None


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if _heard is not None:
        _heard.append((event, args))


@contextmanager
def heard() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """What this process does meanwhile. A hook can never be taken away, so there is one that may be deaf."""
    global _heard  # noqa: PLW0603
    if not getattr(sys, "_daemun_hook", False):
        sys.addaudithook(_hear)
        sys._daemun_hook = True  # type: ignore[attr-defined]
    _heard = events = []
    try:
        yield events
    finally:
        _heard = None


def _templates(value: Any) -> int:
    """Write code behind every template of an object; how many there are."""
    count = 0
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(inner, str) and "{{" in inner:
            value[key] = inner + _TEMPLATE
            count += 1
        else:
            count += _templates(inner)
    return count


def _translated(*, hostile: bool) -> int:
    """Translate all cases with templates; how many of these there are."""
    base, count = documents((_GOLDEN / "base.yaml").read_text()), 0
    for case in _CASES:
        mine = documents((case / "in.yaml").read_text())
        count += sum(_templates(one.get("spec")) for one in mine) if hostile else 0
        own = any(one["kind"] == "Gateway" for one in mine)
        found = [decode(one) for one in [*(one for one in base if not own or one["kind"] != "Gateway"), *mine]]
        translation({one.ref: one.value for one in found if one is not None and one.value is not None})
    return count


def test_a12_no_template_is_run_here() -> None:
    _translated(hostile=False)  # what is imported when it is first needed
    with heard() as events:
        count = _translated(hostile=True)
    assert count > 5, "there are templates"
    assert [event for event, _ in events if event in _RUN] == []
    with heard() as events:
        eval("1")  # noqa: S307 - it would have been heard
    assert {"compile", "exec"} <= {event for event, _ in events}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    yield world
    await world.stop()


def _option(**options: object) -> Doc:
    spec = {"targetRefs": [reference("gw", kind="Gateway", group="gateway.networking.k8s.io")], "options": options}
    meta = {"name": "o", "namespace": "default"}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "HttpListenerOption", "metadata": meta, "spec": spec}


def _filter(world: World, code: bytes, name: str) -> Path:
    """A filter in WebAssembly for all of the Gateway."""
    file = world.base / f"{name}.wasm"
    file.write_bytes(code)
    one = {"filters": [{"filePath": str(file), "name": name, "rootId": ""}]}
    world.write("o.yaml", _option(wasm=one))
    return file


async def test_a12_webassembly_is_run_by_envoy_and_not_even_read_here(world: World) -> None:
    file = _filter(world, filter_that_adds("x-wasm", "was here"), "adds")
    with heard() as events:
        await world.start()
        assert (await world.answers(200)).sent("x-wasm") == ["was here"], "Envoy runs it"
        file.open("rb").close()  # this would have been heard
    opened = [event for event, args in events if event == "open" and str(args[0]) == str(file)]
    assert opened == ["open"], "by the test alone"


async def test_a12_a_filter_that_traps_is_a_no_and_leaves_the_proxy_alive(world: World) -> None:
    await world.start()
    await world.answers(200)
    assert world.app is not None
    before = {one.pid for one in world.app.proxies.running()}
    _filter(world, filter_that_traps(), "traps")
    for _ in range(3):
        await world.answers(503)
    world.write("o.yaml", _option(gzip={}))
    await world.answers(200)
    assert before <= {one.pid for one in world.app.proxies.running()}, "the same process"
