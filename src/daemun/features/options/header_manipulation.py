"""headerManipulation: headers to add and remove, on the way to the backend and back (Gloo, HeaderManipulation)."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.routing import HeaderManipulation as Spec
from daemun.api.gloo.routing import HeaderValueOption, ResponseHeaderValueOption
from daemun.base.framing import TOLD, framing
from daemun.features.composite import always, composite
from daemun.features.drafts import Draft, HostDraft
from daemun.features.feature import Fault, Feature, Scene, disabled_filter
from daemun.features.formats import format_faults
from daemun.features.injectors import INJECTOR, injector
from daemun.features.one_line import one_line
from daemun.features.printable import control_faults, length_faults, name_faults
from daemun.ir.injected import SecretHeaders
from daemun.ir.route import Use

_HOST = "host"
_OF_ROUTES, _OF_HOSTS = "daemun.header_secrets", "daemun.header_secrets.host"
_RARE = "headerSecrets"


class HeaderManipulation(Feature[Spec]):
    """Envoy's own header options, which routes, shares and virtual hosts have alike: all of them count.

    They are in place of both header filters of an HTTPRoute. Values may have Envoy's variables (`%REQ(x)%`). Those of
    Secrets are in no route: Envoy's credential injectors, which routes bring, get them by SDS. A request that comes
    before they are there is answered with 401.
    """

    kind: ClassVar = "headerManipulation"
    adds_up: ClassVar = True
    rare: ClassVar = _RARE
    replaces: ClassVar = ("RequestHeaderModifier", "ResponseHeaderModifier")

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place of what routes, and shares of them, have of Secrets."""
        return disabled_filter(_OF_ROUTES, composite(_OF_ROUTES))

    def families(self, spec: Spec, alone: bool) -> Iterable[str]:
        """It is needed for Secrets only."""
        del alone
        return (_RARE,) if any(self.secrets(spec)) else ()

    def secrets(self, spec: Spec) -> Iterable[tuple[str, ResourceRef]]:
        """Those with headers for requests."""
        for index, one in enumerate(spec.request_headers_to_add):
            if one.header_secret_ref is not None:
                yield f"requestHeadersToAdd[{index}].headerSecretRef", one.header_secret_ref

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
        """Which headers change. Of those in Secrets only the names are told."""
        del scene
        told = [*_told(spec.request_headers_to_add, ""), *_told(spec.response_headers_to_add, "response ")]
        told.extend(f"sets header {name.lower()} from Secret {one.secret}" for one in use.headers for name in one.names)
        told.extend(f"removes header {name.lower()}" for name in spec.request_headers_to_remove)
        told.extend(f"removes response header {name.lower()}" for name in spec.response_headers_to_remove)
        return ", ".join(told) or "changes no headers"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        _set(spec, draft.proto)
        _inject(use.headers, draft.proto, _OF_ROUTES)

    def on_backend(self, spec: Spec, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share. What is in Secrets goes on a route of its own."""
        _set(spec, backend)
        return not any(self.secrets(spec))

    def on_host(self, spec: Spec, use: Use, draft: HostDraft) -> None:
        """On all requests of a host."""
        _set(spec, draft.proto)
        _inject(use.headers, draft.proto, _OF_HOSTS)


class HostHeaderSecrets(Feature[None]):
    """The place of what hosts have of Secrets, beside their routes. No field has its name."""

    kind: ClassVar = "headerManipulation.host"
    rare: ClassVar = _RARE

    def does(self, spec: None, use: Use, scene: Scene) -> str:
        """Nothing by itself."""
        del spec, use, scene
        return "does nothing: it is a place for Secrets of headerManipulation"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place."""
        return disabled_filter(_OF_HOSTS, composite(_OF_HOSTS))


def _inject(headers: Iterable[SecretHeaders], proto: Any, place: str) -> None:
    """Have headers written over with the values of Secrets: a client's own say nothing."""
    action = composite_v3.ExecuteFilterAction()
    if place in proto.typed_per_filter_config:
        # A backend's, where its rule has some too: both count.
        before = matching_v3.ExtensionWithMatcherPerRoute()
        proto.typed_per_filter_config[place].Unpack(before)
        before.xds_matcher.on_no_match.action.typed_config.Unpack(action)
    for one in headers:
        for name in one.names:
            injected = action.filter_chain.typed_config.add(name=INJECTOR)
            injected.typed_config.Pack(injector(name, one.resource(name)))
    if action.filter_chain.typed_config:
        proto.typed_per_filter_config[place].Pack(always(place, action), deterministic=True)


def _set(spec: Spec, proto: Any) -> None:
    proto.request_headers_to_add.extend(_options(spec.request_headers_to_add))
    proto.request_headers_to_remove.extend(spec.request_headers_to_remove)
    proto.response_headers_to_add.extend(map(_of_one_line, _options(spec.response_headers_to_add)))
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


def _of_one_line(one: core_v3.HeaderValueOption) -> core_v3.HeaderValueOption:
    """A header of an answer: of those Envoy does not look whether it is one."""
    one.header.value = one_line(one.header.value)
    return one


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
    if framing(one.header.key):
        yield f"{where}.header.key", f"{one.header.key!r} {TOLD}", "Remove it."
    value = f"{where}.header.value"
    yield from control_faults(one.header.value, value)
    yield from length_faults(one.header.value, value)
    yield from format_faults(one.header.value, value)


def _name_faults(name: str, where: str) -> Iterator[Fault]:
    if name.lower() == _HOST:
        yield where, "Host is not a header to change here", "Use hostRewrite."
    else:
        yield from name_faults(name, where)
