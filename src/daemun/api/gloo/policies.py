"""Policies: options that are attached to Gateway API's objects, or that classic resources refer to."""

from msgspec import field

from daemun.api.gloo.common import PolicyTargetReference, PolicyTargetReferenceWithSectionName
from daemun.api.gloo.options import HttpListenerOptions, ListenerOptions, RouteOptions, VirtualHostOptions
from daemun.api.gloo.resource import GlooResource
from daemun.api.meta import Api, List


class RouteOptionSpec(Api, frozen=True):
    """Options of an HTTPRoute, or of a route that refers to them."""

    options: RouteOptions | None = None
    target_refs: List[PolicyTargetReference] = ()


class RouteOption(GlooResource, frozen=True):
    """Options of routes."""

    spec: RouteOptionSpec = field(default_factory=RouteOptionSpec)


class VirtualHostOptionSpec(Api, frozen=True):
    """Options of all routes of a Gateway or listener."""

    options: VirtualHostOptions | None = None
    target_refs: List[PolicyTargetReferenceWithSectionName] = ()


class VirtualHostOption(GlooResource, frozen=True):
    """Options of virtual hosts."""

    spec: VirtualHostOptionSpec = field(default_factory=VirtualHostOptionSpec)


class ListenerOptionSpec(Api, frozen=True):
    """Options of the listeners of a Gateway."""

    options: ListenerOptions | None = None
    target_refs: List[PolicyTargetReferenceWithSectionName] = ()


class ListenerOption(GlooResource, frozen=True):
    """Options of listeners."""

    spec: ListenerOptionSpec = field(default_factory=ListenerOptionSpec)


class HttpListenerOptionSpec(Api, frozen=True):
    """Options of the HTTP listeners of a Gateway."""

    options: HttpListenerOptions | None = None
    target_refs: List[PolicyTargetReferenceWithSectionName] = ()


class HttpListenerOption(GlooResource, frozen=True):
    """Options of HTTP listeners."""

    spec: HttpListenerOptionSpec = field(default_factory=HttpListenerOptionSpec)
