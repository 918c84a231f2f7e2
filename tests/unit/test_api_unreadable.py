"""What counts in place of a policy that cannot be read."""

from typing import Any

import pytest

from daemun.api.auth_policy import AuthPolicy
from daemun.api.decode import decode
from daemun.api.gloo.policies import RouteOption, VirtualHostOption
from daemun.api.policy import BackendTLSPolicy
from daemun.api.unreadable import GUARDS
from daemun.features import FEATURES
from daemun.gloo.served.unserved import unserved

Doc = dict[str, Any]
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
NOT_SERVED = ("dlp", "waf")


def stood_in(group: str, kind: str, spec: object) -> Any:
    found = decode({"apiVersion": group, "kind": kind, "metadata": {"name": "p", "labels": 1}, "spec": spec})
    assert found is not None
    assert found.value is None
    assert found.problems
    return found.stand_in


def test_every_option_that_guards_a_host_is_known_here() -> None:
    guards = {one.kind for one in FEATURES if one.guards and one.works("on_host")}
    assert {name.lower() for name in guards if name[:1].islower()} <= GUARDS
    assert all(unserved(name).guards for name in NOT_SERVED)
    assert set(NOT_SERVED) <= GUARDS


@pytest.mark.parametrize(
    ("targets", "sections"),
    [
        ({"targetRefs": [{**GATEWAY, "sectionName": "a"}]}, ["a"]),
        ({"targetRefs": [{**GATEWAY, "sectionName": ["a"]}, "b", {**GATEWAY, "sectionName": "c"}]}, [None, "c"]),
        ({"targetRef": {**GATEWAY, "sectionName": "a"}}, ["a"]),
        ({"targetRefs": {**GATEWAY, "more": 1}}, [None]),
    ],
)
def test_whom_it_is_for_is_read_as_far_as_that_can_be(targets: Doc, sections: list[str | None]) -> None:
    found = stood_in("daemun.dev/v1alpha1", "AuthPolicy", {**targets, "nonsense": 1})
    assert isinstance(found, AuthPolicy)
    assert [one.section_name for one in found.spec.target_refs] == sections
    assert {one.name for one in found.spec.target_refs} == {"gw"}


@pytest.mark.parametrize("spec", [None, [], {}, {"targetRefs": 1}, {"targetRefs": [{"kind": "Gateway"}]}])
def test_for_nobody(spec: object) -> None:
    assert stood_in("daemun.dev/v1alpha1", "AuthPolicy", spec) is None
    assert stood_in("gateway.networking.k8s.io/v1", "BackendTLSPolicy", spec) is None


@pytest.mark.parametrize("name", ["jwt", "extAuth", "RBAC", "waf"])
def test_options_of_hosts_that_may_guard(name: str) -> None:
    said = {"targetRefs": [GATEWAY], "options": {name: 1}}
    assert isinstance(stood_in("gateway.solo.io/v1", "VirtualHostOption", said), VirtualHostOption)


def test_options_of_hosts_that_virtual_services_may_name() -> None:
    found = stood_in("gateway.solo.io/v1", "VirtualHostOption", {"options": {"extauth": 1}})
    assert isinstance(found, VirtualHostOption)
    assert found.spec.target_refs == ()


def test_options_of_hosts_that_do_not() -> None:
    said = {"targetRefs": [GATEWAY], "options": {"cors": 1}}
    assert stood_in("gateway.solo.io/v1", "VirtualHostOption", said) is None


def test_options_that_routes_may_name() -> None:
    found = stood_in("gateway.solo.io/v1", "RouteOption", {"options": 1})
    assert isinstance(found, RouteOption)
    assert found.spec.target_refs == ()


def test_a_backends_certificate_is_nobodys() -> None:
    service = {"group": "", "kind": "Service", "name": "a"}
    found = stood_in("gateway.networking.k8s.io/v1", "BackendTLSPolicy", {"targetRefs": [service], "validation": 1})
    assert isinstance(found, BackendTLSPolicy)
    assert found.spec.target_refs[0].name == "a"


def test_what_guards_nothing_has_no_stand_in() -> None:
    assert stood_in("gateway.networking.k8s.io/v1", "HTTPRoute", {"parentRefs": 1}) is None
