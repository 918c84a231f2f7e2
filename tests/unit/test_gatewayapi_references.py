"""Who may refer to what: the one decision about ReferenceGrants."""

import pytest

from daemun.base.names import GATEWAY, Ref
from daemun.flow import Graph, Reader, Source, derive
from daemun.gatewayapi.references import grant_keys, grant_to_write, permitted
from support.objects.cases import objects

ROUTE = Ref(GATEWAY, "HTTPRoute", "here", "r")
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: there}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: here}]
  to: [{group: "", kind: Service, name: named}, {group: "", kind: Secret}]
"""


def allowed(referrer: Ref, target: Ref) -> bool:
    graph = Graph()
    grants: Source = Source(graph, "grants")
    index = grants.index(grant_keys)
    asked: Source[str, None] = Source(graph, "asked")

    def ask(reader: Reader, key: str, _: None) -> list[tuple[str, bool]]:
        return [(key, permitted(reader, index, referrer, target))]

    answers = derive(asked, ask)
    asked.set("?", None)
    before = answers["?"]
    assert before == (referrer.namespace == target.namespace), "without a grant just one's own namespace"
    for ref, grant in objects(GRANT).items():
        grants.set(ref.key, grant)
    return answers["?"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Ref("", "Service", "here", "any"), True),
        (Ref("", "Service", "there", "named"), True),
        (Ref("", "Service", "there", "other"), False),
        (Ref("", "Secret", "there", "any"), True),
        (Ref("", "ConfigMap", "there", "any"), False),
        (Ref("x.test", "Secret", "there", "any"), False),
        (Ref("", "Secret", "elsewhere", "any"), False),
    ],
)
def test_what_may_be_referred_to(target: Ref, expected: bool) -> None:
    assert allowed(ROUTE, target) is expected


@pytest.mark.parametrize(
    "referrer",
    [ROUTE._replace(kind="GRPCRoute"), ROUTE._replace(namespace="elsewhere"), ROUTE._replace(group="x.test")],
)
def test_who_may_not_refer(referrer: Ref) -> None:
    assert not allowed(referrer, Ref("", "Secret", "there", "any"))


def test_the_mend_is_the_grant_to_write() -> None:
    assert grant_to_write(ROUTE, Ref("", "Service", "there", "s")) == (
        "Write a ReferenceGrant in namespace there from HTTPRoute of namespace here to Service s."
    )
