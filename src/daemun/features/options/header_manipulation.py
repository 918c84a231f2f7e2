"""headerManipulation: headers to add and remove, on the way to the backend and back (Gloo, HeaderManipulation)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.gloo.routing import HeaderManipulation as Spec
from daemun.api.gloo.routing import HeaderValueOption, ResponseHeaderValueOption
from daemun.features.drafts import Draft, HostDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.formats import format_faults
from daemun.gloo.served import Fields
from daemun.ir.route import Use

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = "host"
_SECRET = "a Secret would stand in the configuration of routes, which many can read"  # noqa: S105 - a reason


class HeaderManipulation(Feature[Spec]):
    """Envoy's own header options, which routes, shares and virtual hosts have alike: all of them count.

    They are in place of both header filters of an HTTPRoute. Values may have Envoy's variables (`%REQ(x)%`).
    """

    kind: ClassVar = "headerManipulation"
    adds_up: ClassVar = True
    serves: ClassVar = (Fields(HeaderValueOption, ("header", "append"), {"headerSecretRef": _SECRET}),)
    replaces: ClassVar = ("RequestHeaderModifier", "ResponseHeaderModifier")

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Names and values that no request or response can carry."""
        for index, request in enumerate(spec.request_headers_to_add):
            if request.header_secret_ref is None:
                yield from _added_faults(request, f"{where}.requestHeadersToAdd[{index}]")
        for index, response in enumerate(spec.response_headers_to_add):
            yield from _added_faults(response, f"{where}.responseHeadersToAdd[{index}]")
        for index, name in enumerate(spec.request_headers_to_remove):
            yield from _name_faults(name, f"{where}.requestHeadersToRemove[{index}]")
        for index, name in enumerate(spec.response_headers_to_remove):
            yield from _name_faults(name, f"{where}.responseHeadersToRemove[{index}]")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Which headers change."""
        del use, scene
        told = [*_told(spec.request_headers_to_add, ""), *_told(spec.response_headers_to_add, "response ")]
        told.extend(f"removes header {name.lower()}" for name in spec.request_headers_to_remove)
        told.extend(f"removes response header {name.lower()}" for name in spec.response_headers_to_remove)
        return ", ".join(told) or "changes no headers"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        _set(spec, draft.proto)

    def on_backend(self, spec: Spec, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        _set(spec, backend)
        return True

    def on_host(self, spec: Spec, use: Use, draft: HostDraft) -> None:
        """On all requests of a host."""
        del use
        _set(spec, draft.proto)


def _set(spec: Spec, proto: Any) -> None:
    proto.request_headers_to_add.extend(_options(spec.request_headers_to_add))
    proto.request_headers_to_remove.extend(spec.request_headers_to_remove)
    proto.response_headers_to_add.extend(_options(spec.response_headers_to_add))
    proto.response_headers_to_remove.extend(spec.response_headers_to_remove)


def _options(added: Iterable[HeaderValueOption | ResponseHeaderValueOption]) -> Iterator[core_v3.HeaderValueOption]:
    """What is added; to what is there already, unless that is ruled out."""
    for one in added:
        if one.header is not None:
            action = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
            if one.append is False:
                action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
            header = core_v3.HeaderValue(key=one.header.key, value=one.header.value)
            yield core_v3.HeaderValueOption(header=header, append_action=action)


def _told(added: Iterable[HeaderValueOption | ResponseHeaderValueOption], of: str) -> Iterator[str]:
    for one in added:
        if one.header is not None:
            verb = "sets" if one.append is False else "adds"
            yield f"{verb} {of}header {one.header.key.lower()}: {one.header.value}"


def _added_faults(one: HeaderValueOption | ResponseHeaderValueOption, where: str) -> Iterator[Fault]:
    if one.header is None:
        yield f"{where}.header", "is missing", "Name the header and its value."
        return
    yield from _name_faults(one.header.key, f"{where}.header.key")
    if _CONTROL.search(one.header.value):
        yield f"{where}.header.value", "has a control character", "Remove it."
    else:
        yield from format_faults(one.header.value, f"{where}.header.value")


def _name_faults(name: str, where: str) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield where, f"{name!r} is not the name of a header", ""
    elif name.lower() == _HOST:
        yield where, "Host is not a header to change here", "Use hostRewrite."
