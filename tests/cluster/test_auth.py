"""Who may come in, in a cluster: the chart's server of authorization, Envoy itself, TLS and Vault. See docs/auth."""

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.ir.auth import CHAIN
from daemun.service.feed import PATH
from support.objects.auth import api_key, auth_config, basic, secret, simple_users, users
from support.objects.certificates import Authority, authority
from support.objects.documents import authorities, gateway, listener, reference, route, rule
from support.objects.documents import secret as key_pair
from support.standins.provider import SECRET, Provider

from . import crds, daemun_image, vault
from .auth import Answer, ask, directory, handshake, login, option, others, provider, redis, shown, signed
from .cluster import Cluster
from .commands import CHART, ECHO, address_of, apply, helm, kubectl
from .place import NODE_ADDRESS
from .processes import until
from .steady import ask as outcome
from .steady import steady

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("cluster")]

_SYSTEM, _OWN = "daemun-auth-system", "daemun-auth"
_SERVER = f"daemun-extauth.{_SYSTEM}.svc"
_ASKED = ("passwords", "keys", "either", "login", "directory", "passed", "refused", "signed")
_NATIVE = ("simple", "plain")
_HTTP = reference("gw", sectionName="http")
_PORTS = {"token": 8081}
_PASSWORD = "secret"  # noqa: S105 - of a test
_GOOD = basic("ann", _PASSWORD)
_CA, _STAFF = authority(), Authority()
_LABELLED = {
    "k8sSecretApikeyStorage": {"labelSelector": {"team": "infra"}},
    "headersFromMetadataEntry": {"x-mail": {"name": "mail"}},
}
_ALONE = {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "alone"}]}}
Doc = dict[str, Any]


class Gate:
    """Where proxies answer, and the Vault that certificates come from."""

    def __init__(self, place: vault.VaultServer, issuer: Provider) -> None:
        self.vault, self.provider = place, issuer
        self.address = self.classic = ""

    def get(self, name: str, path: str = "/", **headers: str) -> Answer:
        """Ask the route of this name."""
        return ask(self.address, f"{name}.example", path, headers, port=_PORTS.get(name, 80))

    def answers(self, status: int, name: str, **headers: str) -> bool:
        """Whether this soon is the answer."""
        how: Doc = {"port": _PORTS.get(name, 80), "headers": headers}
        return until(lambda: outcome(self.address, f"{name}.example", **how) == str(status), 60)


