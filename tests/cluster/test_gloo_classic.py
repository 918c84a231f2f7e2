"""Gloo's classic resources in a cluster as they stand in its documentation: requests, statuses, changes, TLS."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.objects.certificates import authority

from . import crds, daemun_image
from .cluster import Cluster
from .commands import CommandError, await_creation, glooctl, kubectl
from .place import NODE_ADDRESS
from .processes import until

pytestmark = pytest.mark.timeout(600)

MANIFEST = Path(__file__).with_name("gloo_classic.yaml")
SYSTEM, PROXY, HOST = "gloo-system", "gateway-proxy", "secure.example.com"
CA = authority()
_SECURE = {
    "apiVersion": "gateway.solo.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "secure", "namespace": SYSTEM},
    "spec": {
        "sslConfig": {"secretRef": {"name": "upstream-tls", "namespace": SYSTEM}, "sniDomains": [HOST]},
        "virtualHost": {
            "domains": [HOST],
            "routes": [
                {
                    "matchers": [{"prefix": "/"}],
                    "routeAction": {"single": {"upstream": {"name": "pets-petstore-8080", "namespace": SYSTEM}}},
                }
            ],
        },
    },
}


@pytest.fixture(scope="module", autouse=True)
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Daemun where Gloo was, and the classic proxy that comes of what is applied."""
    daemun_image.load(daemun_image.build())
    names = crds.install(cluster.client())
    values = tmp_path_factory.mktemp("install") / "values.yaml"
    values.write_text("proxies: {serviceType: NodePort}\n")
    glooctl("install", "gateway", "--values", str(values))
    kubectl("apply", "-f", str(MANIFEST))
    kubectl("-n", "pets", "rollout", "status", "deployment/petstore", "--timeout=90s")
    await_creation(SYSTEM, f"deployment/{PROXY}", f"service/{PROXY}")
    kubectl("-n", SYSTEM, "rollout", "status", f"deployment/{PROXY}", "--timeout=90s")
    yield
    kubectl("delete", "-f", str(MANIFEST), "--ignore-not-found")
    kubectl("-n", SYSTEM, "wait", "--for=delete", f"deployment/{PROXY}", f"service/{PROXY}", "--timeout=60s")
    glooctl("uninstall", "--delete-namespace")
    kubectl("wait", "--for=delete", f"namespace/{SYSTEM}", "--timeout=90s")
    crds.remove(cluster.client(), names)


def test_what_is_applied_is_served_and_accepted() -> None:
    assert until(lambda: _seen("/all-pets") == "/api/pets", 60), "the proxy does not answer"
    assert _seen("/mine/rex") == "/mine/rex"
    assert _seen("/named/dogs/rex") == "/dogs/rex"
    assert _seen("/chosen/cats/tom") == "/chosen/cats/tom"
    assert _seen("/named/cats") == 404, "what no RouteTable takes"
    assert _seen("/") == 404
    gateways = ("gateways.gateway.solo.io/gateway-proxy", "gateways.gateway.solo.io/gateway-proxy-ssl")
    for one in (*gateways, "virtualservice/default", "upstream/pets-of-mine"):
        assert _becomes(one, "Accepted")
    for one in ("routetable/named", "routetable/chosen"):
        assert _becomes(one, "Accepted", "pets")


def test_glooctl_sees_it_all() -> None:
    """What a person types who comes from Gloo's documents."""
    assert until(lambda: "No problems detected." in _checked(), 60), _checked()
    url = glooctl("proxy", "url").strip()
    assert url == f"http://{NODE_ADDRESS}:{_node_port(80)}"
    assert glooctl("proxy", "address").strip() == url.removeprefix("http://")
    glooctl("add", "route", "--name", "default", "--path-exact", "/of-glooctl", "--dest-name", "pets-of-mine")
    assert until(lambda: _seen("/of-glooctl") == "/of-glooctl", 60)
    assert "/of-glooctl -> gloo-system.pets-of-mine (upstream)" in glooctl("get", "virtualservice", "default")
    glooctl("remove", "route", "default", "--index", "0")
    assert until(lambda: _seen("/of-glooctl") == 404, 60)
    assert "starting workers" in glooctl("proxy", "logs")
    assert "pets-of-mine" in glooctl("proxy", "dump")
    assert "pets-of-mine" in glooctl("proxy", "served-config")
    assert "server.uptime" in glooctl("proxy", "stats")
    assert "gateway-proxy" in glooctl("version", "-o", "table")


