"""Metrics in Prometheus' format: a table of numbers that are read where they lie when somebody asks for them.

Nobody pushes anything anywhere, and there is no registry of the process: whoever composes the program makes one table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST

Values = float | Mapping[tuple[str, ...], float]
"""A number, or one for each combination of the labels' values."""


class Figure(msgspec.Struct, frozen=True):
    """One metric. What only grows is a counter: its name ends in _total."""

    name: str
    help: str
    read: Callable[[], Values]
    labels: tuple[str, ...] = ()


class Metrics(Collector):
    """A table of figures, and what the system says of this process."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = tuple(figures)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of them as they are now."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing is read before it is asked for."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read the table, for the registry."""
        for figure in self._figures:
            family = CounterMetricFamily if figure.name.endswith("_total") else GaugeMetricFamily
            metric = family(figure.name, figure.help, labels=figure.labels)
            values = figure.read()
            for labels, value in sorted(values.items()) if isinstance(values, Mapping) else (((), values),):
                metric.add_metric(labels, value)
            yield metric
