"""Figures as Prometheus reads them, and that the ones there are stand in the docs."""

import re
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from daemun.base.names import GATEWAY, Name, Ref
from daemun.gloo.secrets.places import Vault
from daemun.kube.seen import Seen
from daemun.plane.plane import ControlPlane
from daemun.programs.figures import figures
from daemun.replica.lease import AlwaysLeading
from daemun.replica.metrics import Figure, Metrics
from daemun.report.kube.writer import StatusWriter
from daemun.sources.kube.source import KubeSource
from daemun.sources.secrets.store import Store, StoreError
from daemun.sources.secrets.watcher import SecretWatcher
from support.api.memoryapi import MemoryApi
from support.objects.cases import objects

DOCS = Path(__file__).parents[2] / "docs" / "operating.md"
OBJECTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: c}
spec: {controllerName: daemun.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: c
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and labels to value, read as Prometheus would."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


async def nobody(_: Mapping[str, str]) -> None:
    """Who a stream is."""


def nowhere(place: Vault) -> Store:
    """There is no Vault."""
    raise StoreError(place.where)


class Made:
    """Everything that figures are read from, with no cluster behind it."""

    def __init__(self) -> None:
        client = MemoryApi().client()
        self.plane = ControlPlane(None, nobody, lambda: None)
        source = KubeSource(client, lambda _: None)
        self.writer = StatusWriter(client, self.plane.translation.statuses, source.locate)
        self.election = AlwaysLeading(lambda _: None)
        secrets = SecretWatcher(nowhere, lambda _: None, lambda _: None)
        self.figures = tuple(figures(self.plane, source, secrets, self.writer, self.election, bool, int))


def test_numbers_are_read_when_they_are_asked_for() -> None:
    seen = {("a",): 1.0}
    metrics = Metrics([Figure("some_total", "Some.", lambda: seen, ("x",)), Figure("now", "Now.", lambda: len(seen))])
    assert samples(metrics)["some_total", ("a",)] == 1
    seen["b",] = 5.0
    found = samples(metrics)
    assert found["some_total", ("b",)] == 5
    assert found["now", ()] == 2
    assert found["process_open_fds", ()] > 0
    assert "# TYPE some_total counter" in metrics.text().decode()


def test_labels_may_hold_anything() -> None:
    metrics = Metrics([Figure("odd", "Odd.", lambda: {('a"\\\nb',): 1}, ("x",))])
    assert samples(metrics)["odd", ('a"\\\nb',)] == 1


async def test_the_figures_of_a_control_plane() -> None:
    made = Made()
    made.plane.take(objects(OBJECTS).items())
    made.election.leading = True
    made.writer.counts.writes["Gateway"] += 3
    made.plane.xds.counts.nacks["Cluster"] += 1
    found = samples(Metrics(made.figures))
    assert found["daemun_objects", ("Gateway",)] == 1
    assert found["daemun_objects", ("HTTPRoute",)] == 0
    assert found["daemun_objects", ("Gateway.gateway.solo.io",)] == 0
    assert found["daemun_batches_total", ()] == 1
    assert found["daemun_rule_runs_total", ()] > 0
    assert found["daemun_proxies", ()] == 1
    assert found["daemun_proxies_synced", ()] == 0
    assert found["daemun_leader", ()] == 1
    assert found["daemun_status_writes_total", ("Gateway",)] == 3
    assert found["daemun_xds_nacks_total", ("Cluster",)] == 1


async def test_what_is_pending_is_told() -> None:
    made = Made()
    ref = Ref(GATEWAY, "Gateway", *Name("default", "g"))
    made.plane.take(objects(OBJECTS).items())
    made.writer.lead(True)
    made.writer.seen(ref, Seen("1"))
    assert samples(Metrics(made.figures))["daemun_status_pending", ()] == 1


async def test_all_figures_stand_in_the_docs_and_no_others() -> None:
    told = set(re.findall(r"\| `(daemun_[a-z_]+)", DOCS.read_text()))
    assert told == {figure.name for figure in Made().figures}
