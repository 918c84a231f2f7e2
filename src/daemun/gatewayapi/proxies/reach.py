"""Where a Gateway is reached, and what its surroundings have against it: its parameters, its address, its provider."""

import msgspec

from daemun.api.core import Service
from daemun.api.status import GatewayStatusAddress
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.parameters import ResolvedParameters
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.settings import Settings
from daemun.ir.placement import Placement

Addresses = tuple[GatewayStatusAddress, ...]


class Reach(msgspec.Struct, frozen=True, gc=False):
    """`refused` goes to Accepted, `missing` to Programmed; `addresses` are those that are really assigned.

    `notes` are what it asks for that has no effect.
    """

    addresses: Addresses = ()
    refused: tuple[Finding, ...] = ()
    missing: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class Surroundings(msgspec.Struct, frozen=True):
    """The collections that tell how a Gateway is reached."""

    settings: Settings
    services: Collection[Name, Service]
    parameters: Collection[Name, ResolvedParameters]
    placements: Collection[Name, Placement]
    setbacks: Collection[str, Setback]

    def reach(self, reader: Reader, gateway: ResolvedGateway) -> Reach:
        """How this Gateway is reached."""
        if not self.settings.clustered:
            return Reach(tuple(GatewayStatusAddress("IPAddress", one) for one in gateway.addresses))
        name = gateway.ref.key
        said = reader.get(self.parameters, name)
        placement = reader.get(self.placements, name)
        refused, notes = (said.findings, said.notes) if said else ((), ())
        if placement is None:
            return Reach(refused=refused, notes=notes)
        service = reader.get(self.services, Name(name.namespace, placement.name))
        addresses = assigned(service)
        missing: tuple[Finding, ...] = ()
        if not self.settings.assume_programmed and not placement.self_managed:
            setback = reader.get(self.setbacks, gateway.proxy)
            missing = (_unplaced(setback),) if setback else tuple(_unreached(placement, service, addresses))
        return Reach(addresses, refused, missing, notes)


def assigned(service: Service | None) -> Addresses:
    """The addresses of a Service: its load balancer's, or its own within the cluster."""
    if service is None:
        return ()
    if service.spec.type == "LoadBalancer":
        given = service.status.load_balancer.ingress
        return tuple(
            GatewayStatusAddress("IPAddress", one.ip) if one.ip else GatewayStatusAddress("Hostname", one.hostname)
            for one in given
            if one.ip or one.hostname
        )
    return tuple(GatewayStatusAddress("IPAddress", one) for one in service.own_addresses)


def _unreached(placement: Placement, service: Service | None, addresses: Addresses) -> list[Finding]:
    given = {one.value for one in addresses}
    lacking = [one for one in placement.addresses if one not in given]
    if lacking:
        text = f"{', '.join(lacking)} is not assigned to Service {placement.name}"
        mend = "Ask for one that the load balancer of this cluster can give, or for none."
        return [Finding("AddressNotUsable", "spec.addresses", text, mend)]
    return [] if given else [_unassigned(placement, service)]


def _unassigned(placement: Placement, service: Service | None) -> Finding:
    """That there is no address yet. A cluster may have nobody who gives one: then it says what to do."""
    node_ports = [f"{one.node_port} for {one.port}" for one in service.spec.ports if one.node_port] if service else []
    if not node_ports:
        return Finding("AddressNotAssigned", "", f"Service {placement.name} has no address yet")
    text = f"no load balancer has given Service {placement.name} an address yet"
    mend = (
        f"The nodes' ports serve meanwhile: {', '.join(node_ports)}. "
        "In a cluster without a load balancer, set serviceType: NodePort."
    )
    return Finding("AddressNotAssigned", "", text, mend)


def _unplaced(setback: Setback) -> Finding:
    return Finding("NoResources", "", setback.text, setback.mend)
