"""Objects that are there and cannot be read are not said not to exist."""

import msgspec
import pytest

from daemun.base.names import CORE, DAEMUN, GATEWAY, GLOO, GLOO_GATEWAY, GLOO_KUBE_GATEWAY, Ref
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.settings import cluster as cluster_settings
from daemun.kube.client import KubeClient
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from daemun.sources import yamldoc
from daemun.sources.batch import Batch, FileProblem
from daemun.translate import Translation
from support.objects.cases import objects

ROUTE = Ref(GATEWAY, "HTTPRoute", "default", "r")
SERVICE = Ref(CORE, "Service", "default", "s")
CLASSIC = Ref(GLOO_GATEWAY, "VirtualService", "default", "v")
TABLE = Ref(GLOO_GATEWAY, "RouteTable", "default", "t")
WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: c}
spec: {bindPort: 8080, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: v}
spec: {virtualHost: {domains: [x.test], routes: [{delegateAction: {ref: {name: t, namespace: default}}}]}}
"""


def told(made: Translation, ref: Ref) -> list[str]:
    """What is wrong with an object, with the mend."""
    return [f"{one.text}. {one.mend}".strip() for one in made.problems.get(ref, ())]


def test_what_cannot_be_read_is_told_so_for_as_long_as_it_cannot() -> None:
    made = Translation(Settings(assume_programmed=True))
    made.apply(objects(WORLD).items())
    absent = {ref: told(made, ref) for ref in (ROUTE, CLASSIC)}
    assert any(f"{SERVICE} does not exist" in one for one in absent[ROUTE])
    assert any(f"{TABLE} does not exist" in one for one in absent[CLASSIC])
    made.apply((), unread=[SERVICE, TABLE])
    assert told(made, ROUTE) == [f"{SERVICE} cannot be read. Mend what is told of it."]
    assert f"{TABLE} cannot be read. Mend what is told of it." in told(made, CLASSIC)
    made.apply((), unread=[SERVICE])
    assert told(made, CLASSIC) == absent[CLASSIC]
    made.apply(())  # whoever does not say which there are changes nothing
    assert told(made, ROUTE) == [f"{SERVICE} cannot be read. Mend what is told of it."]
    made.apply((), unread=())
    assert told(made, ROUTE) == absent[ROUTE]


WHO_SAYS = {
    "the backend of a route": (
        Ref(GATEWAY, "HTTPRoute", "default", "one"),
        SERVICE,
        """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: one}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
""",
    ),
    "the certificate of a listener": (
        Ref(GATEWAY, "Gateway", "default", "tls"),
        Ref(CORE, "Secret", "default", "cert"),
        """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: tls}
spec:
  gatewayClassName: daemun
  listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]
""",
    ),
    "the Gateway of a ListenerSet": (
        Ref(GATEWAY, "ListenerSet", "default", "set"),
        Ref(GATEWAY, "Gateway", "default", "lost"),
        """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec: {parentRef: {name: lost}, listeners: [{name: more, port: 81, protocol: HTTP}]}
""",
    ),
    "what a BackendTLSPolicy trusts": (
        Ref(GATEWAY, "BackendTLSPolicy", "default", "tls"),
        Ref(CORE, "ConfigMap", "default", "ca"),
        """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec:
  targetRefs: [{group: "", kind: Service, name: there}]
  validation: {hostname: there.test, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
---
apiVersion: v1
kind: Service
metadata: {name: there}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: one}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: there, port: 80}]}]}
""",
    ),
    "the target of a policy of ours": (
        Ref(DAEMUN, "AuthPolicy", "default", "who"),
        ROUTE,
        """
apiVersion: daemun.dev/v1alpha1
kind: AuthPolicy
metadata: {name: who}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  basicAuth: {secretRef: {name: users}}
""",
    ),
    "the target of an option": (
        Ref(GLOO_GATEWAY, "RouteOption", "default", "o"),
        ROUTE,
        """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {prefixRewrite: /x}
