"""Which Upstreams' servers are asked for their gRPC services, and where they are (Gloo's function discovery)."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import EndpointSlice, Namespace, Service
from daemun.api.gloo.settings import Settings
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.names import Name
from daemun.envoy.endpoints import ready_endpoints
from daemun.flow import Collection, Index, Reader
from daemun.gloo.classic.scope import SETTINGS
from daemun.gloo.functions.transcoding import by_reflection, service_spec
from daemun.gloo.upstreams import service_of
from daemun.ir.reflection import Asked

LABEL = "discovery.solo.io/function_discovery"
_SYSTEM = {"kube-system", "kube-public"}


class Inputs(msgspec.Struct, frozen=True):
    """What says who is asked, and where."""

    settings: Collection[Name, Settings]
    namespaces: Collection[Name, Namespace]
    services: Collection[Name, Service]
    slices: Index[Name, Name, EndpointSlice]


def asked_rule(of: Inputs) -> Callable[[Reader, Name, Upstream], Iterator[tuple[Name, Asked]]]:
    """The rule from an Upstream to where its servers are, if they are to be asked.

    That is where a transcoder has no descriptors, where a label asks for it, and with the mode BLACKLIST wherever an
    Upstream says nothing of its services and speaks HTTP/2. Without Settings it takes a label (WHITELIST).
    """

    def asked(reader: Reader, name: Name, upstream: Upstream) -> Iterator[tuple[Name, Asked]]:
        spec = upstream.spec
        said = service_spec(spec)
        wanted = by_reflection(said[1] if said else None)
        mode = _mode(reader, of)
        if mode == "DISABLED" or (said is not None and not wanted):
            return
        label = _label(reader, of, name, upstream)
        if label == "disabled" or not (wanted or label == "enabled" or (mode == "BLACKLIST" and _open(name, spec))):
            return
        targets = _targets(reader, of, name, spec)
        if targets:
            yield name, Asked(targets)

    return asked


def _mode(reader: Reader, of: Inputs) -> str:
    settings = reader.get(of.settings, SETTINGS)
    return settings.spec.discovery.fds_mode if settings is not None and settings.spec.discovery else "WHITELIST"


def _open(name: Name, spec: UpstreamSpec) -> bool:
    return bool(spec.use_http2) and name.namespace not in _SYSTEM


def _label(reader: Reader, of: Inputs, name: Name, upstream: Upstream) -> str:
    """What the Upstream is labelled, else its Service, else the Service's namespace."""
    found = upstream.metadata.labels.get(LABEL, "")
    if found or upstream.spec.kube is None:
        return found
    service = service_of(name.namespace, upstream.spec.kube)
    held = reader.get(of.services, service)
    found = held.metadata.labels.get(LABEL, "") if held is not None else ""
    if found:
        return found
    around = reader.get(of.namespaces, Name("", service.namespace))
    return around.metadata.labels.get(LABEL, "") if around is not None else ""


def _targets(reader: Reader, of: Inputs, name: Name, spec: UpstreamSpec) -> tuple[tuple[str, int], ...]:
    if spec.ssl_config is not None:
        return ()
    if spec.static is not None:
        return () if spec.static.use_tls else tuple((one.addr, one.port) for one in spec.static.hosts)
    if spec.kube is None:
        return ()
    service = service_of(name.namespace, spec.kube)
    held = reader.get(of.services, service)
    return tuple(ready_endpoints(held, spec.kube.service_port, reader.find(of.slices, service)))
