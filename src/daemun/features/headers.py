"""RequestHeaderModifier and ResponseHeaderModifier: set, add and remove headers (Gateway API, HTTPHeaderFilter)."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.filters import HTTPHeaderFilter
from daemun.base.framing import TOLD, framing
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.printable import control_faults
from daemun.ir.route import Use

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_SET = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_ADD = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
HOST = "host"


def _options(spec: HTTPHeaderFilter) -> Iterable[core_v3.HeaderValueOption]:
    for headers, action in ((spec.set, _SET), (spec.add, _ADD)):
        for header in headers:
            if header.name.lower() != HOST:
                # Envoy reads '%' as the start of a variable; the user wrote a plain value.
                value = core_v3.HeaderValue(key=header.name, value=header.value.replace("%", "%%"))
                yield core_v3.HeaderValueOption(header=value, append_action=action)


def _faults(spec: HTTPHeaderFilter, where: str, *, request: bool) -> Iterable[Fault]:
    for verb, headers in (("set", spec.set), ("add", spec.add)):
        for index, header in enumerate(headers):
            yield from control_faults(header.value, f"{where}.{verb}[{index}].value")
            if framing(header.name):
                yield f"{where}.{verb}[{index}]", f"{header.name!r} {TOLD}", "Remove it."
            if request and verb == "add" and header.name.lower() == HOST:
                yield f"{where}.add[{index}]", "a request has just one Host", "Use set, or URLRewrite.hostname."
    for index, name in enumerate(spec.remove):
        if not _NAME.fullmatch(name):
            yield f"{where}.remove[{index}]", f"{name!r} is not the name of a header", ""
        elif request and name.lower() == HOST:
            yield f"{where}.remove[{index}]", "a request needs its Host", "Use set, or URLRewrite.hostname."


def _new_host(spec: HTTPHeaderFilter) -> str | None:
    return next((header.value for header in spec.set if header.name.lower() == HOST), None)


def _does(spec: HTTPHeaderFilter, of: str) -> str:
    told = [f"sets {of}header {one.name.lower()}: {one.value}" for one in spec.set]
    told.extend(f"adds {of}header {one.name.lower()}: {one.value}" for one in spec.add)
    told.extend(f"removes {of}header {name.lower()}" for name in spec.remove)
    return ", ".join(told) or "changes no headers"


class _HeaderModifier(Feature[HTTPHeaderFilter]):
    """Envoy's own header options, which routes and weighted clusters have alike."""

    of: ClassVar[str] = ""

    def does(self, spec: HTTPHeaderFilter, use: Use, scene: Scene) -> str:
        """Which headers change."""
        del use, scene
        return _does(spec, self.of)

    def on_route(self, spec: HTTPHeaderFilter, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        self.apply(spec, draft.proto)

    def on_backend(self, spec: HTTPHeaderFilter, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        self.apply(spec, backend)
        return True

    def apply(self, spec: HTTPHeaderFilter, proto: Any) -> None:
        """Put the headers into a message that has Envoy's fields for them."""
        raise NotImplementedError


class RequestHeaderModifier(_HeaderModifier):
    """Headers on the way to the backend. Host is not one for Envoy, but it can be rewritten."""

    kind: ClassVar = "RequestHeaderModifier"

    def faults(self, spec: HTTPHeaderFilter, where: str) -> Iterable[Fault]:
        """Names and values that no request can carry."""
        return _faults(spec, where, request=True)

    def on_route(self, spec: HTTPHeaderFilter, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        super().on_route(spec, use, draft)
        host = _new_host(spec)
        if host is not None and draft.forwards:
            draft.action.host_rewrite_literal = host

    def on_backend(self, spec: HTTPHeaderFilter, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        host = _new_host(spec)
        if host is not None:
            backend.host_rewrite_literal = host
        return super().on_backend(spec, backend)

    def apply(self, spec: HTTPHeaderFilter, proto: Any) -> None:
        """Put the headers into a message that has Envoy's fields for them."""
        proto.request_headers_to_add.extend(_options(spec))
        proto.request_headers_to_remove.extend(spec.remove)


class ResponseHeaderModifier(_HeaderModifier):
    """Headers on the way back to the client."""

    kind: ClassVar = "ResponseHeaderModifier"
    of: ClassVar = "response "

    def faults(self, spec: HTTPHeaderFilter, where: str) -> Iterable[Fault]:
        """Names and values that no response can carry."""
        return _faults(spec, where, request=False)

    def apply(self, spec: HTTPHeaderFilter, proto: Any) -> None:
        """Put the headers into a message that has Envoy's fields for them."""
        proto.response_headers_to_add.extend(_options(spec))
        # Envoy refuses to remove Host anywhere, and no response has one.
        proto.response_headers_to_remove.extend(name for name in spec.remove if name.lower() != HOST)
