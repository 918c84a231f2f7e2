"""glooctl against a real API server, with the words of Gloo's documents."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from daemun.api.crds import definitions
from daemun.cli.glooctl.main import app

from .api import ApiServer
from .test_gloo_crds import install

Glooctl = Callable[..., str]


@pytest.fixture
def glooctl(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Glooctl:
    """Runs it in a namespace of its own, `gloo-system`, and gives what it prints."""
    install(api_server, *definitions())
    api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gloo-system"}})
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))

    def run(words: str, code: int = 0, stdin: str = "") -> str:
        result = CliRunner().invoke(app, words.split(), input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result.stdout if code == 0 else result.output

    return run


def test_hello_world_of_the_documents(glooctl: Glooctl) -> None:
    """Getting started: an Upstream, a route to it in a VirtualService that is made for it, and more of them."""
    glooctl("create upstream kube --name default-petstore-8080 --kube-service petstore --kube-service-port 8080")
    told = glooctl("get upstream default-petstore-8080")
    assert "| default-petstore-8080 | Kubernetes | Pending | svc name:      petstore |" in told
    assert "| svc namespace: default  |" in told
    told = glooctl("add route --path-exact /all-pets --dest-name default-petstore-8080 --prefix-rewrite /api/pets")
    assert "| VIRTUAL SERVICE |" in told
    assert "/all-pets -> gloo-system.default-petstore-8080 (upstream)" in told
    glooctl(
        "add route --name default --namespace gloo-system --path-prefix / --dest-name default-petstore-8080 --index 1"
    )
    found = yaml.safe_load(glooctl("get virtualservice default -o kube-yaml"))
    assert found["spec"]["virtualHost"]["domains"] == ["*"]
    first, second = found["spec"]["virtualHost"]["routes"]
    assert first["matchers"] == [{"exact": "/all-pets"}]
    assert first["options"] == {"prefixRewrite": "/api/pets"}
    assert second["matchers"] == [{"prefix": "/"}]
    assert "| 1  |" in glooctl("get vs route default")
    glooctl("remove route --name default --index 0")
    (left,) = json.loads(glooctl("get vs default -o json"))["spec"]["virtualHost"]["routes"]
    assert left["matchers"] == [{"prefix": "/"}]
    assert glooctl("delete vs --name default") == "virtualservice default deleted\n"
    assert "there is no VirtualService gloo-system/default" in glooctl("get vs default", code=1)
    assert glooctl("delete upstream default-petstore-8080") == "upstream default-petstore-8080 deleted\n"


def test_secrets_are_made_and_never_shown_again(glooctl: Glooctl, api_server: ApiServer) -> None:
    told = glooctl("create secret apikey infra --apikey N2YwMDIx --apikey-labels team=infrastructure -o json")
    assert "N2YwMDIx" not in told
    assert base64.b64encode(b"N2YwMDIx").decode() not in told
    there = api_server.client.get("/api/v1/namespaces/gloo-system/secrets/infra")
    assert base64.b64decode(there["data"]["api-key"]) == b"N2YwMDIx"
    assert there["metadata"]["labels"] == {"team": "infrastructure"}
    assert there["type"] == "extauth.solo.io/apikey"
    assert "there is a Secret gloo-system/infra already" in glooctl("create secret apikey infra --apikey x", code=1)
    glooctl("create secret --namespace default oauth --name client --client-secret s")
    assert api_server.client.get("/api/v1/namespaces/default/secrets/client")["type"] == "extauth.solo.io/oauth"


def test_edits(glooctl: Glooctl) -> None:
    glooctl("create vs --name edited --domains a.example,b.example")
    glooctl("add route --name edited --path-prefix / --dest-name u")
    glooctl("edit virtualservice --name edited --ssl-secret-name cert --ssl-sni-domains a.example")
    glooctl("edit route --name edited --index 0 externalauth --disable")
    glooctl(
        "edit route --name edited --namespace gloo-system --index 0 ratelimit client-config",
        stdin="rateLimits:\n- actions:\n  - genericKey: {descriptorValue: per-minute}\n",
    )
    found = json.loads(glooctl("get vs edited -o json"))
    assert found["spec"]["sslConfig"] == {
        "secretRef": {"name": "cert", "namespace": "gloo-system"},
        "sniDomains": ["a.example"],
    }
    options = found["spec"]["virtualHost"]["routes"][0]["options"]
    assert options["extauth"] == {"disable": True}
    assert options["ratelimit"]["rateLimits"][0]["actions"] == [{"genericKey": {"descriptorValue": "per-minute"}}]
    assert "has no route 7" in glooctl("edit route --name edited --index 7 externalauth -d", code=1)
    version = found["metadata"]["resourceVersion"]
    glooctl(f"edit virtualservice --name edited --ssl-remove --resource-version {version}")
    stale = glooctl(f"edit virtualservice --name edited --ssl-remove --resource-version {version}", code=1)
    assert f"does not have the version {version}" in stale


def test_the_limits_of_the_settings(glooctl: Glooctl, api_server: ApiServer) -> None:
    api_server.client.apply(
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Settings",
            "metadata": {"name": "default", "namespace": "gloo-system"},
            "spec": {"linkerd": True},
        }
    )
    limits = "descriptors:\n- key: generic_key\n  value: per-minute\n  rateLimit: {requestsPerUnit: 20, unit: minute}\n"
    glooctl("edit settings --name default --namespace gloo-system ratelimit server-config", stdin=limits)
    glooctl("edit settings ratelimit --ratelimit-server-name rl --request-timeout 150ms --deny-on-failure")
    spec = api_server.client.get("/apis/gloo.solo.io/v1/namespaces/gloo-system/settings/default")["spec"]
    assert spec["ratelimit"]["descriptors"][0]["rateLimit"] == {"requestsPerUnit": 20, "unit": "MINUTE"}
    assert spec["ratelimitServer"] == {
        "ratelimitServerRef": {"name": "rl", "namespace": "gloo-system"},
        "requestTimeout": "150ms",
        "denyOnFail": True,
    }
    assert spec["linkerd"], "what is not asked for stays"


def test_check_tells_what_is_wrong(glooctl: Glooctl, api_server: ApiServer) -> None:
    told = glooctl("check -x deployments,kube-gateway")
    assert "Checking VirtualServices... OK" in told
    assert told.rstrip().endswith("No problems detected.")
    assert "Deployments... 1 Errors!" in glooctl("check", code=1)
    api_server.client.apply(
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Upstream",
            "metadata": {"name": "broken", "namespace": "gloo-system"},
            "spec": {"static": {"hosts": [{"addr": "a", "port": 80}]}},
        }
    )
    api_server.client.merge(
        "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams/broken/status",
        {"status": {"statuses": {"gloo-system": {"state": "Rejected", "reason": "no such host"}}}},
    )
    told = glooctl("check -x deployments,kube-gateway", code=1)
    assert "Checking Upstreams... 1 Errors!" in told
    assert "Upstream gloo-system/broken is rejected: no such host" in told
    (error,) = json.loads(glooctl("check -x deployments,kube-gateway -o json", code=1))["errors"]
    assert "no such host" in error
    glooctl("delete us broken")
    assert "there is no check what" in glooctl("check -x what", code=2)


def test_crds_are_those_of_this_version(glooctl: Glooctl) -> None:
    assert glooctl("check-crds") == "All CRDs are those of this version.\n"


def test_what_is_for_others_has_no_secrets(glooctl: Glooctl, tmp_path: Path) -> None:
    glooctl("create secret oauth --name hidden --client-secret very-hidden")
    glooctl("create authconfig --name login --enable-apikey-auth --apikey-label-selector team=a --dry-run")
    glooctl("create upstream static --name shown --static-hosts a.example:443")
    told = glooctl("debug yaml")
    assert "shown" in told
    assert "very-hidden" not in told
    assert "kind: Secret" not in told
    folder = tmp_path / "debug"
    assert f"Written to {folder}" in glooctl(f"debug -d {folder} -N gloo-system")
    assert "shown" in (folder / "gloo-system" / "objects.yaml").read_text()
    glooctl("delete upstream --name shown")


def test_files_are_made_as_they_are(glooctl: Glooctl, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: of-file}\n"
        "spec: {static: {hosts: [{addr: a, port: 1}]}}\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: of-file, namespace: default}\n"
    )
    assert glooctl(f"create -f {file}") == "Upstream gloo-system/of-file created\nSecret default/of-file created\n"
    glooctl("delete us of-file")
    assert "there is a Secret default/of-file already" in glooctl(f"create -f {file}", code=1)
    file.write_text("kind: Upstream\n")
    assert "something that is no object" in glooctl(f"create -f {file}", code=2)


def test_where_a_proxy_is_reached(glooctl: Glooctl, api_server: ApiServer) -> None:
    assert "no Service in the namespace gloo-system is called gateway-proxy" in glooctl("proxy url", code=1)
    ports = [{"name": "http", "port": 80, "nodePort": 31080}, {"name": "https", "port": 443, "nodePort": 31443}]
    api_server.client.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "gateway-proxy", "namespace": "gloo-system"},
            "spec": {"type": "LoadBalancer", "ports": ports, "selector": {"app": "x"}},
        }
    )
    assert "no node of the cluster has an address" in glooctl("proxy url", code=1)
    api_server.client.merge(
        "/api/v1/namespaces/gloo-system/services/gateway-proxy/status",
        {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
    )
    assert glooctl("proxy url") == "http://192.0.2.1:80\n"
    assert glooctl("proxy url --port https") == "https://192.0.2.1:443\n"
    assert glooctl("proxy --port https address --name gateway-proxy") == "192.0.2.1:443\n"
    assert "has no port grpc" in glooctl("proxy url --port grpc", code=1)
    api_server.client.delete("/api/v1/namespaces/gloo-system/services/gateway-proxy")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("dashboard", "there is no dashboard"),
        ("cluster register --name x", "no federation"),
        ("gateway-api convert --input-file x", "daemun migrate gloo"),
        ("get vs -i", "No questions are asked"),
        ("get vs --use-consul", "Consul"),
        ("install gateway --version 1.4.0", "installs its own version"),
        ("upgrade", "pip install --upgrade daemun"),
        ("get vs --kube-context no-such", "cannot be reached"),
        ("get vs a b c", "Got unexpected extra argument"),
        ("delete vs", "no object is named"),
        ("create secret tls --name x", "nothing to put into the Secret"),
    ],
)
def test_what_is_not_here_says_why(glooctl: Glooctl, words: str, told: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code in {1, 2}
    assert told in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
