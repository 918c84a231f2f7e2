"""tracing: the name and the share of a route's traces (Gloo, RouteTracingSettings)."""

from collections.abc import Iterable
from typing import ClassVar

from daemun.api.gloo.tracing import RouteTracingSettings
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.percent import percent, percent_faults
from daemun.features.transformations.spans import KEY, NAMESPACE
from daemun.ir.route import Use

_SHARES = ("client_sample_percentage", "random_sample_percentage", "overall_sample_percentage")


class Tracing(Feature[RouteTracingSettings]):
    """Envoy's tracing and decorator of a route. It traces only where the listener does."""

    kind: ClassVar = "tracing"

    def faults(self, spec: RouteTracingSettings, where: str) -> Iterable[Fault]:
        """Shares that cannot be."""
        if spec.trace_percentages is not None:
            at = f"{where}.tracePercentages"
            yield from percent_faults(spec.trace_percentages.client_sample_percentage, f"{at}.clientSamplePercentage")
            yield from percent_faults(spec.trace_percentages.random_sample_percentage, f"{at}.randomSamplePercentage")
            yield from percent_faults(spec.trace_percentages.overall_sample_percentage, f"{at}.overallSamplePercentage")

    def does(self, spec: RouteTracingSettings, use: Use, scene: Scene) -> str:
        """How the trace is called, and how much is traced."""
        del use, scene
        told = [f"calls its traces {spec.route_descriptor}"] if spec.route_descriptor else []
        if spec.trace_percentages is not None:
            shares = [getattr(spec.trace_percentages, name) for name in _SHARES]
            client, chance, overall = (f"{100 if one is None else one:g} %" for one in shares)
            told.append(f"traces {client} if the client asks, {chance} by chance, {overall} at most")
        return ", ".join(told) or "leaves tracing as it is"

    def on_route(self, spec: RouteTracingSettings, use: Use, draft: Draft) -> None:
        """Of a share that is not given all is traced."""
        del use
        if spec.route_descriptor:
            draft.proto.decorator.operation = spec.route_descriptor
            draft.proto.metadata.filter_metadata[NAMESPACE].update({KEY: spec.route_descriptor})
            if spec.propagate is not None:
                draft.proto.decorator.propagate.value = spec.propagate
        if spec.trace_percentages is not None:
            client, chance, overall = (getattr(spec.trace_percentages, name) for name in _SHARES)
            tracing = draft.proto.tracing
            tracing.client_sampling.CopyFrom(percent(100 if client is None else client))
            tracing.random_sampling.CopyFrom(percent(100 if chance is None else chance))
            tracing.overall_sampling.CopyFrom(percent(100 if overall is None else overall))
