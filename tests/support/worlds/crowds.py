"""Small worlds laid out as large ones are: wildcards in a directory, routes of a host by their paths."""

import contextlib
from collections.abc import Iterator

import pytest

from daemun.envoy import directory, shards


@contextlib.contextmanager
def thresholds(hosts: int = 0, routes: int = 1) -> Iterator[None]:
    """So many wildcards of a port, and routes of a host, are not yet many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory, "MANY_HOSTS", hosts)
        patch.setattr(shards, "MANY_ROUTES", routes)
        yield
