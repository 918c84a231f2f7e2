"""Registries that others write: the package of the docs, as pip would lay it down, configured by a Registry."""

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from daemun.base.names import DAEMUN, Ref
from daemun.report.summary import state
from support.scenes.world import World, fresh, until

PAGE = Path(__file__).parents[2] / "docs" / "registries" / "plugins.md"
REGISTRY = Ref(DAEMUN, "Registry", "default", "ours")


@pytest_asyncio.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The page's manifests and package, with a file that knows one instance."""
    text = PAGE.read_text()
    info = tmp_path / "lines-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lines\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[daemun.registries]\nlines = lines:Lines\n")
    assert 'lines = "lines:Lines"' in text
    (tmp_path / "lines.py").write_text(text.split("```python\n")[1].split("```")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    async with fresh() as one:
        await one.echo("a", "b")
        manifests = text.split("```yaml\n")[1].split("```")[0]
        manifests = manifests.replace("port: 80,", f"port: {one.port},").replace("/etc", str(tmp_path))
        one.write("page.yaml", manifests)
        yield one
    sys.modules.pop("lines", None)


def has(tmp_path: Path, *lines: str) -> None:
    (tmp_path / "services.lines").write_text("".join(f"{line}\n" for line in lines))


def instance(world: World, name: str) -> str:
    return f"pets 127.0.0.1 {world.backends[name].port}"


async def answers(world: World, *expected: str | int) -> None:
    async def asked() -> bool:
        got = [await world.ask("/") for _ in range(4 * len(expected))]
        return {one.backend if one.status == 200 else one.status for one in got} == set(expected)

    await until(asked)


def status(world: World) -> str:
    assert world.app is not None
    found = world.app.plane.translation.statuses.get(REGISTRY)
    return state(found) if found is not None else ""


async def test_a_package_of_others_is_a_registry(world: World, tmp_path: Path) -> None:
    has(tmp_path, instance(world, "a"), "others 10.0.0.1 80")
    await world.start()
    await answers(world, "a")
    assert status(world) == "ready"
    has(tmp_path, instance(world, "a"), instance(world, "b"))
    await answers(world, "a", "b")

    (tmp_path / "services.lines").unlink()
    told = await world.problem(
        "Registry default/ours", "the service pets", "No such file", "the last good endpoints stay"
    )
    assert status(world) == "RegistryUnavailable"
    await answers(world, "a", "b")
    has(tmp_path, instance(world, "b"))
    await answers(world, "b")
    await world.solved(told)
    assert status(world) == "ready"

    has(tmp_path, "others 10.0.0.1 80")
    await answers(world, 503)


async def test_a_defect_of_a_plugin_takes_nothing_with_it(world: World, tmp_path: Path) -> None:
    has(tmp_path, instance(world, "a"))
    await world.start()
    await answers(world, "a")
    has(tmp_path, "pets without a port")
    await world.problem("Upstream default/pets", "what asks it has a defect (ValueError")
    await answers(world, "a")
    has(tmp_path, instance(world, "b"))
    await answers(world, "b")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("type: lines", "type: nobodys", "spec.type: no plug-in is called nobodys"),
        ("seconds: 0.1", "secnds: 0.1", "spec.config.secnds: the plug-in lines has no such field"),
        ("seconds: 0.1", "seconds: often", "spec.config.seconds: expected 'float', got 'str'"),
        (
            "  type: lines",
            "  type: lines\n  secretRef: {name: absent}",
            "spec.secretRef: Secret default/absent does not exist",
        ),
    ],
)
async def test_what_is_written_wrong_is_told_and_takes_nothing_with_it(
    world: World, tmp_path: Path, before: str, after: str, expected: str
) -> None:
    has(tmp_path, instance(world, "a"))
    await world.start()
    await answers(world, "a")
    good = (world.folder / "page.yaml").read_text()
    world.write("page.yaml", good.replace(before, after))
    told = await world.problem(f"Registry default/ours {expected}")
    await answers(world, "a")
    has(tmp_path, instance(world, "b"))
    world.write("page.yaml", good)
    await answers(world, "b")
    await world.solved(told)
