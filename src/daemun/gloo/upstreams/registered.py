"""Upstreams whose endpoints a registry knows: which services they look up, and which of the instances they take."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from daemun.api.gloo.cloud import ConsulUpstreamSpec
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.base.guard import Guard
from daemun.base.names import DAEMUN, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.upstreams import ec2
from daemun.ir.instances import Instance, Instances, Lookup
from daemun.ir.registries import CONNECT, CONSUL

REGISTRY, SERVICE, PLACE = "daemun.dev/registry", "daemun.dev/service", "daemun.dev/place"
"""The annotations by which an Upstream of no type names a Registry, with its namespace if it is in another, the service
there and the place. Gloo's CRD has no field for it, and prunes those that it does not have."""
_HOW: Mapping[str, str] = MappingProxyType({"DefaultMode": "", "StaleMode": "stale", "ConsistentMode": "consistent"})
_CACHED = "cached"


def registry_of(name: Name, upstream: Upstream) -> Ref | None:
    """The Registry that an Upstream of this name names, if it does."""
    text = upstream.metadata.annotations.get(REGISTRY)
    if text is None:
        return None
    namespace, _, rest = text.rpartition("/")
    return Ref(DAEMUN, "Registry", namespace or name.namespace, rest)


def lookups_of(name: Name, upstream: Upstream) -> tuple[Lookup, ...]:
    """What is looked up for an Upstream: one service in each of its data centers; nothing if no registry knows it."""
    consul, annotations = upstream.spec.consul, upstream.metadata.annotations
    if consul is not None:
        return lookups_in(consul)
    if upstream.spec.aws_ec2 is not None:
        return (ec2.lookup_of(name, upstream.spec.aws_ec2),)
    registry = registry_of(name, upstream)
    if registry is None:
        return ()
    return (Lookup(str(registry.key), annotations.get(SERVICE) or name.name, annotations.get(PLACE, "")),)


def lookups_in(consul: ConsulUpstreamSpec) -> tuple[Lookup, ...]:
    """What is looked up in Consul: the service in each of its data centers."""
    how = _HOW[consul.consistency_mode]
    if not how and consul.query_options is not None and consul.query_options.use_cache:
        how = _CACHED
    if consul.connect_enabled:
        how = f"{CONNECT}+{how}" if how else CONNECT
    return tuple(Lookup(CONSUL, consul.service_name, place, how) for place in consul.data_centers or ("",))


def instances_of(
    reader: Reader,
    found: Collection[Lookup, Instances],
    lookups: tuple[Lookup, ...],
    spec: UpstreamSpec,
    guard: Guard,
) -> list[Instance] | None:
    """The instances of an Upstream; None while its registry has not said any.

    Before a registry has answered nothing is known, which is not the same as that there are none: a proxy that has
    endpoints of before keeps them. Whoever registers a service decides on no more than its own addresses: those that no
    request may reach (`internals`) are left out.
    """
    said = [reader.get(found, one) for one in lookups]
    known = [each for each in said if each is not None]
    if not known:
        return None
    taken = {one for each in known for one in each if spec.consul is None or _taken(spec.consul, one)}
    return sorted(one for one in taken if is_ip(one.address) and not guard.refuses(one.address))


def subset_tags(consul: ConsulUpstreamSpec | None) -> tuple[str, ...]:
    """The tags by which instances are told apart."""
    return tuple(sorted(set(consul.subset_tags or consul.service_tags))) if consul is not None else ()


def label(tag: str) -> str:
    """What says of an instance whether it has the tag: 1 or 0 (as Gloo calls it)."""
    return f"tag_{tag}"


def faults(consul: ConsulUpstreamSpec) -> Iterator[tuple[str, str, str]]:
    """What is wrong with an Upstream of Consul's: the field, why, and how to mend it."""
    if not consul.service_name:
        yield "spec.consul.serviceName", "is empty", "Name the service as Consul has it."


def _taken(consul: ConsulUpstreamSpec, one: Instance) -> bool:
    """Tags that an instance must have all of, and tags of which it may have none."""
    has = set(one.tags)
    return has.issuperset(consul.instance_tags) and has.isdisjoint(consul.instance_blacklist_tags)
