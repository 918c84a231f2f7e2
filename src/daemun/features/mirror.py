"""RequestMirror: a copy of (some of) the requests goes to another backend (Gateway API, HTTPRequestMirrorFilter)."""

from typing import ClassVar

from daemun.api.filters import HTTPRequestMirrorFilter
from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.features.shadows import MILLION, shadow
from daemun.ir.route import Use


class RequestMirror(Feature[HTTPRequestMirrorFilter]):
    """Envoy mirrors after the headers were changed and drops the answers. A rule may have several mirrors."""

    kind: ClassVar = "RequestMirror"

    def does(self, spec: HTTPRequestMirrorFilter, use: Use, scene: Scene) -> str:
        """How much is copied, and to whom."""
        del scene
        backend = use.backends[0]
        if backend is None:
            return "mirrors nothing: the backend to mirror to cannot be used"
        percent = 100 * _share(spec) / MILLION
        whole = "a copy" if percent == 100 else f"a copy of {percent:g} % of the requests"
        return f"sends {whole} to {backend.cluster} and drops the answers"

    def on_route(self, spec: HTTPRequestMirrorFilter, use: Use, draft: Draft) -> None:
        """One more mirror. A backend that cannot be used is left out; the route's status says so."""
        shadow(draft, use.backends[0], _share(spec), same_host=True)


def _share(spec: HTTPRequestMirrorFilter) -> int:
    """The mirrored share in millionths; all of it unless something else is said."""
    if spec.percent is not None:
        return spec.percent * 10_000
    if spec.fraction is not None:
        return round(spec.fraction.numerator * MILLION / spec.fraction.denominator)
    return MILLION
