"""What the status of a route says whose parent is a Service that no proxy would serve it for."""

import pytest

from daemun.api.status import RouteStatus
from daemun.base.names import GATEWAY, Ref
from daemun.gatewayapi.settings import cluster
from daemun.sources import yamldoc
from daemun.translate import Translation
from support.objects.cases import objects

ROUTE = Ref(GATEWAY, "HTTPRoute", "shop", "reviews")
WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {daemun.dev/mesh: %s}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: a.example}}]}]
"""


def said(meshes: bool | None, label: str) -> str | None:
    """What is said of the route, in its status and as a warning; None without a status."""
    made = Translation(cluster(yamldoc.value, meshes=meshes))
    made.apply(objects(WORLD % label).items())
    status, problems = made.statuses.get(ROUTE), made.problems.get(ROUTE, ())
    if status is None:
        assert all(one.code == "NoParents" for one in problems)
        return None
    assert isinstance(status, RouteStatus)
    (parent,) = status.parents
    accepted, _ = parent.conditions
    assert (accepted.type, accepted.status) == ("Accepted", "True")
    assert [one.text in accepted.message and one.warning for one in problems] == [True] * bool(accepted.message)
    return accepted.message


@pytest.mark.parametrize(
    "meshes, label, told",
    [
        (True, "enabled", ""),
        (True, "disabled", "no Namespace is in the mesh"),
        (False, "enabled", "Set mesh.enabled of the chart"),
        (False, "disabled", None),
        (None, "enabled", ""),
        (None, "disabled", None),
    ],
)
def test_who_would_serve_it(meshes: bool | None, label: str, told: str | None) -> None:
    found = said(meshes, label)
    assert found == told or (told and found and told in found)
