"""backendRefs: from a name to a backend that requests can be sent to, or to what is wrong with it."""

import msgspec

from daemun.api.core import Service, ServicePort
from daemun.api.meta import BackendObjectReference
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.ir.backend import BackendKey, Protocol


class Inputs(msgspec.Struct, frozen=True):
    """The collections that backends are found in."""

    services: Collection[Name, Service]
    grants: GrantIndex


def resolve_backend(
    reader: Reader, inputs: Inputs, route: Ref, where: str, ref: BackendObjectReference, protocol: Protocol
) -> tuple[BackendKey | None, Finding | None]:
    """The backend behind a reference, or a finding that says why there is none (Gateway API, ResolvedRefs).

    `protocol` is what the kind of route speaks when the Service's port does not say (GEP-1911).
    """
    if (ref.group, ref.kind) != ("", "Service"):
        text = f"{ref.kind} of group {ref.group!r} is not a kind of backend"
        return None, Finding("InvalidKind", where, text, "Name a Service.")
    target = Ref("", "Service", ref.namespace or route.namespace, ref.name)
    if not permitted(reader, inputs.grants, route, target):
        text = f"{target} is in another namespace, which has not granted it"
        return None, Finding("RefNotPermitted", where, text, grant_to_write(route, target))
    service = reader.get(inputs.services, target.key)
    if service is None:
        return None, Finding("BackendNotFound", where, f"{target} does not exist")
    if service.spec.type == "ExternalName":
        # An ExternalName could name the gateway's own internals or another tenant's (CVE-2021-25740 and its kin).
        return None, Finding("BackendNotFound", where, f"{target} is an ExternalName, which is not routed to")
    port = next((one for one in service.spec.ports if one.port == ref.port and one.protocol == "TCP"), None)
    if port is None:
        has = ", ".join(str(one.port) for one in service.spec.ports) or "none"
        return None, Finding("BackendNotFound", where, f"{target} has no TCP port {ref.port} (it has {has})")
    spoken = _protocol(port, protocol)
    if spoken is None:
        text = f"port {port.port} of {target} has appProtocol {port.app_protocol!r}, which needs TLS to the backend"
        return None, Finding("UnsupportedProtocol", where, text, "TLS to backends is not served yet.")
    return BackendKey(target.namespace, target.name, port.port, spoken), None


def _protocol(port: ServicePort, default: Protocol) -> Protocol | None:
    match port.app_protocol:
        case "kubernetes.io/h2c" | "grpc":
            return "h2c"
        case "kubernetes.io/ws" | "http":
            return "http"
        case "kubernetes.io/wss" | "https":
            return None
        case _:
            return default
