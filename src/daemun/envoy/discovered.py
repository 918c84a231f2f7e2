"""Which Upstreams' functions are asked for, and of whom (Gloo's function discovery)."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import EndpointSlice, Namespace, Service
from daemun.api.gloo.settings import Settings
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.names import Name
from daemun.envoy.endpoints import ready_endpoints
from daemun.flow import Collection, Index, Reader
from daemun.gloo.functions import aws, rest
from daemun.gloo.functions.transcoding import by_reflection, service_spec
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.upstreams.upstream import ResolvedUpstream, service_of
from daemun.ir.discovered import Asked, Documents, Question, Reflection

LABEL = "discovery.solo.io/function_discovery"
_SYSTEM = {"kube-system", "kube-public"}
_MOST_SERVERS = 3
"""Of those that have the same document."""


class Inputs(msgspec.Struct, frozen=True):
    """What says who is asked, and where. `upstreams` say what became of them, and who signs."""

    settings: Collection[Name, Settings]
    namespaces: Collection[Name, Namespace]
    services: Collection[Name, Service]
    slices: Index[Name, Name, EndpointSlice]
    upstreams: Collection[Name, ResolvedUpstream]


def asked_rule(of: Inputs) -> Callable[[Reader, Name, Upstream], Iterator[tuple[Name, Asked]]]:
    """The rule from an Upstream to who is asked for its functions, if anybody is.

    That is where it needs them and does not say them: a transcoder without descriptors, a REST service with no more
    than a document's address, AWS without functions. One that says nothing of its services is asked where a label asks
    for it, and with the mode BLACKLIST. Without Settings it takes a label (WHITELIST).
    """

    def asked(reader: Reader, name: Name, upstream: Upstream) -> Iterator[tuple[Name, Asked]]:
        mode = _mode(reader, of)
        if mode == "DISABLED":
            return
        wanted = _wanted(reader, of, name, upstream.spec)
        if not wanted and (upstream.spec.aws is not None or service_spec(upstream.spec) is not None):
            return
        label = _label(reader, of, name, upstream)
        if label == "disabled":
            return
        if wanted:
            yield name, Asked((wanted,))
        elif found := tuple(_probes(reader, of, name, upstream.spec, mode, label)):
            yield name, Asked(found, probed=True)

    return asked


def _wanted(reader: Reader, of: Inputs, name: Name, spec: UpstreamSpec) -> Question | None:
    """What has to be asked, for the Upstream itself says that it has functions."""
    if spec.aws is not None:
        resolved = reader.get(of.upstreams, name) if not spec.aws.lambda_functions else None
        known = resolved is not None and not resolved.faults
        return aws.question(resolved.spec, resolved.signing) if resolved is not None and known else None
    said = service_spec(spec)
    if said is None:
        return None
    targets = _targets(reader, of, name, spec)
    if by_reflection(said[1]):
        return Reflection(targets) if targets else None
    return rest.question(said[1].rest, _bases(targets), _names(name, spec)) if said[1].rest is not None else None


def _probes(reader: Reader, of: Inputs, name: Name, spec: UpstreamSpec, mode: str, label: str) -> Iterator[Question]:
    """What is asked of servers of which nobody says what they are: by what they speak."""
    labelled = label == "enabled"
    open_to_all = mode == "BLACKLIST" and name.namespace not in _SYSTEM
    targets = _targets(reader, of, name, spec) if labelled or open_to_all else ()
    if not targets:
        return
    if not spec.use_http2:
        yield Documents(_bases(targets), rest.PATHS)
    if spec.use_http2 or labelled:
        yield Reflection(targets)


def _bases(targets: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    at = (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}" for host, port in targets)
    return tuple(at)[:_MOST_SERVERS]


def _names(name: Name, spec: UpstreamSpec) -> frozenset[str]:
    """By which names a document may be asked for of the Upstream's own servers, each with its port."""
    if spec.kube is None:
        return frozenset()
    service, port = service_of(name.namespace, spec.kube), spec.kube.service_port
    host = f"{service.name}.{service.namespace}"
    return frozenset(f"{one}:{port}" for one in (host, f"{host}.svc", f"{host}.svc.cluster.local"))


def _mode(reader: Reader, of: Inputs) -> str:
    settings = reader.get(of.settings, SETTINGS)
    return settings.spec.discovery.fds_mode if settings is not None and settings.spec.discovery else "WHITELIST"


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
