"""RequestRedirect: the answer is another URL (Gateway API, HTTPRequestRedirectFilter)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.filters import HTTPRequestRedirectFilter
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.paths import path_does, path_faults, set_new_path
from daemun.ir.route import Use

_DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
_CODES = MappingProxyType(
    {
        301: route_v3.RedirectAction.MOVED_PERMANENTLY,
        302: route_v3.RedirectAction.FOUND,
        303: route_v3.RedirectAction.SEE_OTHER,
        307: route_v3.RedirectAction.TEMPORARY_REDIRECT,
        308: route_v3.RedirectAction.PERMANENT_REDIRECT,
    }
)


class RequestRedirect(Feature[HTTPRequestRedirectFilter]):
    """Replaces whatever the route would have done."""

    kind: ClassVar = "RequestRedirect"

    def faults(self, spec: HTTPRequestRedirectFilter, where: str) -> Iterable[Fault]:
        """Paths that no URL can have."""
        return path_faults(spec.path, where)

    def does(self, spec: HTTPRequestRedirectFilter, use: Use, scene: Scene) -> str:
        """What the new URL is made of."""
        del use
        told = [f"scheme {spec.scheme}"] if spec.scheme else []
        told.extend([f"host {spec.hostname}"] if spec.hostname else [])
        told.extend([f"port {spec.port}"] if spec.port else [])
        told.extend([f"a path with {path_does(spec.path, scene.match)}"] if spec.path else [])
        return f"redirects with {spec.status_code} to {', '.join(told) or 'the same URL'}"

    def on_route(self, spec: HTTPRequestRedirectFilter, use: Use, draft: Draft) -> None:
        """The port follows the rules of the `port` field: the scheme's own is not written out unless it must be."""
        del use
        redirect = route_v3.RedirectAction(response_code=_CODES[spec.status_code])
        if spec.scheme:
            redirect.scheme_redirect = spec.scheme
        if spec.hostname:
            redirect.host_redirect = spec.hostname
        scheme = spec.scheme or ("https" if draft.tls else "http")
        port = spec.port or (_DEFAULT_PORTS[scheme] if spec.scheme else draft.port)
        if port != _DEFAULT_PORTS[scheme]:
            redirect.port_redirect = port
        if spec.path:
            set_new_path(spec.path, draft.match, redirect, "path_redirect")
        draft.proto.redirect.CopyFrom(redirect)
        if (spec.scheme or spec.port) and not (spec.hostname or redirect.port_redirect):
            draft.extra.append(_with_port(draft.proto, port))


def _with_port(proto: route_v3.Route, port: int) -> route_v3.Route:
    """For a Host that names a port: Envoy keeps it unless another is given, and here it would be a wrong one."""
    route = route_v3.Route()
    route.CopyFrom(proto)
    route.match.headers.add(name=":authority", string_match={"safe_regex": {"regex": ".*:[0-9]+"}})
    route.redirect.port_redirect = port
    return route
