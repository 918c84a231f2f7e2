"""Gloo's annotations on Services: what they come to, by port, and what is said of those that cannot be read."""

from typing import Any

import pytest

from daemun.api.core import Service, ServicePort
from daemun.base.names import Name
from daemun.flow import Graph, Source, derive
from daemun.gloo.upstreams.services import CONFIG, Annotated, annotated_rule, global_faults, spoken
from daemun.gloo.upstreams.upstream import Checks
from support.objects.cases import objects

CHECKS = Checks(lambda _: (), lambda _: ())


def service(**annotations: str) -> Service:
    (found,) = objects(
        "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 80}, {port: 443}]}}"
    ).values()
    assert isinstance(found, Service)
    named = {f"gloo.solo.io/{key.replace('__', '.')}": value for key, value in annotations.items()}
    found.metadata.annotations.update(named)
    return found


def read(**annotations: str) -> Annotated | None:
    graph = Graph()
    services: Source[Name, Any] = Source(graph, "services")
    made = derive(services, annotated_rule(Source(graph, "secrets"), CHECKS), "annotated")
    with graph.batch():
        services.update({Name("default", "s"): service(**annotations)})
    assert not graph.failures
    return made.get(Name("default", "s"))


def files(one: Annotated | None, port: int) -> str:
    assert one is not None
    config = one.ports[port].spec.ssl_config
    return config.ssl_files.root_ca if config and config.ssl_files else ""


def test_without_annotations_there_is_nothing() -> None:
    assert read() is None
    assert read(h2_service="true") is None


def test_a_value_may_be_for_one_port() -> None:
    one = read(sslService__rootCa="443:/ca.pem")
    assert (files(one, 80), files(one, 443)) == ("", "/ca.pem")
    both = read(sslService__rootCa="/ca.pem")
    assert (files(both, 80), files(both, 443)) == ("/ca.pem", "/ca.pem")


def test_what_settings_say_of_all_must_be_readable_too() -> None:
    wrong = list(global_faults({CONFIG: '{"kube": {}}'}))
    assert [one.where for one in wrong] == ["spec.upstreamOptions.globalAnnotations"]
    assert list(global_faults({CONFIG: '{"use_http2": true}'})) == []


def test_names_may_have_underscores_or_not() -> None:
    for text in ('{"use_http2": true, "health_checks": []}', '{"useHttp2": true}'):
        one = read(upstream_config=text)
        assert one is not None
        assert one.faults == ()
        assert one.ports[80].spec.use_http2 is True


def test_a_deep_merge_puts_tls_together() -> None:
    both = {"upstream_config": '{"sslConfig": {"sni": "a.test"}}', "sslService__rootCa": "/ca.pem"}
    shallow, deep = read(**both), read(**both, upstream_config__deep_merge="true")
    assert files(shallow, 80) == ""
    assert files(deep, 80) == "/ca.pem"
    assert deep is not None
    assert deep.ports[80].spec.ssl_config is not None
    assert deep.ports[80].spec.ssl_config.sni == "a.test"


@pytest.mark.parametrize(
    "annotations, words",
    [
        ({"upstream_config": "{"}, "cannot be read"),
        ({"upstream_config": '{"useHttp2": 5}'}, "cannot be read: expected `bool"),
        ({"upstream_config": '{"useHttp": true}'}, "no field useHttp"),
        ({"upstream_config": '{"static": {}}'}, "says what kind of Upstream it is"),
        ({"upstream_config": '{"loadBalancerConfig": {"random": {}, "maglev": {}}}'}, "exclude each other"),
        ({"sslService__secret": "gone"}, "sslConfig.secretRef Secret default/gone does not exist"),
    ],
)
def test_what_cannot_be_read(annotations: dict[str, str], words: str) -> None:
    one = read(**annotations)
    assert one is not None
    assert [finding.where for finding in one.faults] == ["metadata.annotations"]
    assert words in one.faults[0].text


@pytest.mark.parametrize(
    "annotations, port, protocol",
    [
        ({}, ServicePort(80), None),
        ({}, ServicePort(80, name="http"), None),
        ({}, ServicePort(80, name="grpc-main"), "h2c"),
        ({}, ServicePort(80, name="h2"), "h2c"),
        ({}, ServicePort(80, name="http2-x"), "h2c"),
        ({}, ServicePort(80, name="grpc", app_protocol="http"), None),
        ({"h2_service": "false"}, ServicePort(80, name="grpc"), "http"),
        ({"h2_service": "true"}, ServicePort(80), "h2c"),
    ],
)
def test_what_is_spoken(annotations: dict[str, str], port: ServicePort, protocol: str | None) -> None:
    assert spoken(service(**annotations), port) == protocol
