"""BackendTLSPolicies: which Gateways tell of one, what changes with it, and what does not."""

from typing import Any

from daemun.api.status import PolicyStatus
from daemun.base.names import GATEWAY, Ref
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import CLUSTER, SCOPE, SECRET, PartKey
from daemun.translate import Translation
from support.objects.cases import objects, translation
from support.objects.certificates import Authority, authority

POLICY = Ref(GATEWAY, "BackendTLSPolicy", "default", "p")
MAP = Ref("", "ConfigMap", "default", "ca")
CLUSTER_KEY = PartKey("default/g", CLUSTER, "service/default/a/80/https")


def gateway(name: str, port: int = 8080) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec: {{gatewayClassName: daemun, listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}
"""


def route(name: str, *parents: str, filters: str = "[]", to: str = "a") -> str:
    refs = ", ".join(f"{{name: {parent}}}" for parent in parents)
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec: {{parentRefs: [{refs}], rules: [{{filters: {filters}, backendRefs: [{{name: {to}, port: 80}}]}}]}}
"""


def authorities(pem: str) -> str:
    return "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata:\n  ca.crt: |\n" + "".join(
        f"    {line}\n" for line in pem.splitlines()
    )


SERVICES = "".join(
    f"\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"
    for name in "ab"
)
TLS = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: "", kind: Service, name: a}]
  validation: {hostname: a.test, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
"""
WORLD = gateway("g") + route("r", "g") + SERVICES + TLS + authorities(authority().pem)


def ancestors(made: Translation) -> list[str]:
    status = made.statuses.get(POLICY)
    assert status is None or isinstance(status, PolicyStatus)
    return [one.ancestor_ref.name for one in status.ancestors] if status else []


def changed(made: Translation, *texts: str) -> set[str]:
    """The resources that differ after these objects changed, as `type name`."""
    before = dict(made.resources)
    made.apply([item for text in texts for item in objects(text).items()])
    after = dict(made.resources)
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return {f"{key.type_url.rpartition('.')[2]} {key.resource}" for key in keys}


def test_the_gateways_that_need_the_service_tell() -> None:
    mirror = "[{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}}}]"
    made = translation(
        objects(WORLD + gateway("h", 8081) + gateway("i", 8082) + route("s", "h", "i", filters=mirror, to="b"))
    )
    assert ancestors(made) == ["g", "h", "i"]
    made.apply([(Ref(GATEWAY, "HTTPRoute", "default", "s"), None)])
    assert ancestors(made) == ["g"]
    made.apply([(Ref(GATEWAY, "HTTPRoute", "default", "r"), None)])
    assert ancestors(made) == []


def test_a_status_speaks_of_sixteen_gateways_at_most_and_people_are_told() -> None:
    names = [f"g{number:02}" for number in range(17)]
    many = "".join(gateway(name, 8100 + at) for at, name in enumerate(names)) + route("all", *names)
    made = translation(objects(many + SERVICES + TLS + authorities(authority().pem)))
    assert ancestors(made) == names[:16]
    (problem,) = made.problems[POLICY]
    assert (problem.code, problem.warning) == ("TooManyAncestors", True)


def test_a_closed_policy_tells_its_gateways_too() -> None:
    made = translation(objects(WORLD))
    made.apply([(MAP, None)])
    assert ancestors(made) == ["g"]
    assert CLUSTER_KEY not in made.resources
    assert not any(key.type_url == CLUSTER for key in made.resources), "nor is there one without TLS"


def test_new_authorities_are_one_new_secret() -> None:
    made = translation(objects(WORLD))
    assert changed(made, authorities(Authority().pem)) == {"Secret ca/ConfigMap/default/ca"}


def test_another_hostname_is_one_new_cluster() -> None:
    made = translation(objects(WORLD))
    assert changed(made, TLS.replace("a.test", "b.test")) == {"Cluster service/default/a/80/https"}


def test_a_policy_that_goes_takes_all_of_it_along() -> None:
    made = translation(objects(WORLD))
    made.apply([(POLICY, None)])
    assert {key.resource for key in made.resources if key.type_url == CLUSTER} == {"service/default/a/80"}
    assert not any(key.type_url == SECRET for key in made.resources)
    assert POLICY not in made.statuses


def test_what_envoy_rejects_is_told_by_the_gateway_whose_proxy_it_was() -> None:
    made = translation(objects(WORLD + gateway("h", 8081) + route("s", "h")))
    leaf = made.resources[CLUSTER_KEY].leaves[0]
    assert leaf.origin.ref == POLICY
    key = RejectionKey("default/g", POLICY, leaf.origin.where, CLUSTER, CLUSTER_KEY.resource)
    made.rejections.set(key, Rejection("default/g", POLICY, leaf.origin.where, "no such file"))
    status: Any = made.statuses[POLICY]
    told = [[one.type for one in ancestor.conditions if one.status == "False"] for ancestor in status.ancestors]
    assert told == [["Programmed"], []]
    assert "no such file" in str(made.problems[POLICY][0])


def test_without_a_file_of_the_system_its_authorities_are_not_known() -> None:
    system = TLS.replace(
        'caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]', "wellKnownCACertificates: System"
    )
    made = Translation(Settings(system_authorities=""))
    made.apply(objects(WORLD + system).items())
    assert [problem.code for problem in made.problems[POLICY]] == ["Invalid"]
    assert not any(key.type_url == CLUSTER for key in made.resources)


def test_secrets_are_read_one_by_one() -> None:
    made = translation(objects(WORLD))
    calls = made.graph.calls
    made.apply(objects(authorities("x").replace("name: ca", "name: unrelated")).items())
    assert made.graph.calls == calls
    assert any(key.type_url == SCOPE for key in made.resources)
