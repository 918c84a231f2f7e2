"""What the pages about authentication show in YAML: all of it is tried, the parts of objects as parts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemun.api.decode import decode

DOCS = Path(__file__).parents[2] / "docs" / "auth"
STORIES = Path(__file__).parents[1] / "stories"
CODE = {"clientId": "gate", "issuerUrl": "https://idp", "appUrl": "https://app", "callbackPath": "/c"}


def blocks(page: Path) -> list[str]:
    """The YAML of a page."""
    found: list[str] = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return found


PAGES = sorted(DOCS.glob("*.md"))
PARTS = [(page.stem, block) for page in PAGES for block in blocks(page) if "apiVersion" not in block]


def around(part: dict[str, Any]) -> dict[str, Any]:
    """The object that a part belongs to."""
    meta = {"name": "x", "namespace": "default"}
    if "authorization" in part:
        spec = {"targetRefs": [{"kind": "Gateway", "name": "g"}], **part}
        return {"apiVersion": "daemun.dev/v1alpha1", "kind": "AuthPolicy", "metadata": meta, "spec": spec}
    if "configs" not in part:
        code = part.get("oidcAuthorizationCode", {**CODE, **part})
        part = {"configs": [{"oauth2": {"oidcAuthorizationCode": code}}]}
    return {"apiVersion": "enterprise.gloo.solo.io/v1", "kind": "AuthConfig", "metadata": meta, "spec": part}


@pytest.mark.parametrize("part", [block for _, block in PARTS], ids=[page for page, _ in PARTS])
def test_parts_are_parts(part: str) -> None:
    """Each of their fields is there, and may have such a value."""
    decoded = decode(around(yaml.safe_load(part)))
    assert decoded is not None
    assert not decoded.problems


@pytest.mark.parametrize("page", [one.stem for one in PAGES if "apiVersion" in one.read_text()])
def test_what_stands_alone_is_served(page: str) -> None:
    """By a story, with a real Envoy: `page` takes the one whole block of a page."""
    assert len([one for one in blocks(DOCS / f"{page}.md") if one.startswith("apiVersion")]) == 1
    stories = "".join(one.read_text() for one in STORIES.glob("test_*.py"))
    assert f'page("{page}"' in stories or f'["{page}"' in stories or f'"{page}"]' in stories
