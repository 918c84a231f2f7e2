"""`daemun install`, `upgrade` and `uninstall` in a cluster: what Helm then says is there."""

import json
from collections.abc import Iterator

import pytest
import yaml

from .cluster import Cluster
from .commands import CommandError, daemun, helm, kubectl

_WHERE = ("-n", "test-install", "--release", "gate")
_ABSENT = ("--set", "image.repository=daemun.test/absent")


@pytest.fixture(autouse=True)
def left_as_it_was(cluster: Cluster) -> Iterator[None]:
    del cluster
    yield
    daemun("uninstall", *_WHERE, "--delete-crds", "--delete-namespace")
    kubectl("wait", "--for=delete", "namespace/test-install", "--timeout=60s")


def test_it_comes_is_changed_and_goes() -> None:
    told = daemun("install", *_WHERE, *_ABSENT)
    assert "Daemun is installed in test-install" in told
    assert "Gateway API's CRDs are not there" in told
    assert _release()["status"] == "deployed"
    kubectl("get", "crd", "upstreams.gloo.solo.io", "authpolicies.daemun.dev")
    kubectl("delete", "crd", "upstreams.gloo.solo.io")
    kubectl("annotate", "crd", "authpolicies.daemun.dev", "mine=true")
    told = daemun("upgrade", *_WHERE, "--set", "logLevel=debug")
    assert "CustomResourceDefinition upstreams.gloo.solo.io is of this version" in told
    assert "authpolicies.daemun.dev is of this version" not in told, "it was"
    values = json.loads(helm("get", "values", "-n", "test-install", "gate", "-o", "json"))
    assert values == {"image": {"repository": "daemun.test/absent"}, "logLevel": "debug"}
    daemun("uninstall", *_WHERE)
    assert helm("list", "-n", "test-install", "-q") == ""
    kubectl("get", "crd", "upstreams.gloo.solo.io")


def test_a_dry_run_changes_nothing() -> None:
    kubectl("create", "namespace", "test-install")
    found = list(yaml.safe_load_all(daemun("install", *_WHERE, "--dry-run")))
    assert {"CustomResourceDefinition", "Deployment", "ClusterRole"} <= {one["kind"] for one in found if one}
    assert helm("list", "-n", "test-install", "-q") == ""
    assert kubectl("-n", "test-install", "get", "deployments", "-o", "name") == ""


def test_what_helm_refuses_is_told() -> None:
    kubectl("create", "namespace", "test-install")
    with pytest.raises(CommandError, match=r"helm does not do that: .*xds/port"):
        daemun("install", *_WHERE, "--set", "xds.port=no")
    with pytest.raises(CommandError, match="has no deployed releases"):
        daemun("upgrade", *_WHERE)


def _release() -> dict[str, str]:
    (found,) = json.loads(helm("list", "-n", "test-install", "-o", "json"))
    return dict(found)
