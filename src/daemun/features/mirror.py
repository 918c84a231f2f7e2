"""RequestMirror: a copy of (some of) the requests goes to another backend (Gateway API, HTTPRequestMirrorFilter)."""

from typing import ClassVar

from envoy.type.v3 import percent_pb2

from daemun.api.filters import HTTPRequestMirrorFilter
from daemun.features.feature import Draft, Feature, Scene
from daemun.ir.route import Use

_MILLION = 1_000_000


class RequestMirror(Feature[HTTPRequestMirrorFilter]):
    """Envoy mirrors after the headers were changed and drops the answers. A rule may have several mirrors."""

    kind: ClassVar = "RequestMirror"

    def does(self, spec: HTTPRequestMirrorFilter, use: Use, scene: Scene) -> str:
        """How much is copied, and to whom."""
        del scene
        backend = use.backends[0]
        if backend is None:
            return "mirrors nothing: the backend to mirror to cannot be used"
        percent = 100 * _share(spec) / _MILLION
        whole = "a copy" if percent == 100 else f"a copy of {percent:g} % of the requests"
        return f"sends {whole} to {backend.cluster} and drops the answers"

    def on_route(self, spec: HTTPRequestMirrorFilter, use: Use, draft: Draft) -> None:
        """One more mirror. A backend that cannot be used is left out; the route's status says so."""
        backend = use.backends[0]
        if backend is None or not draft.proto.HasField("route"):
            return
        mirror = draft.action.request_mirror_policies.add(
            cluster=draft.cluster(backend), disable_shadow_host_suffix_append=True
        )
        share = _share(spec)
        if share < _MILLION:
            percent = mirror.runtime_fraction.default_value
            percent.numerator = share
            percent.denominator = percent_pb2.FractionalPercent.MILLION


def _share(spec: HTTPRequestMirrorFilter) -> int:
    """The mirrored share in millionths; all of it unless something else is said."""
    if spec.percent is not None:
        return spec.percent * 10_000
    if spec.fraction is not None:
        return round(spec.fraction.numerator * _MILLION / spec.fraction.denominator)
    return _MILLION