def _checked() -> str:
    try:
        return glooctl("check")
    except CommandError as error:
        return error.output


def test_a_change_is_followed() -> None:
    _patch("pets", "routetable/named", "/spec/routes/0/options/prefixRewrite", "/hounds")
    assert until(lambda: _seen("/named/dogs/rex") == "/hounds/rex", 60)
    _patch(SYSTEM, "virtualservice/default", "/spec/virtualHost/routes/0/options/prefixRewrite", "/api/animals")
    assert until(lambda: _seen("/all-pets") == "/api/animals", 60)
    kubectl("apply", "-f", str(MANIFEST))
    assert until(lambda: _seen("/all-pets") == "/api/pets", 60)
    assert until(lambda: _seen("/named/dogs/rex") == "/dogs/rex", 60)


def test_what_is_removed_is_told_of_who_refers_to_it() -> None:
    kubectl("-n", "pets", "delete", "routetable", "named")
    assert until(lambda: _seen("/named/dogs/rex") == 404, 60)
    assert _becomes("virtualservice/default", "Warning")
    assert "pets/named" in _status("virtualservice/default")["reason"]
    assert _seen("/all-pets") == "/api/pets"
    kubectl("apply", "-f", str(MANIFEST))
    assert _becomes("virtualservice/default", "Accepted")
    assert until(lambda: _seen("/named/dogs/rex") == "/dogs/rex", 60)
    kubectl("-n", SYSTEM, "delete", "virtualservice", "default")
    assert until(lambda: _seen("/all-pets") in (404, None), 60)
    kubectl("apply", "-f", str(MANIFEST))
    assert until(lambda: _seen("/all-pets") == "/api/pets", 60)


def test_tls_with_a_secret(tmp_path: Path) -> None:
    certificate, key = CA.issue(HOST)
    (tmp_path / "tls.crt").write_bytes(certificate)
    (tmp_path / "tls.key").write_bytes(key)
    kubectl("apply", "-f", "-", stdin=json.dumps(_SECURE))
    assert _becomes("virtualservice/secure", "Rejected")
    assert "upstream-tls" in _status("virtualservice/secure")["reason"]
    files = (f"--cert={tmp_path}/tls.crt", f"--key={tmp_path}/tls.key")
    kubectl("-n", SYSTEM, "create", "secret", "tls", "upstream-tls", *files)
    assert until(lambda: _seen("/safe", HOST) == "/safe", 60), "the certificate is not shown"
    assert _becomes("virtualservice/secure", "Accepted")
    kubectl("-n", SYSTEM, "delete", "virtualservice/secure", "secret/upstream-tls")
    assert until(lambda: _seen("/safe", HOST) is None, 60)
    assert _seen("/all-pets") == "/api/pets"


def _patch(namespace: str, name: str, path: str, value: str) -> None:
    change = json.dumps([{"op": "replace", "path": path, "value": value}])
    kubectl("-n", namespace, "patch", name, "--type=json", "-p", change)


def _becomes(name: str, state: str, namespace: str = SYSTEM) -> bool:
    """Whether this control plane comes to say so of an object."""
    return until(lambda: _status(name, namespace).get("state") == state, 60)


def _status(name: str, namespace: str = SYSTEM) -> dict[str, str]:
    """What this control plane says, as Gloo's would: below the namespace that it is in."""
    found = json.loads(kubectl("-n", namespace, "get", name, "-o", "json"))
    said: dict[str, str] = found.get("status", {}).get("statuses", {}).get(SYSTEM, {})
    return said


def _seen(path: str, secure: str = "") -> str | int | None:
    """The path that the pet store was asked for, over TLS if a name for it is given; else the status, None if none."""
    port = _node_port(443 if secure else 80)
    if port is None:
        return None
    connection = http.client.HTTPConnection(secure or NODE_ADDRESS, timeout=5)
    try:
        connection.sock = socket.create_connection((NODE_ADDRESS, port), timeout=5)
        if secure:
            trusting = ssl.create_default_context(cadata=CA.pem)
            connection.sock = trusting.wrap_socket(connection.sock, server_hostname=secure)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return str(json.loads(body)["path"]) if answer.status == http.client.OK else answer.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _node_port(port: int) -> int | None:
    """Where the node has a port of the proxy; a Service has one while anything is served there."""
    wanted = f"jsonpath={{.spec.ports[?(@.port=={port})].nodePort}}"
    found = kubectl("-n", SYSTEM, "get", "service", PROXY, "--ignore-not-found", "-o", wanted)
    return int(found) if found else None
