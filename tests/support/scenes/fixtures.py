"""Worlds for the tests that send requests: stories, faults and abuse."""

from collections.abc import AsyncIterator

import pytest_asyncio

from support.scenes.world import World, fresh


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A world of its own for one test, not yet started."""
    async with fresh() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    """A world for all tests of a module, not yet started; its `scene` starts it."""
    async with fresh() as one:
        yield one
