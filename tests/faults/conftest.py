"""What the faults happen to; see `support/scenes/gate.py`."""

from collections.abc import AsyncIterator

import pytest

from cluster.api import ApiServer
from support.scenes import gate as made


@pytest.fixture
async def gate(api_server: ApiServer, request: pytest.FixtureRequest) -> AsyncIterator[made.Gate]:
    """A Gateway in the API server that all tests share, which nobody serves yet."""
    namespace = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    async with made.gate(api_server, namespace) as one:
        yield one
