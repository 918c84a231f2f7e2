"""Stories: manifests in a folder, a real Envoy, real requests. Most modules share one world, made by their `scene`."""

from collections.abc import AsyncIterator

import pytest_asyncio

from support.world import World, fresh


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A world of its own for one story, not yet started."""
    async with fresh() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    """A world for all stories of a module, not yet started."""
    async with fresh() as one:
        yield one
