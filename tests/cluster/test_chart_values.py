"""Values files as people have them for Gloo's chart: this one takes them, does what means something here, and tells the
rest. Needs helm, and no cluster."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemun import __version__
from daemun.api.decode import decode
from daemun.programs.installation import Installation

from . import tools
from .commands import CHART
from .processes import ClusterError

_THERE = ("--kube-version", "1.33.0", "--api-versions", "gateway.networking.k8s.io/v1/GatewayClass")
"""The cluster that the chart is rendered for."""
FILES: dict[str, tuple[str, set[str]]] = {
    "Gateway API alone": (
        """
discovery: {enabled: false}
gatewayProxies: {gatewayProxy: {disabled: true}}
gloo: {disableLeaderElection: true}
kubeGateway: {enabled: true}
gateway: {validation: {alwaysAcceptResources: false}}
""",
        {"gatewayProxies.gatewayProxy"},
    ),
    "proxies of a kind": (
        """
kubeGateway:
  enabled: true
  gatewayParameters:
    glooGateway:
      proxyDeployment: {replicas: 2}
      service: {type: NodePort, extraLabels: {team: edge}}
      envoyContainer: {resources: {requests: {cpu: 1}}}
gloo: {logLevel: warn, deployment: {replicas: 2, xdsPort: 9978, resources: {limits: {memory: 2Gi}}}}
""",
        set(),
    ),
    "classic mode": (
        """
namespace: {create: true}
gateway:
  enabled: true
  persistProxySpec: true
  readGatewaysFromAllNamespaces: true
  validation: {enabled: true, allowWarnings: false, webhook: {enabled: true, timeoutSeconds: 5}}
gatewayProxies:
  gatewayProxy:
    kind: {deployment: {replicas: 3}}
    service: {type: LoadBalancer, extraAnnotations: {a: b}}
    gatewaySettings: {disableHttpsGateway: true}
settings:
  create: true
  watchNamespaces: [shop, payments]
  invalidConfigPolicy: {replaceInvalidRoutes: true, invalidRouteResponseCode: 404}
  circuitBreakers: {maxConnections: 2048}
  integrations: {knative: {enabled: false}}
accessLogger: {enabled: true}
ingress: {enabled: false}
global: {glooRbac: {namespaced: false}, image: {registry: quay.example}, glooMtls: {enabled: true}}
""",
        {
            *("namespace.create", "gateway.persistProxySpec", "gateway.validation.webhook.enabled"),
            *("gatewayProxies.gatewayProxy", "settings.integrations.knative", "accessLogger.enabled"),
            *("global.glooRbac", "global.image", "global.glooMtls"),
        },
    ),
    "Istio": (
        """