""",
    ),
    "the Service of an Upstream": (
        Ref(GLOO, "Upstream", "default", "up"),
        SERVICE,
        """
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: up}
spec: {kube: {serviceName: s, serviceNamespace: default, servicePort: 80}}
""",
    ),
    "the Secret of an AuthConfig": (
        Ref("enterprise.gloo.solo.io", "AuthConfig", "default", "auth"),
        Ref(CORE, "Secret", "default", "login"),
        """
apiVersion: enterprise.gloo.solo.io/v1
kind: AuthConfig
metadata: {name: auth}
spec:
  configs:
  - oauth2:
      oidcAuthorizationCode:
        appUrl: https://app.test
        callbackPath: /callback
        clientId: me
        clientSecretRef: {name: login, namespace: default}
        issuerUrl: https://idp.test
""",
    ),
    "the RouteTable of a VirtualService": (
        CLASSIC,
        TABLE,
        "---".join(WORLD.split("---")[2:]),
    ),
    "the Secret of a Registry": (
        Ref(DAEMUN, "Registry", "default", "cf"),
        Ref(CORE, "Secret", "default", "login"),
        """
apiVersion: daemun.dev/v1alpha1
kind: Registry
metadata: {name: cf}
spec: {type: nomad, config: {address: "http://nomad.test:4646"}, secretRef: {name: login}}
""",
    ),
}


@pytest.mark.parametrize("case", WHO_SAYS)
def test_statuses_say_the_same(case: str) -> None:
    ref, target, manifests = WHO_SAYS[case]
    made = Translation(Settings(assume_programmed=True))
    made.apply(objects(WORLD.split("---", maxsplit=1)[0] + "---" + manifests).items())

    def status() -> str:
        return msgspec.json.encode(made.statuses[ref]).decode()

    before = status()
    assert f"{target} does not exist" in before
    made.apply((), unread=[target])
    assert f"{target} cannot be read. Mend what is told of it." in status()
    assert f"{target} does not exist" not in status()
    made.apply((), unread=())
    assert status() == before


FILTER = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
  - filters:
    - {type: ExtensionRef, extensionRef: {group: GROUP, kind: DirectResponse, name: x}}
"""
PARAMETERS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
  infrastructure: {parametersRef: {group: "", kind: ConfigMap, name: p}}
"""


def test_filters_of_gloo_say_it_in_its_words() -> None:
    answer = Ref(GLOO_KUBE_GATEWAY, "DirectResponse", "default", "x")
    made = Translation(Settings(assume_programmed=True))
    world = WORLD.split("---", maxsplit=1)[0] + "---" + FILTER.replace("GROUP", answer.group)
    made.apply(objects(world).items())

    def status() -> str:
        return msgspec.json.encode(made.statuses[ROUTE]).decode()

    assert "'x' of type" in status()
    assert "not found" in status()
    made.apply((), unread=[answer])
    assert f"{answer} cannot be read. Mend what is told of it." in status()
    assert "not found" not in status()


def test_parameters_of_a_gateway_in_a_cluster() -> None:
    parameters = Ref(CORE, "ConfigMap", "default", "p")
    made = Translation(cluster_settings(yamldoc.value))
    made.apply(objects(PARAMETERS).items())

    def status() -> str:
        return msgspec.json.encode(made.statuses[Ref(GATEWAY, "Gateway", "default", "g")]).decode()

    assert f"{parameters} does not exist" in status()
    made.apply((), unread=[parameters])
    assert f"{parameters} cannot be read. Mend what is told of it." in status()
    assert "does not exist" not in status()


async def test_a_cluster_tells_it_too() -> None:
    app = ClusterApp(KubeClient.at("http://127.0.0.1:1"), Installation("default", "daemun", "one", "daemun:latest"))
    made = app.plane.translation
    made.graph.enough = None  # at once: nobody runs what would be left

    def conditions() -> str:
        return msgspec.json.encode(made.statuses[ROUTE]).decode()

    wrong = FileProblem("", 0, SERVICE, "spec", "is no map", "")
    app._changed(Batch(dict(objects(WORLD)), (wrong,), complete=True))
    assert f"{SERVICE} cannot be read" in conditions()
    app._changed(Batch({}, (wrong,), complete=True))
    assert f"{SERVICE} cannot be read" in conditions()
    app._changed(Batch({}, (), complete=True))
    assert f"{SERVICE} does not exist" in conditions()
