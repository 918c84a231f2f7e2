"""Each rule of a policy's API: something that breaks it and what is said then, and the same thing as it should be."""

from typing import Any

import pytest

from daemun.api.decode import Decoded, decode

SERVICE = {"group": "", "kind": "Service", "name": "a"}
AUTHORITY = {"group": "", "kind": "ConfigMap", "name": "ca"}


def policy(*targets: dict[str, Any], version: str = "v1", **validation: Any) -> Decoded:
    checked = {"hostname": "a.test", "caCertificateRefs": [AUTHORITY], **validation}
    found = decode(
        {
            "apiVersion": f"gateway.networking.k8s.io/{version}",
            "kind": "BackendTLSPolicy",
            "metadata": {"name": "x"},
            "spec": {"targetRefs": [{**SERVICE, **one} for one in targets or ({},)], "validation": checked},
        }
    )
    assert found is not None
    return found


def san(**fields: str) -> Decoded:
    return policy(subjectAltNames=[fields])


CASES = [
    (policy({}, {}), policy({}, {"name": "b"}), "spec.targetRefs: Service a is named twice; sectionName must differ"),
    (
        policy({"sectionName": "one"}, {}),
        policy({"sectionName": "one"}, {"sectionName": "two"}),
        "spec.targetRefs: Service a is named several times, but not always with sectionName",
    ),
    (
        policy({"sectionName": "one"}, {"sectionName": "one"}),
        policy({"sectionName": "one"}, {"sectionName": "one", "name": "b"}),
        "spec.targetRefs: Service a is named twice",
    ),
    (
        policy(caCertificateRefs=[]),
        policy(caCertificateRefs=[], wellKnownCACertificates="System"),
        "spec.validation: give either caCertificateRefs or wellKnownCACertificates",
    ),
    (policy(wellKnownCACertificates="System"), policy(), "spec.validation: give either"),
    (
        san(type="Hostname", uri="spiffe://a"),
        san(type="Hostname", hostname="*.a.test"),
        "spec.validation.subjectAltNames[0].hostname: must be given for type Hostname",
    ),
    (
        san(type="URI", uri="spiffe://a", hostname="a.test"),
        san(type="URI", uri="spiffe://a/b?c#d"),
        "spec.validation.subjectAltNames[0].hostname: must not be set for type URI",
    ),
]


@pytest.mark.parametrize(("bad", "good", "expected"), CASES)
def test_rules_of_policies(bad: Decoded, good: Decoded, expected: str) -> None:
    assert expected in f"{bad.problems[0].where}: {bad.problems[0].text}"
    assert good.value is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hostname", "*.a.test"),
        ("wellKnownCACertificates", "Ours"),
        ("subjectAltNames", [{"type": "URI", "uri": "relative/path"}]),
        ("subjectAltNames", [{"type": "Hostname", "hostname": "a.test"}] * 6),
        ("caCertificateRefs", [AUTHORITY] * 9),
        ("caCertificateRef", AUTHORITY),
    ],
)
def test_what_the_schema_refuses(field: str, value: Any) -> None:
    (problem,) = policy(**{field: value}).problems
    assert problem.where.startswith(f"spec.validation.{field}")


def test_the_version_before_is_read_too() -> None:
    assert policy(version="v1alpha3").value == policy().value
