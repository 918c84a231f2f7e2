"""Pages about commands and about features, run with their manifests: what they show is what happens."""

import pytest

from support.checks import pages

LOOKS = [
    *("cli/check", "cli/diff", "cli/test", "cli/view", "cli/glooctl", "explain", "gloo/upstreams"),
    *("functions/azure", "functions/gcp", "functions/lambda"),
]
GLOO = ["functions/rest", "gloo/classic", "gloo/delegation", "gloo/policies", "gloo/transformations"]


@pytest.mark.parametrize("page", LOOKS)
def test_what_is_looked_at(page: str) -> None:
    pages.run(f"{page}.md")


@pytest.mark.parametrize("page", ["cli/proxy", "folder", "features/tcp-udp", "features/tls-routes", "discovery", *GLOO])
def test_what_is_served(page: str) -> None:
    pages.alone(f"{page}.md")
