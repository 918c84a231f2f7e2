"""The chart: what it makes, what it gives rights to, and what is left when it is gone."""

import json
from collections.abc import Iterator

import pytest

from . import crds
from .cluster import Cluster
from .commands import CHART, CommandError, await_creation, helm, kubectl
from .processes import until

_NAMESPACE = "test-chart"
_RELEASE = "gate"
_NOTHING_RUNS = ("--set", "image.repository=daemun.test/absent")
_ACCOUNT = f"system:serviceaccount:{_NAMESPACE}:{_RELEASE}"
_CLASS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: daemun}
spec: {controllerName: daemun.dev/gateway-controller}
"""


@pytest.fixture(scope="module", autouse=True)
def gateway_api(cluster: Cluster) -> Iterator[None]:
    names = crds.install(cluster.client())
    for namespace in (_NAMESPACE, "watched"):
        kubectl("create", "namespace", namespace)
        await_creation(namespace, "configmap/kube-root-ca.crt", "serviceaccount/default")
    kubectl("label", "namespace", _NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    yield
    kubectl("delete", "namespace", "watched", _NAMESPACE, "--ignore-not-found")
    crds.remove(cluster.client(), names)


@pytest.fixture
def release() -> Iterator[None]:
    """The chart is installed, and whatever a test changed of that is forgotten."""
    _install()
    yield
    helm("uninstall", "-n", _NAMESPACE, _RELEASE, "--ignore-not-found")


@pytest.mark.usefixtures("release")
def test_its_account_reads_what_routes_are_made_of_and_writes_their_status() -> None:
    assert _may("watch", "httproutes.gateway.networking.k8s.io", "-A")
    assert _may("patch", "gateways.gateway.networking.k8s.io", "--subresource=status", "-n", "watched")
    assert _may("get", "secrets", "-n", "watched")
    assert _may("patch", "deployments.apps", "-n", "watched")
    assert _may("update", f"secret/{_RELEASE}-xds", "-n", _NAMESPACE)


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize(
    "act",
    [
        "create secrets -n watched",
        "patch secrets -n watched",
        f"create secrets -n {_NAMESPACE}",
        f"patch secret/other -n {_NAMESPACE}",
        f"patch lease/other -n {_NAMESPACE}",
        "delete secrets -A",
        "create pods -n watched",
        "create pods --subresource=exec -n watched",
        "create serviceaccounts --subresource=token -n watched",
        "get nodes",
        "get nodes --subresource=proxy",
        "patch httproutes.gateway.networking.k8s.io -n watched",
        "patch daemonsets.apps -n watched",
        "create clusterrolebindings.rbac.authorization.k8s.io",
        "create rolebindings.rbac.authorization.k8s.io -n watched",
        "escalate clusterroles.rbac.authorization.k8s.io",
        "impersonate users",
    ],
)
def test_a_stolen_token_is_of_little_use(act: str) -> None:
    """Threat A23."""
    assert not _may(*act.split())


@pytest.mark.usefixtures("release")
def test_with_a_list_of_namespaces_no_other_one_can_be_read() -> None:
    _upgrade("watchNamespaces={watched}")
    assert _may("get", "secrets", "-n", "watched")
    assert _may("patch", "deployments.apps", "-n", "watched")
    assert not _may("get", "secrets", "-n", "default")
    assert not _may("list", "secrets", "-A")
    assert not _may("list", "services", "-n", "default")
    assert not _may("patch", "deployments.apps", "-n", _NAMESPACE)


@pytest.mark.usefixtures("release")
def test_an_upgrade_leaves_alone_what_daemun_keeps() -> None:
    kubectl("-n", _NAMESPACE, "patch", "secret/gate-xds", "-p", '{"stringData": {"ca.crt": "made by daemun"}}')
    kubectl("-n", _NAMESPACE, "patch", "lease/gate", "-p", '{"spec": {"holderIdentity": "one"}}')
    _upgrade("logLevel=debug")
    kept = json.loads(kubectl("-n", _NAMESPACE, "get", "secret/gate-xds", "lease/gate", "-o", "json"))["items"]
    assert "ca.crt" in kept[0]["data"]
    assert kept[1]["spec"]["holderIdentity"] == "one"


@pytest.mark.usefixtures("release")
def test_its_pods_may_run_where_pods_are_restricted() -> None:
    kubectl("-n", _NAMESPACE, "wait", "--for=create", "pods", "-l", "app.kubernetes.io/instance=gate", "--timeout=60s")


def test_uninstall_leaves_nothing() -> None:
    kubectl("-n", _NAMESPACE, "wait", "--for=delete", "pods", "--all", "--timeout=60s")  # of the tests before
    before = _everything()
    _install()
    assert _everything() != before
    helm("uninstall", "-n", _NAMESPACE, _RELEASE)
    assert until(lambda: _everything() == before, 60), _everything() ^ before


def test_a_class_that_somebody_else_made_stays_theirs(cluster: Cluster) -> None:
    cluster.client().apply(_CLASS)
    try:
        _install()
        assert _classes() == {"daemun", "gloo-gateway"}
        helm("uninstall", "-n", _NAMESPACE, _RELEASE)
        assert _classes() == {"daemun"}
    finally:
        kubectl("delete", "gatewayclass", "daemun")


@pytest.mark.usefixtures("release")
def test_the_classes_come_and_go_with_the_gateway_api_mode() -> None:
    assert _classes() == {"daemun", "gloo-gateway"}
    _upgrade("kubeGateway.enabled=false")
    assert _classes() == set()
    _upgrade("kubeGateway.enabled=true")
    assert _classes() == {"daemun", "gloo-gateway"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("replcas=2", "replcas"),
        ("replicas=2,gloo.disableLeaderElection=true", "one replica"),
        ("lastGood.existingClaim=claim", "keySecret"),
        ("xds.port=80", "port"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        _install("--set", values)
    assert helm("list", "-n", _NAMESPACE, "-q", "--all") == ""


@pytest.mark.usefixtures("release")
def test_two_releases_do_not_serve_the_same_namespace() -> None:
    other = ("install", "-n", _NAMESPACE, "other", str(CHART), "--set", "watchNamespaces={watched}")
    with pytest.raises(CommandError, match="release gate in namespace test-chart serves watched already"):
        helm(*other)
    _upgrade("watchNamespaces={watched}")
    with pytest.raises(CommandError, match="serves watched already"):
        helm(*other)
    _upgrade(f"watchNamespaces={{{_NAMESPACE}}}")
    helm(*other)
    helm("uninstall", "-n", _NAMESPACE, "other")


@pytest.mark.usefixtures("release")
def test_gloos_kinds_are_there_and_stay_as_whoever_made_them_has_them() -> None:
    made = json.loads(kubectl("get", "crd", "upstreams.gloo.solo.io", "-o", "json"))
    assert made["spec"]["versions"][0]["subresources"] == {"status": {}}
    kubectl("annotate", "crd", "upstreams.gloo.solo.io", "owner=somebody")
    helm("uninstall", "-n", _NAMESPACE, _RELEASE)
    _install()
    kept = json.loads(kubectl("get", "crd", "upstreams.gloo.solo.io", "-o", "json"))
    assert kept["metadata"]["uid"] == made["metadata"]["uid"]
    assert kept["metadata"]["annotations"]["owner"] == "somebody"
    assert _may("watch", "upstreams.gloo.solo.io", "-A")
    assert _may("patch", "upstreams.gloo.solo.io", "--subresource=status", "-n", "watched")


def test_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def _install(*more: str) -> None:
    helm("install", "-n", _NAMESPACE, "--create-namespace", _RELEASE, str(CHART), *_NOTHING_RUNS, *more)


def _upgrade(value: str) -> None:
    helm("upgrade", "-n", _NAMESPACE, _RELEASE, str(CHART), "--reset-values", *_NOTHING_RUNS, "--set", value)


def _may(*act: str) -> bool:
    try:
        return kubectl("auth", "can-i", *act, "--as", _ACCOUNT).strip() == "yes"
    except CommandError as error:
        if error.output.strip() != "no":
            raise
        return False


def _classes() -> set[str]:
    return set(kubectl("get", "gatewayclasses", "-o", "jsonpath={.items[*].metadata.name}").split())


def _everything() -> set[str]:
    """Every object but events, and CRDs: those stay, or every object of their kinds would go with them."""
    every = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in every if "events" not in kind and "customresourcedefinitions" not in kind]
    form = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
    return set(kubectl("get", ",".join(kinds), "-A", "-o", f"jsonpath={form}").splitlines())
