"""faults: answers with errors, or late, on purpose (Gloo, RouteFaults)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.fault.v3 import fault_pb2 as fault_v3

from daemun.api.gloo.routing import RouteFaults
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.percent import percent, percent_faults
from daemun.features.times import duration, duration_faults
from daemun.ir.route import Use


class Faults(PerRoute[RouteFaults]):
    """Envoy's fault filter. A request may be delayed and then aborted."""

    kind: ClassVar = "faults"
    filter: ClassVar = "envoy.filters.http.fault"
    rare: ClassVar = "faults"

    def faults(self, spec: RouteFaults, where: str) -> Iterable[Fault]:
        """A status, share or delay that cannot be."""
        if spec.abort is not None:
            yield from percent_faults(spec.abort.percentage, f"{where}.abort.percentage")
            if not 200 <= spec.abort.http_status < 600:
                yield f"{where}.abort.httpStatus", f"{spec.abort.http_status} is no status", "Use one of 200 to 599."
        if spec.delay is not None:
            yield from percent_faults(spec.delay.percentage, f"{where}.delay.percentage")
            yield from duration_faults(spec.delay.fixed_delay or "0s", f"{where}.delay.fixedDelay", least=1_000_000)

    def does(self, spec: RouteFaults, use: Use, scene: Scene) -> str:
        """How much of what."""
        del use, scene
        told = [f"delays {spec.delay.percentage:g} % of the requests by {spec.delay.fixed_delay}"] if spec.delay else []
        if spec.abort:
            told.append(f"answers {spec.abort.percentage:g} % of them with {spec.abort.http_status} itself")
        return " and ".join(told) or "puts in no faults"

    def idle(self) -> fault_v3.HTTPFault:
        """No faults."""
        return fault_v3.HTTPFault()

    def config(self, spec: RouteFaults) -> fault_v3.HTTPFault:
        """The spec as Envoy's faults."""
        config = fault_v3.HTTPFault()
        if spec.abort is not None:
            config.abort.http_status = spec.abort.http_status
            config.abort.percentage.CopyFrom(percent(spec.abort.percentage))
        if spec.delay is not None:
            config.delay.fixed_delay.CopyFrom(duration(spec.delay.fixed_delay or "0s"))
            config.delay.percentage.CopyFrom(percent(spec.delay.percentage))
        return config
