"""What `daemun migrate gloo` makes, before a real API server: it takes every object and knows every field."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from daemun.api.crds import definitions
from daemun.gloo.migrate import Wishes, migrate
from support.worlds.migrated import delegating, typed, worlds

from .api import ApiServer
from .client import Document, RefusedError
from .test_gloo_crds import install

CASES = sorted((Path(__file__).parents[1] / "migrate").glob("*/out.yaml"))
_HANDED_ON = "Other"
"""A kind that no API server has: nobody knows it, so it is handed on as it is."""
_STRICTLY = "?fieldManager=tests&force=true&fieldValidation=Strict&dryRun=All"


@pytest.fixture(scope="module")
def server(module_api_server: ApiServer) -> ApiServer:
    """With Gloo's kinds, and the namespaces of the cases."""
    install(module_api_server, *definitions())
    for name in ("gloo-system", "far", "team"):
        module_api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return module_api_server


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.parent.name)
def test_every_case(server: ApiServer, case: Path) -> None:
    documents = list(yaml.safe_load_all(case.read_text()))
    assert _refused(server, (one for one in documents if one["kind"] != _HANDED_ON)) == []


def test_what_is_unknown_or_out_of_bounds_would_be_refused(server: ApiServer) -> None:
    documents = list(yaml.safe_load_all((CASES[0].parents[1] / "petstore" / "out.yaml").read_text()))
    route = next(one for one in documents if one["kind"] == "HTTPRoute")
    for spec in ({"unknown": 1}, {"hostnames": ["not a host"]}):
        assert len(_refused(server, [route | {"spec": route["spec"] | spec}])) == 1


@pytest.mark.parametrize("characters", [False, True])
def test_random_worlds(server: ApiServer, characters: bool) -> None:
    @settings(max_examples=25)
    @given(documents=worlds)
    def taken(documents: list[Any]) -> None:
        _made_is_taken(server, documents, Wishes(characters=characters))

    taken()


@pytest.mark.parametrize("flatten", [False, True])
def test_random_tables(server: ApiServer, flatten: bool) -> None:
    @settings(max_examples=25)
    @given(documents=delegating)
    def taken(documents: list[Any]) -> None:
        _made_is_taken(server, documents, Wishes(flatten=flatten))

    taken()


def _made_is_taken(server: ApiServer, documents: list[Any], wishes: Wishes) -> None:
    made, _ = migrate(typed(documents), wishes)
    assert _refused(server, (one.document for one in made)) == []


def _refused(server: ApiServer, documents: Iterable[Document]) -> list[str]:
    """What the API server says of those that it would not store."""
    refused = []
    for one in documents:
        try:
            server.client.request("PATCH", server.client.path(one) + _STRICTLY, one, "application/apply-patch+yaml")
        except RefusedError as error:
            refused.append(f"{one['kind']} {one['metadata']['name']}: {error}")
    return refused
