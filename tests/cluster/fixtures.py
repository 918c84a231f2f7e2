"""Fixtures for tests that need a real API server, or a whole cluster.

A missing program is a skip that says so, or with DAEMUN_CLUSTER=required (as in `.ci/run`) a failure.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import api, crds, istiod, tools, vault
from .cluster import INSIDE, Cluster
from .processes import ClusterError


@pytest.fixture
def api_server(_shared_api_server: api.ApiServer) -> api.ApiServer:
    """One API server for all tests, with Gateway API's experimental CRDs of the release that conformance is of.

    Use a namespace of your own in it. Who hurts it heals it; who installs other CRDs takes `own_api_server`.
    """
    if not _shared_api_server.alive():  # a test that failed is not the failure of the next
        _shared_api_server.start()
    return _shared_api_server


@pytest.fixture(scope="session")
def _shared_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.ApiServer]:
    yield from _with_crds(tmp_path_factory)


@pytest.fixture(scope="module")
def module_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.ApiServer]:
    """The same for the tests of one module, which look at all that is in it."""
    yield from _with_crds(tmp_path_factory)


def _with_crds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.ApiServer]:
    _need(*tools.API)
    with api.running(tmp_path_factory.mktemp("api")) as server:
        crds.install(server.client)
        yield server


@pytest.fixture
def own_api_server(tmp_path: Path) -> Iterator[api.ApiServer]:
    """An API server for one test, without any CRDs."""
    _need(*tools.API)
    with api.running(tmp_path / "api") as server:
        yield server


@pytest.fixture
def vault_server(tmp_path: Path) -> Iterator[vault.VaultServer]:
    """A real Vault for one test."""
    _need(vault.NAME)
    with vault.running(tmp_path / "vault") as server:
        yield server


@pytest.fixture
def opa() -> str:
    """The program of Open Policy Agent."""
    _need("opa")
    return str(tools.path("opa"))


@pytest.fixture
def ratelimit() -> str:
    """The program of the rate limit service of Envoy's project."""
    _need("ratelimit")
    return str(tools.path("ratelimit"))


@pytest.fixture
def istio(own_api_server: api.ApiServer, tmp_path: Path) -> Iterator[istiod.Istiod]:
    """A real istiod for an API server of its own, where somebody has built it: CI has not."""
    try:
        tools.path(istiod.NAME)
    except ClusterError:
        pytest.skip("istiod is not built: `python -m tests.cluster build istiod` does it, once (about 4 min)")
    with istiod.running(tmp_path / "istiod", own_api_server.kubeconfig) as one:
        yield one


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster this test runs in: `make cluster-test` starts one and runs such tests inside its network."""
    name = os.environ.get(INSIDE)
    if name is None:
        pytest.skip("not inside a cluster: `make cluster-test` runs this")
    return Cluster(name)


def _need(*names: str) -> None:
    if INSIDE in os.environ:
        pytest.skip("needs no cluster: `make test` runs this")
    try:
        for name in names:
            tools.path(name)
    except ClusterError as error:
        if os.environ.get("DAEMUN_CLUSTER") == "required":
            raise
        pytest.skip(str(error))
