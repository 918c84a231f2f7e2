"""Pages about commands and about features, run with their manifests: what they show is what happens."""

import pytest

from support import pages


@pytest.mark.parametrize("page", ["cli/check", "cli/diff", "cli/test", "cli/view", "explain"])
def test_a_command_that_looks(page: str) -> None:
    pages.run(f"{page}.md")


@pytest.mark.parametrize("page", ["cli/proxy", "folder", "features/tcp-udp", "features/tls-routes"])
def test_what_is_served(page: str) -> None:
    pages.alone(f"{page}.md")