global: {istioIntegration: {enabled: true, enableAutoMtls: true, labelInstallNamespace: true}}
kubeGateway: {gatewayParameters: {glooGateway: {istio: {istioProxyContainer: {logLevel: warning}}}}}
""",
        {
            "global.istioIntegration.labelInstallNamespace",
            "kubeGateway.gatewayParameters.glooGateway.istio.istioProxyContainer.logLevel",
        },
    ),
    "one namespace": ("settings: {create: false, singleNamespace: true, linkerd: true}", set()),
}


def _templates(folder: Path, values: str) -> list[Any]:
    """What the chart makes in namespace gloo-system; its notes are a document more, with nothing but `notes`."""
    try:
        helm = tools.path("helm")
    except ClusterError as error:
        pytest.skip(str(error))
    chart = folder / "chart"
    shutil.copytree(CHART, chart, dirs_exist_ok=True)
    shutil.copy(CHART / "templates/NOTES.txt", chart / "notes")
    (chart / "templates/notes.yaml").write_text('notes: {{ tpl (.Files.Get "notes") . | toJson }}')
    (folder / "values.yaml").write_text(values)
    command = [helm, "template", "gloo", chart, "-n", "gloo-system", *_THERE]
    done = subprocess.run(
        [*command, "-f", folder / "values.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "HELM_CACHE_HOME": str(folder), "HELM_CONFIG_HOME": str(folder)},
    )
    if done.returncode != 0:
        raise ValueError(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def _of(documents: list[Any], kind: str) -> Any:
    return next((one for one in documents if one.get("kind") == kind), None)


def _arguments(documents: list[Any]) -> list[str]:
    found: list[str] = _of(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_values_of_gloo_are_taken_and_those_without_a_meaning_told(name: str, tmp_path: Path) -> None:
    values, idle = FILES[name]
    [notes] = [one["notes"] for one in _templates(tmp_path, values) if "notes" in one]
    _, _, told = notes.partition("These values of Gloo's chart have no effect here:")
    assert {line.strip() for line in told.splitlines() if line.startswith("  ")} == idle


def test_what_means_something_is_done(tmp_path: Path) -> None:
    made = _templates(tmp_path, FILES["proxies of a kind"][0])
    deployment = _of(made, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["template"]["spec"]["containers"][0]["resources"] == {"limits": {"memory": "2Gi"}}
    assert {"--service-type=NodePort", "--log-level=warning", "--xds-port=9978"} <= set(_arguments(made))


@pytest.mark.parametrize(("replicas", "early"), [(1, True), (2, False)])
def test_proxies_find_a_control_plane_that_is_alone_before_it_is_ready(
    tmp_path: Path, replicas: int, early: bool
) -> None:
    made = _templates(tmp_path, f"replicas: {replicas}")
    services = {one["metadata"]["name"]: one["spec"] for one in made if one.get("kind") == "Service"}
    name, namespace, _ = Installation("gloo-system", "gloo", "one", "none").xds_address.split(".")
    assert namespace == "gloo-system"
    assert services[name].get("publishNotReadyAddresses") == early
    assert [one["port"] for one in services[name]["ports"]] == [9977]
    others = (spec for other, spec in services.items() if other != name)
    assert not any(spec.get("publishNotReadyAddresses") for spec in others)


def test_parameters_of_the_class_are_made_as_gloo_makes_them(tmp_path: Path) -> None:
    made = _templates(tmp_path, FILES["proxies of a kind"][0])
    document = _of(made, "GatewayParameters")
    decoded = decode(document)
    assert decoded is not None
    assert decoded.value is not None, [str(one) for one in decoded.problems]
    assert document["spec"]["kube"] == {
        "deployment": {"replicas": 2},
        "service": {"type": "NodePort", "extraLabels": {"team": "edge"}},
        "envoyContainer": {"resources": {"requests": {"cpu": 1}}},
    }
    classes = {one["metadata"]["name"]: one["spec"] for one in made if one.get("kind") == "GatewayClass"}
    assert classes["gloo-gateway"]["parametersRef"]["name"] == document["metadata"]["name"]
    assert "parametersRef" not in classes["daemun"]
    assert _of(_templates(tmp_path, FILES["classic mode"][0]), "GatewayParameters") is None


def test_settings_are_made_as_gloo_makes_them(tmp_path: Path) -> None:
    made = _templates(tmp_path, FILES["classic mode"][0])
    settings = _of(made, "Settings")
    assert settings["metadata"]["namespace"] == "gloo-system"
    assert settings["spec"] == {
        "gloo": {
            "circuitBreakers": {"maxConnections": 2048},
            "invalidConfigPolicy": {"replaceInvalidRoutes": True, "invalidRouteResponseCode": 404},
        },
        "gateway": {"readGatewaysFromAllNamespaces": True},
        "watchNamespaces": ["shop", "payments"],
    }
    watched = [one for one in _arguments(made) if one.startswith("--watch-namespace=")]
    assert watched == [f"--watch-namespace={one}" for one in ("shop", "payments", "gloo-system")]


def test_settings_that_are_not_to_be_made_are_not(tmp_path: Path) -> None:
    made = _templates(tmp_path, FILES["one namespace"][0])
    assert _of(made, "Settings") is None
    assert "--watch-namespace=gloo-system" in _arguments(made)


@pytest.mark.parametrize(
    "values",
    [
        "settings: {watchNamespace: [a]}",
        "gatewayProxies: {gatewayProxy: {disbled: true}}",
        "gateway: {validation: {alwaysAccept: true}}",
        "gloo: {deployment: {replica: 2}}",
        "kubegateway: {enabled: true}",
    ],
)
def test_misspelt_values_are_refused(values: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="schema"):
        _templates(tmp_path, values)


def test_an_image_of_the_authorization_servers_own_is_nobody_elses(tmp_path: Path) -> None:
    values = "global: {extensions: {extAuth: {enabled: true, image: 'mine:1'}, rateLimit: {enabled: true}}}"
    made = [one for one in _templates(tmp_path, values) if one.get("kind") == "Deployment"]
    images = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"] for one in made}
    own = f"daemun:{__version__}"
    assert images == {"gloo": own, "gloo-extauth": "mine:1", "gloo-ratelimit": own}


def test_a_mesh_of_istio_is_asked_for_certificates(tmp_path: Path) -> None:
    documents = _templates(tmp_path, FILES["Istio"][0])
    assert "--istiod=istiod.istio-system.svc:15012" in _arguments(documents)
    assert _of(documents, "Settings")["spec"]["gloo"]["istioOptions"] == {
        "enableIntegration": True,
        "enableAutoMtls": True,
    }
    pod = _of(documents, "Deployment")["spec"]["template"]["spec"]
    mounted = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert (mounted["istio-token"], mounted["istio-root"]) == (
        "/var/run/secrets/tokens",
        "/var/run/secrets/istio",
    )
    (source,) = volumes["istio-token"]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "istio-ca"
    assert volumes["istio-root"]["configMap"]["name"] == "istio-ca-root-cert"
