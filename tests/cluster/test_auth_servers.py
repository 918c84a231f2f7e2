"""Who may come in, in a cluster, where others decide: OPA, servers and plug-ins of one's own, tokens' issuers."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.objects.auth import auth_config, secret
from support.objects.documents import gateway, listener, route, rule, upstream
from support.standins.provider import CLIENT, SECRET, Provider

from . import auth_images, crds, daemun_image, doorkeeper
from .auth import Answer, ask, option, provider
from .cluster import Cluster
from .commands import CHART, ECHO, address_of, apply, helm, kubectl
from .place import NODE_ADDRESS
from .processes import until
from .steady import ask as outcome

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("cluster")]

_SYSTEM, _OWN = "daemun-servers-system", "daemun-servers"
_FRIEND = {"x-word": doorkeeper.WORD, "x-user": "forged"}
_CUSTOM = {"custom": {"contextExtensions": {"level": "high"}}, "named": {"name": "porter"}}
_REGO = """package test
default allow = false
allow { input.http_request.path == "/%s" }
allow { input.http_request.headers["x-role"] == "admin" }
"""
Doc = dict[str, Any]


class Gate:
    """Where the proxy answers, and the provider of tokens beside the cluster."""

    def __init__(self, address: str, issuer: Provider) -> None:
        self.address, self.provider = address, issuer

    def get(self, name: str, path: str = "/", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask the route of this name."""
        return ask(self.address, f"{name}.example", path, headers)

    def answers(self, status: int, name: str, path: str = "/", headers: Mapping[str, str] | None = None) -> bool:
        """Whether this soon is the answer."""
        how: Doc = {"path": path, "headers": headers}
        return until(lambda: outcome(self.address, f"{name}.example", **how) == str(status), 60)


