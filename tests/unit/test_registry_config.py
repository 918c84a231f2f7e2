"""What is wrong with the configuration of a Registry, told to whoever looks at manifests: nothing is opened for it."""

from typing import Any

import pytest

from daemun.api.status import OwnStatus
from daemun.base.names import DAEMUN, Ref
from daemun.gatewayapi.settings import Settings
from daemun.ir.registries import Configured
from daemun.sources.registries.kinds import OWN, fault
from daemun.translate import Translation
from support.objects.cases import objects

REF = Ref(DAEMUN, "Registry", "default", "machines")
GOOD: dict[str, dict[str, Any]] = {
    "cloud-foundry": {"api": "https://api.example.com"},
    "consul": {"httpAddress": "consul:8500"},
    "dns": {"nameservers": ["10.0.0.1", "[::1]:53"]},
    "ec2": {"region": "eu-central-1"},
    "nomad": {},
}


@pytest.mark.parametrize("kind", OWN)
def test_what_is_right(kind: str) -> None:
    assert fault(Configured(REF, kind, GOOD[kind])) is None


@pytest.mark.parametrize(
    "kind, config, said",
    [
        ("ec2", {}, "spec.config.region: is missing. Give it one."),
        ("ec2", {"regoin": "x"}, "spec.config.regoin: the plug-in ec2 has no such field. Did you mean 'region'?"),
        (
            "ec2",
            {"region": "eu-central-1", "port": 70_000},
            "spec.config.port: expected 'int' <= 65535 (it is 70000). Left out it is 80.",
        ),
        (
            "ec2",
            {"region": "eu-central-1", "filters": [{"key": "a"}, {"value": "b"}]},
            "spec.config.filters[1].key: is missing. Give it one.",
        ),
        (
            "ec2",
            {"region": "eu-central-1", "filters": [{"key": 1}]},
            "spec.config.filters[0].key: expected 'str', got 'int' (it is 1). Put it into quotes.",
        ),
        (
            "nomad",
            {"address": "ftp://a"},
            "spec.config.address: 'ftp://a' is no address. Write it as http://HOST:PORT.",
        ),
        ("consul", {"httpAddress": ":"}, "spec.config.httpAddress: 'http://:' is no address. Write it as"),
        ("cloud-foundry", {"api": "a"}, "spec.config.api: 'a' is no address. Write it as https://api.SYSTEM-DOMAIN."),
        (
            "dns",
            {"nameservers": ["10.0.0.1", "dns.example"]},
            "spec.config.nameservers[1]: 'dns.example' is no address. Write it as an IP address, or as ADDRESS:PORT.",
        ),
        ("eureka", {}, "spec.type: no plug-in is called eureka. Use one of cloud-foundry, consul, dns, ec2, nomad"),
    ],
)
def test_what_is_wrong(kind: str, config: dict[str, Any], said: str) -> None:
    found = fault(Configured(REF, kind, config))
    assert found is not None
    assert str(found).startswith(said)


def test_status_and_problems_tell_of_it_and_nobody_opens_it() -> None:
    made = Translation(Settings(registry_fault=fault))
    text = (
        "{apiVersion: daemun.dev/v1alpha1, kind: Registry, metadata: {name: machines}, spec: {type: ec2, config: %s}}"
    )
    made.apply(objects(text % "{region: 7}").items())
    status = made.statuses[REF]
    assert isinstance(status, OwnStatus)
    accepted = status.conditions[0]
    assert (accepted.type, accepted.status) == ("Accepted", "False")
    assert [(one.where, one.warning) for one in made.problems[REF]] == [("spec.config.region", False)]
    assert not made.registries.configured
    made.apply(objects(text % "{region: eu-central-1}").items())
    assert not made.problems.get(REF)
    assert made.registries.configured
