"""The API server that other tests stand on: it serves, forgets nothing, and can be hurt and healed."""

from http import HTTPStatus

import pytest

from . import crds
from .api import ApiServer
from .client import Client, RefusedError
from .processes import until

_GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: kept, namespace: default}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"


def test_what_was_applied_survives_a_kill(api_server: ApiServer) -> None:
    api_server.client.apply(_GATEWAY)
    api_server.restart()
    kept = api_server.client.get(f"{_GATEWAYS}/kept")
    assert kept["spec"]["gatewayClassName"] == "daemun"
    assert kept["status"]["conditions"][0]["reason"] == "Pending"  # the CRD's default: it is the real schema
    api_server.client.delete(f"{_GATEWAYS}/kept")


def test_a_paused_server_is_silent_and_wakes_up(api_server: ApiServer) -> None:
    with api_server.paused():
        assert not api_server.client.ready()
    assert until(api_server.client.ready, 60)


def test_a_user_without_rights_is_refused(api_server: ApiServer) -> None:
    nobody = Client(api_server.user("system:nobody"))
    with pytest.raises(RefusedError) as refused:
        nobody.get(_GATEWAYS)
    assert refused.value.status == HTTPStatus.FORBIDDEN


def test_the_first_release_of_the_crds_can_be_installed_and_taken_away(own_api_server: ApiServer) -> None:
    names = crds.install(own_api_server.client, "v1.0.0", "standard")
    assert "httproutes.gateway.networking.k8s.io" in names
    crds.remove(own_api_server.client, names)
