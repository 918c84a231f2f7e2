"""Objects that are there and cannot be read are not said not to exist."""

from daemun.base.names import CORE, GATEWAY, GLOO_GATEWAY, Ref
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.cases import objects

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
