"""Upstreams whose endpoints a registry knows: which services they look up, and which of the instances they take."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from daemun.api.gloo.cloud import ConsulUpstreamSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.base.guard import Guard
from daemun.flow import Collection, Reader
from daemun.ir.instances import Instance, Instances, Lookup

CONSUL = "consul"
_HOW: Mapping[str, str] = MappingProxyType({"DefaultMode": "", "StaleMode": "stale", "ConsistentMode": "consistent"})
_CACHED = "cached"


def lookups_of(spec: UpstreamSpec) -> tuple[Lookup, ...]:
    """What is looked up for an Upstream: one service in each of its data centers; nothing if no registry knows it."""
    consul = spec.consul
    if consul is None:
        return ()
    how = _HOW[consul.consistency_mode]
    if not how and consul.query_options is not None and consul.query_options.use_cache:
        how = _CACHED
    return tuple(Lookup(CONSUL, consul.service_name, place, how) for place in consul.data_centers or ("",))


def instances_of(
    reader: Reader, found: Collection[Lookup, Instances], spec: UpstreamSpec, guard: Guard
) -> list[Instance] | None:
    """The instances of an Upstream; None while its registry has not said any.

    Before a registry has answered nothing is known, which is not the same as that there are none: a proxy that has
    endpoints of before keeps them. Whoever registers a service decides on no more than its own addresses: those that no
    request may reach (`internals`) are left out.
    """
    said = [reader.get(found, one) for one in lookups_of(spec)]
    known = [each for each in said if each is not None]
    if not known:
        return None
    taken = {one for each in known for one in each if spec.consul is None or _taken(spec.consul, one)}
    return sorted(one for one in taken if is_ip(one.address) and not guard.refuses(one.address))


def faults(consul: ConsulUpstreamSpec) -> Iterator[tuple[str, str, str]]:
    """What is wrong with an Upstream of Consul's: the field, why, and how to mend it."""
    if not consul.service_name:
        yield "spec.consul.serviceName", "is empty", "Name the service as Consul has it."
    if consul.connect_enabled:
        yield "spec.consul.connectEnabled", "services behind Consul's own proxies are not served yet", "Leave it out."


def _taken(consul: ConsulUpstreamSpec, one: Instance) -> bool:
    """Tags that an instance must have all of, and tags of which it may have none."""
    has = set(one.tags)
    return has.issuperset(consul.instance_tags) and has.isdisjoint(consul.instance_blacklist_tags)