@pytest.fixture(scope="module")
def gate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Daemun with a server that has an OPA and a plug-in, and a Gateway with a route for each who is asked."""
    image = daemun_image.build()
    daemun_image.load(image)
    auth_images.load_plugin(image)
    auth_images.load_opa()
    crds.install(cluster.client())
    with provider(NODE_ADDRESS) as issuer:
        for name in (_SYSTEM, _OWN, "gloo-system"):
            kubectl("create", "namespace", name)
        values = tmp_path_factory.mktemp("chart") / "values.yaml"
        values.write_text(json.dumps(_values()))
        helm("install", "-n", _SYSTEM, "daemun", str(CHART), "-f", str(values), "--wait")
        kubectl("-n", _OWN, "apply", "-f", str(ECHO))
        apply(_OWN, *_servers(), *_world(issuer.issuer))
        apply("gloo-system", _settings())
        kubectl("-n", _OWN, "wait", "--for=condition=Programmed", "gateway/gw", "--timeout=90s")
        running = ("gw-daemun", "backend", "door", "opa")
        kubectl("-n", _OWN, "rollout", "status", *(f"deployment/{one}" for one in running), "--timeout=90s")
        one = Gate(address_of(_OWN, "gw-daemun"), issuer)
        assert one.answers(200, "free"), "the gate does not answer"
        yield one
        helm("uninstall", "-n", _SYSTEM, "daemun")
        kubectl("delete", "namespace", _SYSTEM, _OWN, "gloo-system")


def test_a_policy_in_rego_by_the_program_of_the_charts_image(gate: Gate) -> None:
    assert gate.answers(200, "rego", "/open")
    assert gate.get("rego", "/other").status == 403
    assert gate.get("rego", "/other", {"x-role": "admin"}).status == 200
    apply(_OWN, _files("policy", {"policy.rego": _REGO % "other"}))
    assert gate.answers(200, "rego", "/other")
    assert gate.get("rego", "/open").status == 403


def test_a_server_of_open_policy_agent(gate: Gate) -> None:
    assert gate.answers(200, "opa", "/open")
    assert gate.get("opa", "/other").status == 403
    with _away("opa"):
        assert gate.answers(500, "opa", "/open")
    assert gate.answers(200, "opa", "/open")


def test_servers_of_ones_own_that_envoy_asks(gate: Gate) -> None:
    """Over gRPC that of Settings, over HTTP one with a name."""
    assert gate.answers(200, "custom", headers=_FRIEND)
    assert _user(gate.get("custom", headers=_FRIEND)) == ["high"]
    assert gate.get("custom", headers={"x-word": "foe"}).status == 403
    assert gate.answers(200, "named", headers={"authorization": doorkeeper.WORD})
    refused = gate.get("named", headers={"authorization": "foe"})
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Word")


def test_a_server_that_a_step_passes_through_to_over_grpc(gate: Gate) -> None:
    assert gate.answers(200, "passed", headers=_FRIEND)
    assert _user(gate.get("passed", headers=_FRIEND)) == ["gold"]
    assert gate.get("passed", headers={"x-word": "foe"}).status == 403


def test_nobody_comes_in_while_those_servers_are_away(gate: Gate) -> None:
    with _away("door"):
        assert gate.answers(500, "passed", headers=_FRIEND)
        assert gate.answers(403, "custom", headers=_FRIEND)
        assert gate.answers(403, "named", headers={"authorization": doorkeeper.WORD})
        assert gate.get("free").status == 200
    assert gate.answers(200, "passed", headers=_FRIEND)
    assert gate.answers(200, "custom", headers=_FRIEND)


def test_access_tokens_that_their_issuer_is_asked_about(gate: Gate) -> None:
    assert gate.answers(200, "introspected", headers=_bearing(gate.provider, scope="read"))
    assert gate.get("introspected", headers=_bearing(gate.provider, scope="write")).status == 403
    for stranger in ({}, {"authorization": "Bearer nonsense"}, _bearing(gate.provider, scope="read", active=False)):
        assert gate.get("introspected", headers=stranger).status == 401
    gate.provider.away = True
    try:
        assert gate.get("introspected", headers=_bearing(gate.provider, scope="read", jti="new")).status == 401
    finally:
        gate.provider.away = False


def test_access_tokens_that_are_signed(gate: Gate) -> None:
    assert gate.answers(200, "signed", headers=_bearing(gate.provider))
    another = Provider(time.time)
    another.issuer = gate.provider.issuer
    for stranger in (_bearing(another), _bearing(gate.provider, iss="http://issuer.example"), {}):
        assert gate.get("signed", headers=stranger).status == 401
    assert gate.get("signed", headers=_bearing(gate.provider, exp=1)).status == 401


def test_a_plug_in_of_the_servers_own_image(gate: Gate) -> None:
    """The package and the image of the page; the control plane has no part in it."""
    assert gate.answers(200, "plugin")
    (hour,) = (gate.get("plugin", headers={"x-hour": "forged"}).sent or {})["x-hour"]
    assert int(hour) in range(24)
    assert gate.answers(403, "late")
    assert gate.answers(500, "nobodys")
    status = ("-n", _OWN, "get", "authconfig", "nobodys", "-o", "jsonpath={.status}")
    assert until(lambda: "has a plug-in nobodys" in kubectl(*status), 60)
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    for namespace, name in ((_SYSTEM, "daemun"), (_OWN, "gw-daemun")):
        assert daemun_image.NAME.endswith("/" + kubectl("-n", namespace, "get", "deployment", name, "-o", image))


@contextlib.contextmanager
def _away(name: str) -> Iterator[None]:
    """A server has no pods for the time of the block."""
    kubectl("-n", _OWN, "scale", f"deployment/{name}", "--replicas=0")
    try:
        yield
    finally:
        kubectl("-n", _OWN, "scale", f"deployment/{name}", "--replicas=1")
        kubectl("-n", _OWN, "rollout", "status", f"deployment/{name}", "--timeout=60s")


def _user(answer: Answer) -> list[str]:
    """Who the backend was told sends the request."""
    return (answer.sent or {}).get("x-user", [])


def _bearing(issuer: Provider, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {issuer.access_token(**claims)}"}


def _values() -> Doc:
    server = {"enabled": True, "image": auth_images.WITH_PLUGIN, "opa": {"image": auth_images.OPA}}
    return {"allowAddresses": [f"{NODE_ADDRESS}/32"], "global": {"extensions": {"extAuth": server}}}


def _settings() -> Doc:
    """The server that `customAuth` means, and one more with a name."""
    response = {"allowedUpstreamHeaders": ["x-user"], "allowedClientHeaders": ["www-authenticate"]}
    named = _asked("porter") | {"httpService": {"pathPrefix": "/check", "response": response}}
    spec = {"extauth": _asked("door"), "namedExtauth": {"porter": named}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": {"name": "default"}, "spec": spec}


def _asked(name: str) -> Doc:
    return {"extauthzServerRef": {"name": name, "namespace": _OWN}, "requestTimeout": "5s"}


def _world(issuer: str) -> Iterator[Doc]:
    yield gateway("gw", listener(80))
    yield route("free", rule(to="backend"), hosts=["free.example"])
    found = {name: auth_config(name, config) for name, config in _configs(issuer).items()}
    yield from found.values()
    for name in (*found, *_CUSTOM):
        yield route(name, rule(to="backend"), hosts=[f"{name}.example"])
        how = {"configRef": {"name": name}} if name in found else {"customAuth": _CUSTOM[name]}
        yield option("RouteOption", name, name, extauth=how)
    yield secret("client", "oauth", None, **{"client-secret": SECRET})


def _configs(issuer: str) -> dict[str, Doc]:
    asked = {"introspectionUrl": f"{issuer}/introspect", "clientId": CLIENT, "clientSecretRef": {"name": "client"}}
    own = {"jwt": {"issuer": issuer, "remoteJwks": {"url": f"{issuer}/keys"}}}
    server = {"serverAddr": f"http://opa.{_OWN}.svc:8181", "package": "test", "ruleName": "allow"}
    grpc = {"address": f"door.{_OWN}.svc:9001", "connectionTimeout": "5s"}
    return {
        "rego": {"opaAuth": {"modules": [{"name": "policy"}], "query": "data.test.allow == true"}},
        "opa": {"opaServerAuth": server},
        "passed": {"passThroughAuth": {"grpc": grpc, "config": {"plan": "gold"}}},
        "introspected": _validated(introspection=asked, requiredScopes={"scope": ["read"]}),
        "signed": _validated(**own),
        "plugin": {"pluginAuth": {"name": "office-hours", "config": {"begin": 0, "end": 24}}},
        "late": {"pluginAuth": {"name": "office-hours", "config": {"begin": 0, "end": 0}}},
        "nobodys": {"pluginAuth": {"name": "nobodys"}},
    }


def _validated(**how: Any) -> Doc:
    return {"oauth2": {"accessTokenValidation": how}}


def _servers() -> Iterator[Doc]:
    """Those that are asked, in pods of their own, and the policies."""
    yield _files("policy", {"policy.rego": _REGO % "open"})
    yield _files("door", {"doorkeeper.py": Path(doorkeeper.__file__).read_text()})
    yield from _deployed("door", daemun_image.NAME, ["python3", "/files/doorkeeper.py"], 9001, 9002)
    yield _files("opa", {"policy.rego": _REGO % "open"})
    command = ["/opa", "run", "--server", "--v0-compatible", "--addr=0.0.0.0:8181", "--skip-version-check"]
    yield from _deployed("opa", auth_images.OPA, [*command, "/files/policy.rego"], 8181)
    for name, port in (("door", 9001), ("porter", 9002)):
        yield upstream(name, kube={"serviceName": "door", "serviceNamespace": _OWN, "servicePort": port})


def _files(name: str, files: Doc) -> Doc:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files}


def _deployed(name: str, image: str, command: list[str], *ports: int) -> Iterator[Doc]:
    """A Deployment of one pod, with the files of the ConfigMap of its name, and its Service."""
    metadata, labels = {"name": name}, {"app": name}
    mount = {"name": "files", "mountPath": "/files"}
    pod = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": name, "image": image, "command": command, "volumeMounts": [mount]}],
        "volumes": [{"name": "files", "configMap": {"name": name}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    numbers = [{"name": f"p{port}", "port": port} for port in ports]
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": numbers}}
