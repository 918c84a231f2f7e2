"""Upstreams made of the services that registries have."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemun.api.gloo.settings import ConsulUpstreamDiscoveryConfiguration
from daemun.api.registry import Registry
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gloo.discovery.names import upstream_name
from daemun.gloo.discovery.settings import Found, discovering
from daemun.gloo.upstreams.registered import PLACE, REGISTRY, SERVICE
from daemun.ir.discovery import BY, Claim, Wanted
from daemun.ir.instances import Catalogue
from daemun.ir.registries import CONSUL

CONSULS, REGISTRYS = "consulplugin", "daemun-registry"
"""What Gloo's discoverer of Consul calls itself, and what Daemun's own is called."""
_TLS_TAG = "glooUseTls"
Fields = dict[str, object]


class Listed(NamedTuple):
    """A service of a registry."""

    registry: str
    service: str


def listed_rule(
    settings: Found, registries: Collection[Name, Registry], surroundings: Surroundings
) -> Callable[[Reader, Listed, Catalogue], Iterator[tuple[Claim, Wanted]]]:
    """The rule from a service, with its entries in all places, to the Upstreams that are made of it."""

    def claim(reader: Reader, of: Listed, entries: Catalogue) -> Iterator[tuple[Claim, Wanted]]:
        if of.registry == CONSUL:
            how = discovering(reader, settings, surroundings)
            if how.on:
                yield from _of_consul(of, entries, how.namespace, how.consul)
            return
        name = Name.of(of.registry)
        registry = reader.get(registries, name)
        if registry is not None and registry.spec.discovery.enabled:
            yield from _of_registry(of, entries, name, registry)

    return claim


def _of_registry(of: Listed, entries: Catalogue, name: Name, registry: Registry) -> Iterator[tuple[Claim, Wanted]]:
    """An Upstream for each place, beside the Registry."""
    asked = registry.spec.discovery
    labels = {**asked.labels, BY: REGISTRYS}
    for one in sorted(entries):
        if not set(asked.tags) <= set(one.tags):
            continue
        called = Name(name.namespace, upstream_name(*filter(None, (one.service, one.place))))
        annotations = {REGISTRY: name.name, SERVICE: one.service, **({PLACE: one.place} if one.place else {})}
        yield Claim(of.registry, of.service, one.place), Wanted(called, REGISTRYS, {}, labels, annotations)


def _of_consul(
    of: Listed, entries: Catalogue, namespace: str, how: ConsulUpstreamDiscoveryConfiguration
) -> Iterator[tuple[Claim, Wanted]]:
    """An Upstream for all data centers. By a tag a service says that it speaks TLS, or that some of it does."""
    tags = sorted({tag for one in entries for tag in one.tags})
    if how.service_tags_allowlist and not set(how.service_tags_allowlist) & set(tags):
        return
    consul: Fields = {"serviceName": of.service, "dataCenters": sorted({one.place for one in entries})}
    if tags:
        consul["serviceTags"] = tags
    if how.consistency_mode != "DefaultMode":
        consul["consistencyMode"] = how.consistency_mode
    if how.query_options is not None and how.query_options.use_cache is not None:
        consul["queryOptions"] = {"useCache": how.query_options.use_cache}
    tag = how.tls_tag_name or _TLS_TAG
    secure = how.use_tls_tagging and tag in tags
    split = secure and how.split_tls_services
    if secure:
        only = {"instanceTags": [tag]} if split else {}
        tls: Fields = (
            {"secretRef": {"name": how.root_ca.name, "namespace": how.root_ca.namespace}} if how.root_ca else {}
        )
        yield _consul(of, namespace, "tls" if split else "", {"consul": {**consul, **only}, "sslConfig": tls})
    if split or not secure:
        without = {"instanceBlacklistTags": [tag]} if split else {}
        yield _consul(of, namespace, "", {"consul": {**consul, **without}})


def _consul(of: Listed, namespace: str, part: str, spec: Fields) -> tuple[Claim, Wanted]:
    called = Name(namespace, upstream_name(*filter(None, (of.service, part))))
    return Claim(of.registry, of.service, part), Wanted(called, CONSULS, spec, {BY: CONSULS}, {})
