"""Upstreams made of Services: one for each port."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import Service
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gloo.discovery.names import upstream_name
from daemun.gloo.discovery.settings import Found, discovering
from daemun.gloo.settings.scope import DEFAULT, SETTINGS, Scope
from daemun.gloo.upstreams.services import spoken, upstream_for
from daemun.ir.discovery import BY, Claim, Wanted

KUBERNETES = "kubernetesplugin"
"""What Gloo's discoverer calls itself."""
_DISCOVER = "gloo.solo.io/discover"


def service_rule(
    settings: Found, scopes: Collection[Name, Scope], surroundings: Surroundings
) -> Callable[[Reader, Name, Service], Iterator[tuple[Claim, Wanted]]]:
    """The rule from a Service to the Upstreams of its ports.

    One that selects no pods has none, unless its annotation `gloo.solo.io/discover` is true.
    """

    def claim(reader: Reader, name: Name, service: Service) -> Iterator[tuple[Claim, Wanted]]:
        how, meta = discovering(reader, settings, surroundings), service.metadata
        scope = reader.get(scopes, SETTINGS) or DEFAULT
        if not how.on or not scope.watches(name.namespace) or not how.labels.items() <= meta.labels.items():
            return
        asked = meta.annotations.get(_DISCOVER) == "true"
        if service.spec.type == "ExternalName" or not (service.spec.selector or asked):
            return
        for port in service.spec.ports:
            if port.protocol != "TCP":
                continue
            spec = upstream_for(service, port.port)
            if spec.use_http2 is None and spoken(service, port) == "h2c":
                spec = msgspec.structs.replace(spec, use_http2=True)
            called = Name(how.namespace, upstream_name(name.namespace, name.name, str(port.port)))
            fields = {**plain(spec), "discoveryMetadata": {"labels": dict(meta.labels)} if meta.labels else {}}
            yield Claim("", str(name), str(port.port)), Wanted(called, KUBERNETES, fields, {BY: KUBERNETES}, {})

    return claim


def plain(spec: UpstreamSpec) -> dict[str, object]:
    """The fields that are set, as JSON has them."""
    found: dict[str, object] = msgspec.json.decode(msgspec.json.encode(spec))
    return found
