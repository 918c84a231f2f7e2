"""redirectAction: the answer is another URL, as Gloo has it (gateway.solo.io, RedirectAction)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.destinations import RedirectAction as Spec
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.patterns import substitution_faults
from daemun.ir.route import Use

_CODES = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}


class RedirectAction(Feature[Spec]):
    """Envoy's own redirect, field by field: the names of the codes are Envoy's too."""

    kind: ClassVar = "redirectAction"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A new path that no URL can have."""
        for field, path in (("pathRedirect", spec.path_redirect), ("prefixRewrite", spec.prefix_rewrite)):
            if path and any(char <= " " or char == "\x7f" for char in path):
                yield f"{where}.{field}", f"{path!r} has a blank or control character", "Encode it as %20 and the like."
        if spec.regex_rewrite is not None:
            yield from substitution_faults(spec.regex_rewrite, f"{where}.regexRewrite")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """What the new URL is made of."""
        del use, scene
        told = ["scheme https"] if spec.https_redirect else []
        told.extend([f"host {spec.host_redirect}"] if spec.host_redirect else [])
        told.extend([f"port {spec.port_redirect}"] if spec.port_redirect else [])
        told.extend([f"path {spec.path_redirect}"] if spec.path_redirect else [])
        told.extend([f"the matched prefix replaced by {spec.prefix_rewrite}"] if spec.prefix_rewrite else [])
        told.extend(["a path changed by a regular expression"] if spec.regex_rewrite else [])
        told.extend(["no query"] if spec.strip_query else [])
        return f"redirects with {_CODES[spec.response_code]} to {', '.join(told) or 'the same URL'}"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """A redirect instead of whatever the route would have done."""
        del use
        code = route_v3.RedirectAction.RedirectResponseCode.Value(spec.response_code)
        redirect = route_v3.RedirectAction(
            response_code=code, host_redirect=spec.host_redirect, strip_query=spec.strip_query
        )
        if spec.https_redirect:
            redirect.https_redirect = True
        if spec.port_redirect:
            redirect.port_redirect = spec.port_redirect
        if spec.path_redirect is not None:
            redirect.path_redirect = spec.path_redirect
        elif spec.prefix_rewrite is not None:
            redirect.prefix_rewrite = spec.prefix_rewrite
        elif spec.regex_rewrite is not None:
            pattern = spec.regex_rewrite.pattern
            redirect.regex_rewrite.pattern.regex = pattern.regex if pattern else ""
            redirect.regex_rewrite.substitution = spec.regex_rewrite.substitution
        draft.proto.redirect.CopyFrom(redirect)