@pytest.fixture(scope="module")
def gate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Daemun with two servers that share a Redis, and a Gateway with a route for each way to come in."""
    folder = tmp_path_factory.mktemp("beside")
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    with (
        redis(folder, NODE_ADDRESS) as store,
        vault.running(folder, NODE_ADDRESS) as place,
        provider(NODE_ADDRESS) as issuer,
        directory(folder, NODE_ADDRESS) as ldap,
    ):
        for name in (_SYSTEM, _OWN, "gloo-system"):
            kubectl("create", "namespace", name)
        kubectl("-n", _SYSTEM, "create", "secret", "generic", "redis", f"--from-literal=url={store}")
        kubectl("-n", _SYSTEM, "create", "secret", "generic", "vault", f"--from-literal=token={place.token('root')}")
        (folder / "values.yaml").write_text(json.dumps(_values(place.address)))
        helm("install", "-n", _SYSTEM, "daemun", str(CHART), "-f", str(folder / "values.yaml"), "--wait")
        one = Gate(place, issuer)
        kubectl("-n", _OWN, "apply", "-f", str(ECHO))
        apply(_OWN, *_world(issuer, ldap))
        apply("gloo-system", _settings(), _virtual_service())
        kubectl("-n", _OWN, "wait", "--for=condition=Programmed", "gateway/gw", "--timeout=90s")
        kubectl("-n", _OWN, "rollout", "status", "deployment/gw-daemun", "deployment/backend", "--timeout=90s")
        one.address = address_of(_OWN, "gw-daemun")
        assert one.answers(200, "free"), "the gate does not answer"
        yield one
        helm("uninstall", "-n", _SYSTEM, "daemun")
        kubectl("delete", "namespace", _SYSTEM, _OWN, "gloo-system")


def test_the_server_is_asked_who_may_come_in(gate: Gate) -> None:
    assert gate.answers(200, "passwords", **_GOOD)
    for said in ({}, basic("ann", "wrong"), basic("eve", "secret")):
        got = gate.get("passwords", **said)
        assert (got.status, got.sent) == (401, None), said
        assert got.headers["www-authenticate"].startswith("Basic")
    assert gate.get("either", **_GOOD).status == 200
    assert gate.get("either", **{"api-key": "lonely"}).status == 200
    assert gate.get("either").status == 401


def test_a_secret_that_changes_is_followed(gate: Gate) -> None:
    assert gate.answers(200, "keys", **{"api-key": "first"})
    assert (gate.get("keys", **{"api-key": "first", "x-mail": "forged"}).sent or {})["x-mail"] == ["ann@example.com"]
    assert gate.get("keys", **{"api-key": "second"}).status == 401
    apply(_OWN, api_key("of-a-team", "second", {"team": "infra"}, mail="ann@example.com"))
    assert gate.answers(200, "keys", **{"api-key": "second"})
    assert gate.answers(401, "keys", **{"api-key": "first"})


def test_envoy_itself_knows_simple_ways(gate: Gate) -> None:
    assert gate.answers(200, "simple", **basic("bob", "other"))
    assert gate.get("simple", **basic("bob", "wrong")).status == 401
    assert gate.answers(200, "plain", **{"api-key": "lonely"})
    assert gate.get("plain", **{"api-key": "first"}).status == 401


def test_tokens_and_what_they_allow(gate: Gate) -> None:
    def bearing(**claims: str) -> Doc:
        return {"authorization": f"Bearer {gate.provider.access_token(**claims)}"}

    assert gate.answers(200, "token", **bearing())
    assert gate.get("token").status == 401
    assert gate.get("token", **bearing(iss="somebody")).status == 401
    assert gate.get("token", **bearing(sub="eve")).status == 403


def test_in_classic_mode_too(gate: Gate) -> None:
    kubectl("-n", "gloo-system", "rollout", "status", "deployment/gateway-proxy", "--timeout=90s")
    address = address_of("gloo-system", "gateway-proxy")
    assert until(lambda: outcome(address, "classic.example", headers=_GOOD) == "200", 60)
    assert ask(address, "classic.example").status == 401


def test_a_browser_logs_in_over_servers_that_share_a_redis(gate: Gate) -> None:
    page = {"accept": "text/html", "sec-fetch-mode": "navigate"}
    assert gate.answers(302, "login", **page)
    sent = gate.get("login", "/page?a=b", **page)
    back = gate.provider.log_in(sent.headers["location"]).removeprefix("http://login.example")
    landed = gate.get("login", back, cookie="; ".join(sent.cookies))
    assert (landed.status, landed.headers["location"]) == (302, "http://login.example/page?a=b")
    cookie = "; ".join(one for one in landed.cookies if not one.endswith("="))
    for _ in range(8):  # connections to both servers
        got = gate.get("login", "/page", cookie=cookie, **{"x-user": "forged"})
        assert (got.status, (got.sent or {})["x-user"]) == (200, ["ada"])
    assert gate.get("login", "/page", accept="application/json").status == 401


def test_a_server_ends_while_requests_flow(gate: Gate) -> None:
    pods = _servers()
    assert len(pods) == 2
    with (
        steady(gate.address, "passwords.example", headers=_GOOD) as known,
        steady(gate.address, "passwords.example", wanted="401") as strangers,
    ):
        known.more()
        kubectl("-n", _SYSTEM, "delete", "--wait=false", pods[0])
        kubectl("-n", _SYSTEM, "wait", "--for=delete", pods[0], "--timeout=90s")
        known.more(100)
        strangers.more(100)
    assert known.failures == [], _logged()
    assert strangers.failures == [], _logged()
    kubectl("-n", _SYSTEM, "rollout", "status", "deployment/daemun-extauth", "--timeout=90s")


def test_others_are_asked(gate: Gate) -> None:
    """A directory, another server, and signatures by what a Secret holds."""
    assert gate.answers(200, "directory", **_GOOD)
    assert gate.get("directory", **basic("ann", "wrong")).status == 401
    assert gate.get("directory", **basic("bob", "other")).status == 403
    assert gate.answers(200, "passed")
    assert gate.get("refused").status in {401, 403, 404}
    assert gate.answers(200, "signed", **signed("alice", "secret"))
    assert gate.get("signed", **signed("alice", "another")).status == 401


def test_a_server_dies_while_requests_flow(gate: Gate) -> None:
    """Without a word: nobody fails, nobody comes in who may not."""
    with (
        steady(gate.address, "passwords.example", headers=_GOOD) as known,
        steady(gate.address, "passwords.example", wanted="401") as strangers,
    ):
        known.more()
        kubectl("-n", _SYSTEM, "delete", "--force", "--grace-period=0", _servers()[0])
        known.more(100)
        strangers.more(100)
    assert known.failures == [], _logged()
    assert strangers.failures == [], _logged()
    kubectl("-n", _SYSTEM, "rollout", "status", "deployment/daemun-extauth", "--timeout=90s")


def test_without_a_server_nobody_comes_in_until_it_is_back(gate: Gate) -> None:
    kubectl("-n", _SYSTEM, "scale", "deployment/daemun-extauth", "--replicas=0")
    assert gate.answers(503, "passwords", **_GOOD)
    assert gate.get("keys", **{"api-key": "second"}).status == 503
    assert gate.get("plain", **{"api-key": "lonely"}).status == 200
    assert gate.get("free").status == 200
    kubectl("-n", _SYSTEM, "scale", "deployment/daemun-extauth", "--replicas=2")
    assert gate.answers(200, "passwords", **_GOOD)
    assert gate.get("passwords").status == 401


def test_proxies_ask_by_tls_whom_they_can_trust() -> None:
    pod = _servers()[0]
    address = kubectl("-n", _SYSTEM, "get", pod, "-o", "jsonpath={.status.podIP}")
    trusting = ssl.create_default_context(cadata=_authority().decode())
    trusting.set_alpn_protocols(["h2"])
    with handshake(address, _SERVER, 9983, trusting) as connection:
        assert connection.version() == "TLSv1.3"
    channel = grpc.insecure_channel(f"{address}:9983")
    nobody = grpc.secure_channel(
        f"{address}:9983", grpc.ssl_channel_credentials(_authority()), [("grpc.ssl_target_name_override", _SERVER)]
    )
    for stranger in (channel, nobody):
        with pytest.raises(grpc.RpcError) as refused, stranger:
            stranger.unary_unary("/grpc.health.v1.Health/Check", None, None)(b"", timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_nobody_else_is_told_what_is_checked() -> None:
    kubectl("-n", _OWN, "create", "serviceaccount", "stranger")
    told = _told(_token(_SYSTEM, "daemun-extauth"))
    assert {f"{_OWN}/{name}" for name in _ASKED} <= set(told)
    assert _told(_token(_OWN, "gw-daemun")) == []
    for said in ("", "nonsense", _token(_OWN, "stranger"), _token(_SYSTEM, "daemun-extauth", "another")):
        with pytest.raises(grpc.RpcError) as refused:
            _told(said)
        assert refused.value.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def test_clients_show_certificates_and_ours_is_renewed(gate: Gate) -> None:
    def status(client: ssl.SSLContext, port: int = 443) -> int:
        return ask(gate.address, "rotated.example", port=port, tls=client).status

    assert status(_CA.client()) == 200
    assert status(_CA.client(pair=_STAFF.issue("bob")), 8443) == 200
    for stranger in (_CA.client(), _CA.client(pair=_CA.issue("eve"))):
        with pytest.raises(OSError):  # noqa: PT011 - how a handshake fails is the system's matter
            status(stranger, 8443)
    with steady(gate.address, "rotated.example", port=443, tls=_CA.client()) as client:
        client.more()
        renewed = _CA.issue("rotated.example")
        apply(_OWN, key_pair("rotated", *renewed))
        assert until(
            lambda: shown(gate.address, "rotated.example") == ssl.PEM_cert_to_DER_cert(renewed[0].decode()), 60
        )
        client.more()
    assert client.failures == []


def test_a_certificate_comes_from_vault(gate: Gate) -> None:
    for pair in (_CA.issue("vaulted.example"), _CA.issue("vaulted.example")):
        der = ssl.PEM_cert_to_DER_cert(pair[0].decode())
        gate.vault.put(f"{_OWN}/vaulted", {"tls.crt": pair[0].decode(), "tls.key": pair[1].decode()})
        assert until(lambda der=der: shown(gate.address, "vaulted.example") == der, 60)  # type: ignore[misc]  # mypy infers no lambda with defaults
    assert ask(gate.address, "vaulted.example", port=443, tls=_CA.client()).status == 200


def test_without_its_program_a_policy_in_rego_lets_nobody_in(gate: Gate) -> None:
    assert gate.answers(500, "rego")
    assert until(lambda: "there is no program opa" in _status("authconfig", "rego"), 60)


def test_without_the_server_in_the_chart(gate: Gate, tmp_path: Path) -> None:
    """Last: what needs the server is closed, and says how to mend it; what does not need it goes on."""
    (tmp_path / "values.yaml").write_text(json.dumps(_values(gate.vault.address, enabled=False)))
    helm("upgrade", "-n", _SYSTEM, "daemun", str(CHART), "-f", str(tmp_path / "values.yaml"), "--wait")
    assert gate.answers(500, "passwords", **_GOOD)
    for name in _ASKED:
        assert gate.get(name, **_GOOD, **{"api-key": "lonely"}).status == 500, name
    assert gate.get("plain", **{"api-key": "lonely"}).status == 200
    assert gate.get("simple").status == 401
    assert until(lambda: "global.extensions.extAuth.enabled" in _status("authconfig", "passwords"), 60)


def _logged() -> str:
    """What the proxies say of requests that were not answered as they should."""
    lines = kubectl("-n", _OWN, "logs", "deployment/gw-daemun", "--tail=5000").splitlines()
    return "\n".join([line for line in lines if "503" in line][-20:])


def _values(address: str, *, enabled: bool = True) -> Doc:
    token_of = {"secretKeyRef": {"name": "vault", "key": "token"}}
    return {
        "env": [{"name": "VAULT_ADDR", "value": address}, {"name": "VAULT_TOKEN", "valueFrom": token_of}],
        "allowAddresses": [f"{NODE_ADDRESS}/32"],
        "proxies": {"accessLog": True},
        "global": {"extensions": {"extAuth": {"enabled": enabled, "replicas": 2, "redis": {"secret": "redis"}}}},
    }


def _world(issuer: Provider, ldap: str) -> Iterator[Doc]:
    staff = {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "staff"}]}}
    listeners = (
        listener(80),
        listener(8081, "tokens"),
        listener(443, "https", hostname="rotated.example", certs=["rotated"]),
        listener(443, "vaulted", hostname="vaulted.example", certs=["vaulted"]),
        listener(8443, "staff", hostname="rotated.example", certs=["rotated"]),
    )
    yield gateway("gw", *listeners, tls={"frontend": {"default": {}, "perPort": [{"port": 8443, "tls": staff}]}})
    yield route("free", rule(to="backend"), hosts=["free.example", "rotated.example", "vaulted.example"])
    yield route("token", rule(to="backend"), parents=[reference("gw", sectionName="tokens")])
    for name in (*_ASKED, "rego", *_NATIVE):
        yield route(name, rule(to="backend"), parents=[_HTTP], hosts=[f"{name}.example"])
        yield option("RouteOption", name, name, extauth={"configRef": {"name": name}})
    readers = {"readers": {"principals": [{"jwtPrincipal": {"claims": {"sub": "ada"}, "provider": "p"}}]}}
    keys = {"issuer": issuer.issuer, "jwks": {"local": {"key": json.dumps(issuer.jwks())}}}
    tokens = {"providers": {"p": keys}}
    yield option("RouteOption", "token", "token", rbac={"policies": readers})
    yield option("VirtualHostOption", "tokens", "gw", "tokens", jwtStaged={"beforeExtAuth": tokens})
    yield auth_config("passwords", users("ann"))
    yield auth_config("keys", {"apiKeyAuth": _LABELLED})
    yield auth_config("either", {"name": "u", **users("ann")}, {"name": "k", **_ALONE}, booleanExpr="u || k")
    yield auth_config("rego", {"opaAuth": {"modules": [{"name": "policy"}], "query": "data.test.allow == true"}})
    for name, config in others(ldap, _OWN).items():
        yield auth_config(name, config)
    yield secret("alice", "accountcredentials", None, username="alice", password=_PASSWORD)
    yield auth_config("simple", simple_users(bob="other"))
    yield auth_config("plain", _ALONE)
    yield auth_config("login", login(issuer.issuer))
    yield api_key("of-a-team", "first", {"team": "infra"}, mail="ann@example.com")
    yield api_key("alone", "lonely")
    yield secret("client", "oauth", None, **{"client-secret": SECRET})
    yield authorities("staff", _STAFF.pem)
    yield key_pair("rotated", *_CA.issue("rotated.example"))
    rego = {"policy.rego": "package test\nallow = true\n"}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "policy"}, "data": rego}


def _settings() -> Doc:
    spec = {"refreshRate": "1s", "vaultSecretSource": {}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": {"name": "default"}, "spec": spec}


def _virtual_service() -> Doc:
    kube = {"ref": {"name": "backend", "namespace": _OWN}, "port": 80}
    host = {
        "domains": ["classic.example"],
        "routes": [{"matchers": [{"prefix": "/"}], "routeAction": {"single": {"kube": kube}}}],
        "options": {"extauth": {"configRef": {"name": "passwords", "namespace": _OWN}}},
    }
    meta, spec = {"name": "classic"}, {"virtualHost": host}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}


def _servers() -> list[str]:
    return kubectl("-n", _SYSTEM, "get", "pods", "-l", "app.kubernetes.io/name=daemun-extauth", "-o", "name").split()


def _status(kind: str, name: str) -> str:
    return kubectl("-n", _OWN, "get", kind, name, "-o", "jsonpath={.status}")


def _authority() -> bytes:
    found = kubectl("-n", _SYSTEM, "get", "secret", "daemun-xds", "-o", r"jsonpath={.data.ca\.crt}")
    return base64.b64decode(found)


def _token(namespace: str, account: str, audience: str = "daemun-xds") -> str:
    return kubectl("-n", namespace, "create", "token", account, f"--audience={audience}").strip()


def _told(said: str) -> list[str]:
    """The chains that the control plane tells whoever shows this token. Raises RpcError if it refuses."""
    address = kubectl("-n", _SYSTEM, "get", "service", "daemun", "-o", "jsonpath={.spec.clusterIP}")
    options = [("grpc.ssl_target_name_override", f"daemun.{_SYSTEM}.svc")]
    with grpc.secure_channel(f"{address}:9977", grpc.ssl_channel_credentials(_authority()), options) as channel:
        stream = channel.stream_stream(
            PATH,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )
        metadata = (("authorization", f"Bearer {said}"),) if said else ()
        answers = stream(iter([DeltaDiscoveryRequest(type_url=CHAIN)]), timeout=60, metadata=metadata)
        response = next(iter(answers))
        return [one.name for one in response.resources]
