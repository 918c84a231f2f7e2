"""csrf: refuses requests that change something and come from another origin (Gloo, CsrfPolicy)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.extensions.filters.http.csrf.v3 import csrf_pb2 as csrf_v3
from envoy.type.v3 import percent_pb2

from daemun.api.gloo.common import RuntimeFractionalPercent
from daemun.api.gloo.routing import CsrfPolicy
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.patterns import matcher, matcher_faults
from daemun.ir.route import Use


class Csrf(PerRoute[CsrfPolicy]):
    """Envoy's CSRF filter. As in Gloo it refuses nothing until `filterEnabled` says for how many requests it is on."""

    kind: ClassVar = "csrf"
    rare: ClassVar = "csrf"
    filter: ClassVar = "envoy.filters.http.csrf"
    guards: ClassVar = True

    def faults(self, spec: CsrfPolicy, where: str) -> Iterable[Fault]:
        """Origins that cannot be."""
        for index, origin in enumerate(spec.additional_origins):
            yield from matcher_faults(origin, f"{where}.additionalOrigins[{index}]")

    def does(self, spec: CsrfPolicy, use: Use, scene: Scene) -> str:
        """How many of which requests."""
        del use, scene
        return f"refuses with 403 {_told(spec.filter_enabled)} the requests that change something from another origin"

    def idle(self) -> csrf_v3.CsrfPolicy:
        """Refuses nothing."""
        return csrf_v3.CsrfPolicy(filter_enabled=_share(None))

    def config(self, spec: CsrfPolicy) -> csrf_v3.CsrfPolicy:
        """The spec as a policy of Envoy."""
        policy = csrf_v3.CsrfPolicy(filter_enabled=_share(spec.filter_enabled))
        if spec.shadow_enabled is not None:
            policy.shadow_enabled.CopyFrom(_share(spec.shadow_enabled))
        policy.additional_origins.extend(map(matcher, spec.additional_origins))
        return policy


def _share(spec: RuntimeFractionalPercent | None) -> core_v3.RuntimeFractionalPercent:
    """None of the requests, if nothing is said; without a value Envoy would take all."""
    value = percent_pb2.FractionalPercent()
    if spec is not None and spec.default_value is not None:
        value.numerator = spec.default_value.numerator
        value.denominator = percent_pb2.FractionalPercent.DenominatorType.Value(spec.default_value.denominator)
    return core_v3.RuntimeFractionalPercent(default_value=value, runtime_key=spec.runtime_key if spec else "")


def _told(spec: RuntimeFractionalPercent | None) -> str:
    share = spec.default_value if spec is not None else None
    if share is None or not share.numerator:
        return "none of"
    return f"{share.numerator} of {share.denominator.lower().replace('_', ' ')} of"
