"""What docs/ shows as YAML is what Daemun reads: whole objects without a mistake, and pieces of what there is."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import msgspec
import pytest

from daemun.api.decode import fitted, unknown_field
from daemun.api.kinds import KINDS
from daemun.cli.loading import look
from support.checks.pages import ROOT, blocks, pages
from support.objects.cases import documents

BLOCKS = [(page, at) for page in pages() for at, _ in enumerate(blocks(page, "yaml"))]
_MISSING = re.compile(r"does not exist|not found|has not granted it")
"""What a page leaves out: Secrets that its scripts make, Services that everybody has others of."""
_FOLLOWS = re.compile(r"See the (policy|status of the Gateway)\.|See its status\.")
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "meshes/consul.md": "do not say where Consul is",
        "registries/plugins.md": "no plug-in is called lines",
        "features/backend-tls.md": "none of them can be used",
        "features/client-certificates.md": "none of the CA certificates for clients of port 8443 can be used",
    }
)
"""What is said elsewhere on the page, or installed by it."""
_OF_OTHERS = {("cli/test.md", 0): "cases", ("secrets.md", 1): "volumeMounts", ("gloo/kinds.md", 0): "status"}
"""Pieces of what Daemun does not read as an object: of routing tests, of a container, and a status that it writes."""


def whole(text: str) -> bool:
    """Whether a block is of objects."""
    return all("kind" in one for one in documents(text))


@pytest.mark.parametrize(("page", "at"), [one for one in BLOCKS if whole(blocks(one[0], "yaml")[one[1]])])
def test_objects_have_no_mistake(tmp_path: Path, page: str, at: int) -> None:
    text = blocks(page, "yaml")[at]
    assert all(one.keys() >= {"apiVersion", "kind", "metadata"} for one in documents(text))
    (tmp_path / "page.yaml").write_text(text)
    loaded = look([tmp_path], None)
    assert not loaded.translation.graph.failures
    wrong = [one for one in loaded.problems if not one.warning]
    wrong = [one for one in wrong if not _MISSING.search(one.text) and not _FOLLOWS.search(one.mend)]
    assert [one for one in wrong if _ELSEWHERE.get(page, "no such") not in one.text] == []


@pytest.mark.parametrize(("page", "at"), [one for one in BLOCKS if not whole(blocks(one[0], "yaml")[one[1]])])
def test_pieces_are_of_a_type(page: str, at: int) -> None:
    for piece in documents(blocks(page, "yaml")[at]):
        if _OF_OTHERS.get((page, at), "none") in piece:
            continue
        kinds = [kind for kind in types() if piece.keys() <= {one.encode_name for one in msgspec.structs.fields(kind)}]
        assert any(_fits(piece, kind) for kind in kinds), (piece, kinds)


def _fits(piece: dict[str, Any], kind: type[msgspec.Struct]) -> bool:
    required = {one.encode_name for one in msgspec.structs.fields(kind) if one.required}
    if not required <= piece.keys():
        return not unknown_field(piece, kind)
    return not unknown_field(piece, kind) and isinstance(fitted(piece, kind, "piece"), kind)


@functools.cache
def types() -> tuple[type[msgspec.Struct], ...]:
    """All types that objects are made of."""
    seen: dict[type[msgspec.Struct], None] = {}
    for one in KINDS:
        _gather(one.type, seen)
    return tuple(seen)


def _gather(annotation: Any, seen: dict[type[msgspec.Struct], None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation not in seen:
            seen[annotation] = None
            for field in msgspec.structs.fields(annotation):
                _gather(field.type, seen)
        return
    for inner in get_args(annotation):
        _gather(inner, seen)


def test_the_realm_is_the_one_that_pages_expect() -> None:
    realm = json.loads((ROOT / "docs" / "auth" / "lab-realm.json").read_text())
    (client,) = realm["clients"]
    for page in ("oidc", "oauth2", "access-tokens"):
        manifests = blocks(f"auth/{page}.md", "yaml")[0]
        assert f"/realms/{realm['realm']}" in manifests
        assert f"clientId: {client['clientId']}" in manifests
        assert f"client-secret: {client['secret']}" in manifests
        if page != "access-tokens":
            assert client["redirectUris"][0].removesuffix("/*") in manifests
